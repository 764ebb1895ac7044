"""What anonymous memory `serve` has in a cluster of 5,000 Services, once every status is written."""

from __future__ import annotations

import asyncio
import tempfile
from contextlib import AsyncExitStack
from pathlib import Path
from typing import TYPE_CHECKING

from bench import rig
from bench.cluster import API, SLICES, Asking, cluster_here, in_pod
from bench.figure import Figure
from e2e.operating import POOL, PORT, Process, restricted, until, world
from e2e.serving import serving
from tests.live.http1 import Ask, Connection
from tests.ports import free_port

if TYPE_CHECKING:
    from collections.abc import Iterator

    from e2e.conftest import Cluster
    from e2e.operating import World

ROUTES = 5000
"""Each to a Service of its own, which has a slice."""
REST_S = 3.0


def figures() -> Iterator[Figure]:
    """Measure; nothing where there is no cluster."""
    if (cluster := cluster_here()) is not None:
        params: dict[str, int | str] = {"routes": ROUTES, "services": ROUTES}
        yield Figure("server_rss_mib", asyncio.run(_size(cluster)), "MiB", params, at_most=300, note="anonymous memory")


async def _size(cluster: Cluster) -> float:
    async with AsyncExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="xds")))
        there = await stack.enter_async_context(world(cluster, "sized"))
        await _fill(there)
        xds, health = f"unix:{folder}/xds.sock", f"127.0.0.1:{free_port()}"
        account = restricted(cluster, folder)
        options = ("--addresses", POOL, "--xds", xds, "--health", health)
        server = await stack.enter_async_context(serving(account, *options, within=in_pod(account, folder)))
        process = Process(server.process.pid, health)
        stack.enter_context(rig.data_plane(folder / "ours", xds, core=None))
        # With the route that every world has.
        await there.attached(ROUTES + 1)

        async def written() -> bool:
            written = await asyncio.to_thread(
                process.metric, "xdsserver_status_writes_total", kind="HTTPRoute", result="written"
            )
            return written > ROUTES

        await until(written, 240)
        asking = Asking(await Connection.open(there.address(), PORT))
        await asking.until(Ask(f"/r{ROUTES - 1}"), lambda _answer: True)
        await asyncio.sleep(REST_S)
        return process.anonymous_mib()


async def _fill(there: World) -> None:
    names = [f"s{number}" for number in range(ROUTES)]
    await there.create(f"/api/v1/namespaces/{there.namespace}/services", map(there.service, names))
    await there.create(f"{SLICES}/namespaces/{there.namespace}/endpointslices", map(there.endpoint_slice, names))
    routes = (there.route(f"r{number}", f"/r{number}", name) for number, name in enumerate(names))
    await there.create(f"{API}/namespaces/{there.namespace}/httproutes", routes)
