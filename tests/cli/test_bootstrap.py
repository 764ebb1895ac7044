"""`xdsserver bootstrap`: what somebody else's Envoy is started with."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest
import yaml

from tests.cli.run import xdsserver
from xdsserver.proxy.envoy import find_envoy

if TYPE_CHECKING:
    from pathlib import Path


def test_addresses_name_and_fleet_are_those_that_were_asked_for() -> None:
    arguments = ("--xds", "[::1]:18005", "--admin", "unix:/run/admin.sock", "--node-id", "edge-7", "--fleet", "a/b")
    bootstrap = yaml.safe_load(xdsserver("bootstrap", *arguments).out)
    assert bootstrap["node"]["id"] == "edge-7"
    assert bootstrap["node"]["cluster"] == "a/b"
    assert bootstrap["admin"]["address"]["pipe"]["path"] == "/run/admin.sock"
    (cluster,) = (one for one in bootstrap["static_resources"]["clusters"] if "18005" in str(one))
    assert "'::1'" in str(cluster)


@pytest.mark.parametrize("option", ["--xds", "--admin"])
@pytest.mark.parametrize("address", ["nonsense", "127.0.0.1", "127.0.0.1:port", "127.0.0.1:70000"])
def test_what_is_no_address_is_exit_2(option: str, address: str) -> None:
    answer = xdsserver("bootstrap", option, address)
    assert answer.code == 2
    assert answer.out == ""


def test_probes_are_answered_once_there_is_a_configuration() -> None:
    bootstrap = yaml.safe_load(
        xdsserver("bootstrap", "--admin", "unix:/run/admin.sock", "--probes", "0.0.0.0:19001").out
    )
    (listener,) = bootstrap["static_resources"]["listeners"]
    assert listener["address"]["socket_address"] == {"address": "0.0.0.0", "port_value": 19001}  # noqa: S104
    # Envoy opens no port before it has its listeners, and waits a day for them instead of going on without.
    assert bootstrap["dynamic_resources"]["lds_config"]["initial_fetch_timeout"] == "86400s"


@pytest.mark.parametrize("arguments", [("--probes", "unix:/x"), ("--probes", "0.0.0.0:19001")])
def test_probes_are_a_port_and_need_an_admin_interface_that_is_a_socket(arguments: tuple[str, ...]) -> None:
    answer = xdsserver("bootstrap", *arguments)
    assert answer.code == 2
    assert answer.out == ""


@pytest.mark.live
@pytest.mark.parametrize("arguments", [(), ("--xds", "unix:xds.sock", "--admin", "unix:admin.sock")])
async def test_envoy_accepts_it(tmp_path: Path, arguments: tuple[str, ...]) -> None:
    path = tmp_path / "bootstrap.yaml"
    path.write_text(xdsserver("bootstrap", *arguments).out)
    envoy = await asyncio.create_subprocess_exec(
        *(find_envoy(), "--mode", "validate", "-c", path, "--disable-hot-restart"),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    words, _ = await envoy.communicate()
    assert envoy.returncode == 0, words.decode()
