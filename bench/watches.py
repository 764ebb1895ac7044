"""Routes created one by one on a real API server until each answers: by `serve`, and by a server written by hand.

Side by side, in blocks by turns, since the speed of a machine drifts within minutes by more than the two differ: with
routes alike, an Envoy each, and the same other resources. Besides statuses and Events, which only we write, all that
differs is what is between a watch and a stream. The routes are those of the benchmark that implementations of the
Gateway API are compared by (`probe` of github.com/howardjohn/gateway-api-bench): each has a hostname and a path of its
own, and a second rule whose backend does not exist.
"""

from __future__ import annotations

import asyncio
import json
import statistics
import sys
import tempfile
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bench import rig
from bench.cluster import API, Asking, cluster_here, in_pod
from bench.figure import Figure, percentile
from e2e.operating import POOL, PORT, Process, restricted, until, world
from e2e.serving import serving
from tests.live.http1 import Ask, Connection
from tests.ports import free_port
from xdsserver.kube.errors import TimedOut

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterable, Iterator, Sequence

    from e2e.conftest import Cluster
    from e2e.operating import World

ROUTES = 3000
BLOCK = 300
HAND = "by-hand"
"""The namespace of the routes of the server by hand; ours is told to watch the other one only."""

_EVENTS = "/api/v1/namespaces/{}/events"


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
            hand = replace(there, namespace=HAND)
            cluster.run("create", "namespace", HAND)
            try:
                return await _by_turns(there, hand, Path(folder))
            finally:
                # Namespaces go while others measure: with little in them.
                await without_routes(there)
                await without_routes(hand)
                cluster.run("delete", "namespace", HAND, "--wait=false")


async def _by_turns(there: World, hand: World, folder: Path) -> tuple[Samples, Samples]:
    account = restricted(there.cluster, folder, [there.namespace])
    within = in_pod(account, folder)
    # What the server by hand serves besides its routes, and a pattern of these.
    async with _serve(there, account, within, folder / "pattern"), _asking(there.address(), PORT) as asking:
        await there.create(_path(there), [_route(there, 0)])
        await asking.until(_ask(0), lambda _answer: True)
    await without_routes(there)
    async with (
        _serve(there, account, within, folder / "ours") as process,
        _asking(there.address(), PORT) as asking,
        _handwritten(hand, folder / "pattern" / "dump.json", folder) as (child, port),
        _asking(there.address(), port) as asking_hand,
    ):
        ours, theirs = _Side(there, asking, process), _Side(hand, asking_hand)
        for start in range(0, ROUTES, BLOCK):
            await ours.create(range(start, start + BLOCK))
            await theirs.create(range(start, start + BLOCK))
        child.tell("times")
        times = (await asyncio.to_thread(child.hear))["times_ms"]
    return ours.samples(json.loads((folder / "ours" / "times.json").read_text())), theirs.samples(times)


@asynccontextmanager
async def _serve(there: World, account: Cluster, within: Sequence[str], folder: Path) -> AsyncIterator[Process]:
    """Run ours, and an Envoy, until the end of the block; what it measured is then in the folder."""
    await asyncio.to_thread(folder.mkdir)
    xds, health = f"unix:{folder}/xds.sock", f"127.0.0.1:{free_port()}"
    way = () if within else ("--kubeconfig", str(account.kubeconfig))
    watched = ("--watch-namespaces", there.namespace)
    timed = (*within, sys.executable, "-m", "bench.timed", str(folder))
    options = (*way, *watched, "--addresses", POOL, "--xds", xds, "--health", health)
    async with serving(account, *options, within=timed) as server:
        process = Process(server.process.pid, health)
        await until(process.ready)
        # Neither has a core of its own: the API server takes what it needs of both.
        with rig.data_plane(folder / "envoy", xds, core=None):
            wait = ("-n", there.namespace, "wait", "--for=condition=Programmed", "gateway/edge", "--timeout=60s")
            await asyncio.to_thread(there.cluster.run, *wait)
            await without_routes(there)
            yield process


@asynccontextmanager
async def _handwritten(there: World, dump: Path, folder: Path) -> AsyncIterator[tuple[rig.Child, int]]:
    """Run the server by hand, and an Envoy of its own at another port, until the end of the block."""
    xds, port = f"unix:{folder}/hand.sock", free_port()
    words = (str(dump), xds, str(port), str(there.cluster.kubeconfig), there.namespace)
    with rig.process("bench.handwritten_watch", *words) as child:
        await asyncio.to_thread(child.hear)
        with rig.data_plane(folder / "hand", xds, core=None):
            yield child, port


@asynccontextmanager
async def _asking(ip: str, port: int) -> AsyncIterator[Asking]:
    """Connect once Envoy listens and has no route yet: a new one is then told from none."""
    connection: Connection | None = None

    async def nothing() -> bool:
        nonlocal connection
        try:
            connection = connection or await Connection.open(ip, port)
        except OSError:
            return False
        return (await connection.exchange(_ask(0))).status == 404

    await until(nothing)
    assert connection is not None
    yield Asking(connection)
    connection.close()


@dataclass
class _Side:
    """One of the two, and what its routes took."""

    there: World
    asking: Asking
    writes: Process | None = None
    """Who writes statuses, and is to be done with it before the other has its turn."""
    answer_ms: list[float] = field(default_factory=list)
    wrong: int = 0

    async def create(self, numbers: Iterable[int]) -> None:
        """Create routes, each once the one before has answered; gives what is still to be written time to be."""
        loop, path = asyncio.get_running_loop(), _path(self.there)
        for number in numbers:
            begun = loop.time()
            await self.there.create(path, [_route(self.there, number)])
            self.wrong += await self.asking.until(_ask(number), lambda _answer: True)
            self.answer_ms.append((loop.time() - begun) * 1e3)
        await until(self._rests)

    async def _rests(self) -> bool:
        if self.writes is None:
            return True
        # One Event for each route, the last of what is written.
        found = json.loads(await self.there.client.get(_EVENTS.format(self.there.namespace), {"limit": 1}))
        told: int = len(found["items"]) + found["metadata"].get("remainingItemCount", 0)
        return told >= len(self.answer_ms)

    def samples(self, own_ms: Sequence[float]) -> Samples:
        """Give all of it; a route that was there before may have been told of, too."""
        return Samples(self.answer_ms, own_ms[-len(self.answer_ms) :], self.wrong)


def _path(there: World) -> str:
    return f"{API}/namespaces/{there.namespace}/httproutes"


def _ask(number: int) -> Ask:
    return Ask(f"/{number}", host=f"{number}-route.example.com")


def _route(there: World, number: int) -> dict[str, Any]:
    route, ask = there.route(f"r{number}", f"/{number}"), _ask(number)
    nowhere = there.route("", "/", service="nowhere")["spec"]["rules"]
    route["spec"] |= {"hostnames": [ask.host], "rules": [*route["spec"]["rules"], *nowhere]}
    return route


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
