"""`serve` on a real API server, from a write of a user to the answer of an Envoy: where KUBECONFIG names one.

Among many routes one is edited, and its endpoints moved; then many are created at once. What an API server and its
watch take is in all of it. Routes that are created one by one are in `bench.watches`.
"""

from __future__ import annotations

import asyncio
import os
import shutil
import sys
import tempfile
from contextlib import AsyncExitStack
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from bench.figure import Figure, percentile
from e2e.conftest import Cluster
from e2e.operating import PORT, Process, as_in_a_pod, options, restricted, until, world
from e2e.serving import serving
from e2e.test_statuses import merge
from tests.live.backends import backend, seen
from tests.live.http1 import Ask, Connection
from tests.ports import free_port

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Iterator

    from e2e.operating import World
    from tests.live.backends import Backend
    from tests.live.http1 import Answer

STAMP = "x-version"
ROUTES = 3000
CHANGES = 50
BATCH = 1000
POLL_S = 0.0005
WITHIN_S = 60.0
API = "/apis/gateway.networking.k8s.io/v1"
SLICES = "/apis/discovery.k8s.io/v1"


def figures() -> Iterator[Figure]:
    """Measure; nothing where there is no cluster."""
    if (cluster := cluster_here()) is not None:
        yield from asyncio.run(_all(cluster))


def cluster_here() -> Cluster | None:
    """Give the cluster that KUBECONFIG names."""
    if not (path := os.environ.get("KUBECONFIG")):
        print("no cluster: KUBECONFIG is not set", file=sys.stderr)
        return None
    home = Path(os.environ.get("RIG_HOME") or Path.home() / ".cache" / "rig")
    kubectl = shutil.which("kubectl", path=f"{home / 'bin'}{os.pathsep}{os.environ.get('PATH', '')}") or "kubectl"
    return Cluster(Path(path), kubectl)


def in_pod(account: Cluster, folder: Path) -> tuple[str, ...]:
    """Give what a command is begun with to run as in a pod; nothing where that cannot be had.

    It matters to memory: to read a kubeconfig takes a library of 66 MiB.
    """
    return as_in_a_pod(account, folder) if os.geteuid() == 0 else ()


async def _all(cluster: Cluster) -> list[Figure]:
    found = []
    async with AsyncExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="xds")))
        health = f"127.0.0.1:{free_port()}"
        account = restricted(cluster, folder)
        within = in_pod(account, folder)
        server = await stack.enter_async_context(serving(account, *options(folder, health), within=within))
        process = Process(server.process.pid, health)
        await until(process.ready)
        begun = asyncio.get_running_loop().time()
        there = await stack.enter_async_context(world(cluster, "bench"))
        wait = ("-n", there.namespace, "wait", "--for=condition=Programmed", "gateway/edge", "--timeout=60s")
        await asyncio.to_thread(cluster.run, *wait)
        took_s = asyncio.get_running_loop().time() - begun
        found.append(Figure("gateway_ready_s", took_s, "s", note="from apply until kubectl sees Programmed"))
        other = await stack.enter_async_context(backend("other", there.ip))
        # Without it a path of no route is 404, and a new one is told from that.
        await asyncio.to_thread(cluster.run, "-n", there.namespace, "delete", "httproute", "first")
        run = _Run(there, process, Asking(await Connection.open(there.address(), PORT)))
        async for figure in run.figures(other):
            print(figure.line(), file=sys.stderr, flush=True)
            found.append(figure)
    return found


@dataclass
class Asking:
    """One kept connection, asked every half a millisecond."""

    connection: Connection

    async def until(self, ask: Ask, wanted: Callable[[Answer], bool]) -> int:
        """Ask until an answer is as wanted; gives how many were neither that nor 404 nor 200 of before."""
        wrong = 0
        async with asyncio.timeout(WITHIN_S):
            while True:
                answer = await self.connection.exchange(ask)
                if answer.status == 200 and wanted(answer):
                    return wrong
                wrong += answer.status not in {200, 404}
                await asyncio.sleep(POLL_S)


