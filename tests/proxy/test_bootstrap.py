from __future__ import annotations

import dataclasses
import subprocess
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest
from envoy.config.bootstrap.v3.bootstrap_pb2 import Bootstrap
from envoy.config.cluster.v3.cluster_pb2 import Cluster
from google.protobuf import json_format
from yaml import safe_load

from tests.proxy.rewrite_bootstrap import COMPOSE, OPTIONS, texts
from xdsserver.authority import issue_client, make_authority
from xdsserver.authority.certificates import utc_now
from xdsserver.authority.envoy_files import write_envoy_files
from xdsserver.proxy.bootstrap import (
    MAX_SOCKET_PATH_BYTES,
    TcpAddress,
    UnixSocket,
    build_bootstrap,
    to_yaml,
)
from xdsserver.proxy.envoy import find_envoy

if TYPE_CHECKING:
    from pathlib import Path

    from xdsserver.proxy.bootstrap import (
        BootstrapOptions,
    )


def test_the_committed_bootstraps_are_what_the_code_makes() -> None:
    for path, text in texts().items():
        assert path.read_text(encoding="utf-8") == text, "run `make golden` and read the diff"


def test_yaml_holds_the_whole_message() -> None:
    bootstrap = build_bootstrap(OPTIONS)
    assert json_format.ParseDict(safe_load(to_yaml(bootstrap)), Bootstrap()) == bootstrap


@pytest.mark.live
@pytest.mark.parametrize(
    "options",
    [
        pytest.param(OPTIONS, id="unix socket"),
        pytest.param(dataclasses.replace(OPTIONS, xds=TcpAddress("127.0.0.1", 18000)), id="address"),
        pytest.param(dataclasses.replace(OPTIONS, xds=TcpAddress("xdsserver.example", 18000)), id="name"),
        pytest.param(dataclasses.replace(OPTIONS, xds=TcpAddress("10.0.0.1", 18001), tls_dir="tls"), id="mutual tls"),
        pytest.param(
            dataclasses.replace(OPTIONS, admin=TcpAddress("127.0.0.1", 19000), max_heap_bytes=1 << 30), id="heap"
        ),
        pytest.param(dataclasses.replace(OPTIONS, probes=TcpAddress("127.0.0.1", 19001)), id="pod"),
        pytest.param(dataclasses.replace(COMPOSE, node_id="envoy-1", tls_dir="tls"), id="compose"),
    ],
)
def test_envoy_accepts_it_without_a_warning(options: BootstrapOptions, tmp_path: Path) -> None:
    authority = make_authority(utc_now())
    issued = issue_client(authority, "a/b", timedelta(days=1), utc_now())
    write_envoy_files(tmp_path / "tls", issued, authority.certificate)
    path = tmp_path / "bootstrap.yaml"
    path.write_text(to_yaml(build_bootstrap(options)), encoding="utf-8")
    answer = subprocess.run(
        [find_envoy(), "--mode", "validate", "--config-path", path, "--log-level", "warning"],
        capture_output=True,
        text=True,
        check=False,
        cwd=tmp_path,
    )
    assert (answer.returncode, answer.stderr) == (0, "")


@pytest.mark.parametrize(
    ("host", "kind"),
    [("10.0.0.1", Cluster.STATIC), ("::1", Cluster.STATIC), ("xdsserver.svc", Cluster.STRICT_DNS)],
)
def test_a_name_is_resolved_again_and_an_address_is_not(host: str, kind: Cluster.DiscoveryType.ValueType) -> None:
    bootstrap = build_bootstrap(dataclasses.replace(OPTIONS, xds=TcpAddress(host, 18000)))
    (cluster,) = bootstrap.static_resources.clusters
    assert cluster.type == kind
    assert cluster.upstream_connection_options.tcp_keepalive.keepalive_time.value > 0


def test_a_folder_of_tls_means_that_no_plaintext_is_spoken() -> None:
    def secured(tls_dir: str | None) -> bool:
        bootstrap = build_bootstrap(dataclasses.replace(OPTIONS, tls_dir=tls_dir))
        return bootstrap.static_resources.clusters[0].HasField("transport_socket")

    assert [secured(None), secured("/etc/xdsserver/tls")] == [False, True]


def test_probes_are_not_served_from_an_admin_interface_that_has_a_port() -> None:
    with pytest.raises(ValueError, match="admin interface on a socket"):
        build_bootstrap(
            dataclasses.replace(OPTIONS, admin=TcpAddress("127.0.0.1", 19000), probes=TcpAddress("127.0.0.1", 19001))
        )


def test_no_wait_is_for_ever() -> None:
    with pytest.raises(ValueError, match="initial_fetch_timeout_s"):
        build_bootstrap(dataclasses.replace(OPTIONS, initial_fetch_timeout_s=0))
    resources = build_bootstrap(OPTIONS).dynamic_resources
    assert resources.cds_config.initial_fetch_timeout.seconds > 10
    assert resources.lds_config.initial_fetch_timeout.seconds > 10


def test_a_socket_path_that_the_kernel_refuses_is_refused_here() -> None:
    longest = "/" + "x" * (MAX_SOCKET_PATH_BYTES - 1)
    build_bootstrap(dataclasses.replace(OPTIONS, admin=UnixSocket(longest)))
    with pytest.raises(ValueError, match="shorter folder"):
        build_bootstrap(dataclasses.replace(OPTIONS, admin=UnixSocket(longest + "x")))
