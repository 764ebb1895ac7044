"""Routes created one by one on a real API server until each answers: by `serve`, and by a server written by hand.

First one, then the other, with the same routes, the same Envoy and the same other resources. Besides statuses, which
only we write, all that differs is what is between a watch and a stream.
"""

from __future__ import annotations

import asyncio
import json
import statistics
import sys
import tempfile
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from bench import rig
from bench.cluster import API, Asking, cluster_here, in_pod
from bench.figure import Figure, percentile
from e2e.operating import POOL, PORT, Process, restricted, until, world
from e2e.serving import serving
from tests.live.http1 import Ask, Connection
from tests.ports import free_port
from xdsserver.kube.errors import TimedOut

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from e2e.conftest import Cluster
    from e2e.operating import World

ROUTES = 3000


@dataclass(frozen=True, slots=True)
class Samples:
    """What the routes took, in the order in which they were created."""

    answer_ms: Sequence[float]
    """From before a route is created until it answers."""
    own_ms: Sequence[float]
    """From its event being read until the last byte that came of it is written."""
    wrong: int
    """Answers that were neither 404 nor 200."""


def figures() -> Iterator[Figure]:
    """Measure; nothing where there is no cluster."""
    if (cluster := cluster_here()) is not None:
        ours, theirs = asyncio.run(_both(cluster))
        yield from _told("ours", ours)
        yield from _told("handwritten", theirs)
        yield from _judged(ours, theirs)


def _told(server: str, samples: Samples) -> Iterator[Figure]:
    for name, of in (("watch_to_answer_ms", samples.answer_ms), ("watch_to_written_ms", samples.own_ms)):
        tenth = len(of) // 10
        values = {
            "mean": statistics.mean(of),
            "p50": statistics.median(of),
            "p99": percentile(of, 0.99),
            "max": max(of),
            "p50 of the first tenth": statistics.median(of[:tenth]),
            "p50 of the last tenth": statistics.median(of[-tenth:]),
        }
        for which, value in values.items():
            goal = 5 if (server, name, which) == ("ours", "watch_to_written_ms", "p50") else None
            params: dict[str, int | str] = {"routes": len(of), "server": server, "of": which}
            yield Figure(name, value, "ms", params, at_most=goal)


def _judged(ours: Samples, theirs: Samples) -> Iterator[Figure]:
    params: dict[str, int | str] = {"routes": len(ours.answer_ms)}
    ratio = statistics.median(ours.answer_ms) / statistics.median(theirs.answer_ms)
    yield Figure("watch_to_answer_ratio", ratio, "x", params, at_most=1.3, note="p50, to the server written by hand")
    tenth = len(ours.answer_ms) // 10
    growth = statistics.median(ours.answer_ms[-tenth:]) / statistics.median(ours.answer_ms[:tenth])
    note = "p50 of the last tenth to that of the first; one RouteConfiguration per bind: Envoy's own work grows with it"
    yield Figure("watch_to_answer_growth", growth, "x", params, note=note)
    note = "neither 404 nor 200"
    yield Figure("watch_to_answer_wrong", ours.wrong, "answers", params, at_most=0, note=note)


async def _both(cluster: Cluster) -> tuple[Samples, Samples]:
    with tempfile.TemporaryDirectory(prefix="xds") as folder:
        async with world(cluster, "watched") as there:
            ours = await _ours(there, Path(folder))
            await without_routes(there)
            theirs = await _handwritten(there, Path(folder))
            # Namespaces go while others measure: with little in them.
            await without_routes(there)
            return ours, theirs


async def _ours(there: World, folder: Path) -> Samples:
    xds, health = f"unix:{folder}/xds.sock", f"127.0.0.1:{free_port()}"
    async with AsyncExitStack() as stack:
        account = restricted(there.cluster, folder)
        within = in_pod(account, folder)
        way = () if within else ("--kubeconfig", str(account.kubeconfig))
        timed = (*within, sys.executable, "-m", "bench.timed", str(folder))
        options = (*way, "--addresses", POOL, "--xds", xds, "--health", health)
        server = await stack.enter_async_context(serving(account, *options, within=timed))
        await until(Process(server.process.pid, health).ready)
        # Neither has a core of its own: the API server takes what it needs of both.
        stack.enter_context(rig.data_plane(folder / "ours", xds, core=None))
        wait = ("-n", there.namespace, "wait", "--for=condition=Programmed", "gateway/edge", "--timeout=60s")
        await asyncio.to_thread(there.cluster.run, *wait)
        await without_routes(there)
        answer_ms, wrong = await _created(there, there.address())
    times = json.loads((folder / "times.json").read_text())
    # A route that was there before us may have been told of, too.
    return Samples(answer_ms, times[-len(answer_ms) :], wrong)


async def _handwritten(there: World, folder: Path) -> Samples:
    xds = f"unix:{folder}/hand.sock"
    words = (str(folder / "dump.json"), xds, str(there.cluster.kubeconfig), there.namespace)
    with rig.process("bench.handwritten_watch", *words) as child:
        await asyncio.to_thread(child.hear)
        with rig.data_plane(folder / "hand", xds, core=None):
            answer_ms, wrong = await _created(there, there.address())
            child.tell("times")
            times = (await asyncio.to_thread(child.hear))["times_ms"]
    return Samples(answer_ms, times, wrong)


async def _created(there: World, ip: str) -> tuple[list[float], int]:
    """Create one after the other; gives what each took in ms, and how many answers were neither 404 nor 200."""
    loop, took_ms, wrong = asyncio.get_running_loop(), [], 0
    path = f"{API}/namespaces/{there.namespace}/httproutes"
    await until(lambda: _nothing(ip))
    connection = await Connection.open(ip, PORT)
    asking = Asking(connection)
    for number in range(ROUTES):
        begun = loop.time()
        await there.create(path, [there.route(f"r{number}", f"/r{number}")])
        wrong += await asking.until(f"/r{number}", lambda _answer: True)
        took_ms.append((loop.time() - begun) * 1e3)
    connection.close()
    return took_ms, wrong


async def _nothing(ip: str) -> bool:
    """Tell whether Envoy serves, and has no route yet: a new one is then told from none."""
    try:
        connection = await Connection.open(ip, PORT)
    except OSError:
        return False
    answer = await connection.exchange(Ask("/r0"))
    connection.close()
    return answer.status == 404


async def without_routes(there: World) -> None:
    """Delete all routes."""
    path = f"{API}/namespaces/{there.namespace}/httproutes"

    async def none() -> bool:
        try:
            await there.client.delete(path)
            return not json.loads(await there.client.get(path, {"limit": 1}))["items"]
        except TimedOut:
            return False

    await until(none, 180)