def _shows(stamp: str, answer: Answer) -> bool:
    return seen(answer).values(STAMP) == [stamp]


def _is_from(name: str, answer: Answer) -> bool:
    return seen(answer).backend == name


@dataclass
class _Run:
    there: World
    process: Process
    asking: Asking

    async def figures(self, other: Backend) -> AsyncIterator[Figure]:
        """Measure one after the other, in a world that grows."""
        await self._added()
        yield Figure("server_rss_mib", self.process.anonymous_mib(), "MiB", {"routes": ROUTES}, note="anonymous memory")
        yield await self._changed()
        yield await self._moved(other)
        async for figure in self._at_once():
            yield figure

    async def _added(self) -> None:
        there = self.there
        routes = (there.route(f"r{number}", f"/r{number}") for number in range(ROUTES))
        await there.create(f"{API}/namespaces/{there.namespace}/httproutes", routes)
        await there.attached(ROUTES)
        await self._rests()

    async def _changed(self) -> Figure:
        there, loop, took_s = self.there, asyncio.get_running_loop(), []
        path = f"{API}/namespaces/{there.namespace}/httproutes/r7"
        for number in range(CHANGES):
            stamp = f"change-{number}"
            edit = {
                "type": "RequestHeaderModifier",
                "requestHeaderModifier": {"set": [{"name": STAMP, "value": stamp}]},
            }
            rules = [{**there.route("r7", "/r7")["spec"]["rules"][0], "filters": [edit]}]
            begun = loop.time()
            await there.client.patch(path, merge({"spec": {"rules": rules}}))
            await self.asking.until(Ask("/r7"), partial(_shows, stamp))
            took_s.append(loop.time() - begun)
        return Figure("live_change_ms", percentile(took_s, 0.5) * 1e3, "ms", {"routes": ROUTES, "of": "p50"})

    async def _moved(self, other: Backend) -> Figure:
        there, loop, took_s = self.there, asyncio.get_running_loop(), []
        path = f"{SLICES}/namespaces/{there.namespace}/endpointslices/web-1"
        for number in range(CHANGES):
            to = other if number % 2 == 0 else there.backend
            begun = loop.time()
            await there.client.patch(path, merge({"ports": [{"port": to.port, "protocol": "TCP"}]}))
            await self.asking.until(Ask("/r7"), partial(_is_from, to.name))
            took_s.append(loop.time() - begun)
        return Figure("slice_to_answer_ms", percentile(took_s, 0.5) * 1e3, "ms", {"routes": ROUTES, "of": "p50"})

    async def _at_once(self) -> AsyncIterator[Figure]:
        there, loop = self.there, asyncio.get_running_loop()
        await there.attached(ROUTES)
        await self._rests()
        before = {kind: self._writes(kind) for kind in ("HTTPRoute", "Gateway")}
        begun = loop.time()
        routes = (there.route(f"b{number}", f"/b{number}") for number in range(BATCH))
        await there.create(f"{API}/namespaces/{there.namespace}/httproutes", routes)
        created_s = loop.time() - begun
        await there.attached(ROUTES + BATCH)
        params: dict[str, int | str] = {"routes": BATCH}
        yield Figure("attached_right_s", loop.time() - begun, "s", params, note=f"created in {created_s:.1f} s")

        async def all_written() -> bool:
            return self._writes("HTTPRoute") - before["HTTPRoute"] >= BATCH

        await until(all_written)
        for kind, count in before.items():
            most = BATCH if kind == "HTTPRoute" else 20
            yield Figure("status_writes", self._writes(kind) - count, "writes", {**params, "kind": kind}, at_most=most)

    async def _rests(self) -> None:
        """Wait until nothing has been written for longer than the pause between two writes of one object."""
        last, now = -1.0, self._writes("HTTPRoute")
        while last != now:
            await asyncio.sleep(3)
            last, now = now, self._writes("HTTPRoute")

    def _writes(self, kind: str) -> float:
        return self.process.metric("xdsserver_status_writes_total", kind=kind, result="written")
