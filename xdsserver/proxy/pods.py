"""The bootstrap of Envoys in pods: all of a fleet have the same, and each is told its name by its pod."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

from xdsserver.infrastructure.dataplane import ADMIN_SOCKET, CERTIFICATE_DIR, PROBES_PORT, DataPlane
from xdsserver.proxy.bootstrap import (
    FIRST_CONFIGURATION_S,
    BootstrapOptions,
    TcpAddress,
    UnixSocket,
    build_bootstrap,
    to_yaml,
)

if TYPE_CHECKING:
    from xdsserver.settings import HostPort


def data_plane(xds: HostPort, image: str) -> DataPlane:
    """Say how Envoys are run in pods, which reach our server at this address over mutual TLS."""

    @cache
    def bootstrap(fleet: str, max_heap_bytes: int | None) -> str:
        options = BootstrapOptions(
            node_id="",
            fleet=fleet,
            xds=TcpAddress(xds.host, xds.port),
            admin=UnixSocket(ADMIN_SOCKET),
            tls_dir=CERTIFICATE_DIR,
            probes=TcpAddress("0.0.0.0", PROBES_PORT),  # noqa: S104  (the kubelet asks the pod by its address)
            max_heap_bytes=max_heap_bytes,
            initial_fetch_timeout_s=FIRST_CONFIGURATION_S,
        )
        return to_yaml(build_bootstrap(options))

    return DataPlane(bootstrap, image)
