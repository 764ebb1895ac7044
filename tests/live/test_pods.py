"""An Envoy as pods start it: ready with its first configuration, and emptied without a failed request."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

import aiohttp
import pytest
from yaml import safe_load

from tests.live import config
from tests.live.envoy import running
from tests.live.test_removed_under_requests import slow_backend
from tests.live.test_xds import plane
from tests.ports import free_port
from xdsserver.infrastructure.stopping import SCRIPT
from xdsserver.proxy.bootstrap import BootstrapOptions, TcpAddress, UnixSocket, build_bootstrap, to_yaml

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from tests.live.envoy import Envoy
    from xdsserver.xds.resource import Resource

pytestmark = pytest.mark.live


@asynccontextmanager
async def pod(
    tmp_path: Path, probes: int, *, xds: TcpAddress | None = None, fleet: str = config.FLEET
) -> AsyncIterator[Envoy]:
    """Run an Envoy with the bootstrap of a pod; its name comes from outside of that."""
    socket = tmp_path / "admin.sock"
    options = BootstrapOptions(
        node_id="",
        fleet=fleet,
        xds=xds or UnixSocket(f"{tmp_path}/xds.sock"),
        admin=UnixSocket(str(socket)),
        probes=TcpAddress("127.0.0.1", probes),
        initial_fetch_timeout_s=3600,
    )
    bootstrap = safe_load(to_yaml(build_bootstrap(options)))
    async with running(bootstrap, wait=False, options=("--service-node", "pod-1")) as envoy:
        socket.symlink_to(envoy.log.parent / "admin.sock")
        yield envoy


async def status(port: int, path: str = "/ready", method: str = "GET") -> int | None:
    """Ask as a kubelet does; None where nobody listens."""
    try:
        url = f"http://127.0.0.1:{port}{path}"
        async with aiohttp.ClientSession() as session, session.request(method, url) as answer:
            await answer.read()
            return answer.status
    except aiohttp.ClientConnectionError:
        return None


async def until(port: int, wanted: int) -> None:
    """Wait until the probe says so."""
    async with asyncio.timeout(20):
        while await status(port) != wanted:  # noqa: ASYNC110 (another process, nothing to await)
            await asyncio.sleep(0.02)


def world(port: int, backend: int) -> list[Resource]:
    table = config.routes("table", ["slow"])
    return [
        config.cluster("slow"),
        config.endpoints("slow", backend),
        config.listener("l", port, routes="table"),
        table,
    ]


async def test_a6_requests_under_way_are_waited_for_and_clients_are_told_to_leave(tmp_path: Path) -> None:
    """A6: preStop fails the health check, drains, and waits until nothing is active: 0 failures with retries off."""
    probes, port = free_port(), free_port()
    script = tmp_path / "stop.pl"
    script.write_text(SCRIPT)
    async with (
        slow_backend() as backend,
        pod(tmp_path, probes) as envoy,
        aiohttp.ClientSession() as session,
        plane(f"unix:{tmp_path}/xds.sock", world(port, backend.port)),
    ):
        await until(probes, 200)
        url = f"http://127.0.0.1:{port}"
        assert "connection" not in (await session.get(f"{url}/quick")).headers
        slow = asyncio.create_task(session.get(f"{url}/slow"))
        async with asyncio.timeout(20):
            while not backend.under_way:  # noqa: ASYNC110 (another process, nothing to await)
                await asyncio.sleep(0.01)
        stopping = await asyncio.create_subprocess_exec("perl", script, tmp_path / "admin.sock", "0", "60")
        await until(probes, 503)
        # Whoever is still sent here is served, and told not to come again.
        late = await session.get(f"{url}/quick")
        assert (late.status, late.headers["connection"]) == (200, "close")
        assert await stopping.wait() == 0
        # What a kubelet does then cuts off nothing.
        envoy.process.terminate()
        async with asyncio.timeout(20):
            assert (await slow).status == 200


async def test_a5_an_envoy_is_ready_with_its_first_configuration_and_not_before(tmp_path: Path) -> None:
    """A5: readiness only after the first complete LDS, RDS, CDS and EDS; and what probes ask is all they may."""
    probes, port = free_port(), free_port()
    async with (
        slow_backend() as backend,
        pod(tmp_path, probes) as envoy,
        plane(f"unix:{tmp_path}/xds.sock", world(port, backend.port), ready_now=False) as held,
    ):
        # It is connected, and has asked; what it asked for is held back.
        await envoy.wait_for_stat("control_plane.connected_state", 1)
        assert await status(probes) is None
        held.server.ready()
        await until(probes, 200)
        async with aiohttp.ClientSession() as session:
            assert (await session.get(f"http://127.0.0.1:{port}/quick")).status == 200
        assert held.ledger.newest("pod-1") is not None
        assert await status(probes, "/stats/prometheus") == 200
        for path, method in (("/ready", "POST"), ("/quitquitquit", "POST"), ("/config_dump", "GET"), ("/", "GET")):
            assert await status(probes, path, method) == 404, path
