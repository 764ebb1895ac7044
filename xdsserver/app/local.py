"""An Envoy of our own beside the server, for every way to run that offers one."""

from __future__ import annotations

from typing import TYPE_CHECKING

from xdsserver.proxy.bootstrap import BootstrapOptions, UnixSocket, build_bootstrap
from xdsserver.proxy.envoy import find_envoy
from xdsserver.proxy.local_envoy import LocalEnvoy
from xdsserver.proxy.supervisor import Supervisor
from xdsserver.reconciler import FLEET

if TYPE_CHECKING:
    from xdsserver.narrator import Narrator
    from xdsserver.settings import EnvoySettings


def local_addresses(settings: EnvoySettings | None) -> tuple[str, ...]:
    """Give the address where the Envoy asks us; none where there is no Envoy."""
    return () if settings is None else (f"unix:{settings.runtime_dir / 'xds.sock'}",)


def supervisor(settings: EnvoySettings, node_id: str, narrator: Narrator) -> Supervisor:
    """Make what keeps an Envoy alive.

    Raises:
        EnvoyNotFoundError: there is no Envoy to run.
    """
    bootstrap = build_bootstrap(
        BootstrapOptions(
            node_id=node_id,
            fleet=FLEET,
            xds=UnixSocket(str(settings.runtime_dir / "xds.sock")),
            admin=UnixSocket(str(settings.runtime_dir / "admin.sock")),
        )
    )
    envoy = LocalEnvoy(
        find_envoy(settings.binary),
        bootstrap,
        settings.runtime_dir,
        concurrency=settings.concurrency,
        drain_s=settings.drain_s,
        keep=settings.keep,
    )
    return Supervisor(envoy, narrator.envoy_state, narrator.envoy_line)
