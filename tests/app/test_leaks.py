"""A long run in little: what comes and goes leaves nothing behind, by counts of memory blocks, files and tasks.

Blocks are those of Python's allocator, all of them. What is counted is always the same state of the world, so that the
only difference between two counts is how much has happened before.
"""

from __future__ import annotations

import asyncio
import gc
import sys
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import grpc
import pytest

from tests.kube.scripted import Fixed, scripted
from tests.kube.test_source import Api
from tests.live import manifests as m
from tests.live.many_listeners import Plane
from tests.server.clients import WITHIN_S, call_delta, delta, read_delta
from xdsserver.kube.client import KubeClient
from xdsserver.kube.reflector import Timing
from xdsserver.kube.source import ClusterSource, everything
from xdsserver.objects.meta import Name
from xdsserver.xds.resource import CLUSTER, ENDPOINTS, LISTENER, ROUTE

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable

    from tests.kube.scripted import Reply, Request

SLACK = 400
"""Blocks by which two counts may differ: caches come and go. What is left in each round is a block at least."""
WARM = 1600
"""Rounds after which all that is kept up to a number is full."""
CYCLE = 20
"""Rounds after which the world is as it was before."""
TIMES = 5


@dataclass(frozen=True)
class Count:
    """What there is."""

    blocks: int
    files: int
    tasks: int

    @classmethod
    def now(cls) -> Count:
        # What was set aside and is garbage by now is looked for only when there is much of it; `test_garbage` has that.
        gc.unfreeze()
        gc.collect()
        files = sum(1 for _ in Path("/proc/self/fd").iterdir())
        return cls(sys.getallocatedblocks(), files, len(asyncio.all_tasks()))


async def assert_nothing_is_left(rounds: int, run: Callable[[], Awaitable[None]]) -> None:
    """Run so many rounds: at least one time out of five they end with what there was.

    What leaks, leaks each time; what else the process keeps, of tests before this one too, settles.
    """
    assert rounds > 2 * SLACK
    figures = []
    for _ in range(TIMES):
        before = Count.now()
        await run()
        after = Count.now()
        figures.append(f"{rounds} rounds: {before} -> {after}")
        print(figures[-1])  # noqa: T201  (for whoever asks with -s)
        same = (after.files, after.tasks) == (before.files, before.tasks)
        if same and after.blocks - before.blocks < SLACK:
            return
    pytest.fail("; ".join(figures))


class Client:
    """An Envoy that takes whatever comes."""

    def __init__(self, call: grpc.aio.StreamStreamCall[bytes, bytes]) -> None:
        self._call = call
        self.taken = 0

    async def run(self) -> None:
        for type_url in (CLUSTER, ENDPOINTS, LISTENER, ROUTE):
            await self._call.write(delta(type_url, "*", node="envoy-1"))
        while True:
            response = await read_delta(self._call)
            await self._call.write(delta(response.type_url, nonce=response.nonce))
            self.taken += 1


@asynccontextmanager
async def connected(plane: Plane) -> AsyncIterator[Client]:
    async with grpc.aio.insecure_channel(plane.server.addresses[0]) as channel:
        client = Client(call_delta(channel))
        task = asyncio.create_task(client.run())
        try:
            yield client
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)


def shop(number: int) -> list[m.Document]:
    """Give a Service with an endpoint, and a route to it."""
    rule = m.rule(m.to(f"s{number}"), matches=[m.path(f"/{number}")])
    return [*m.service(f"s{number}", 8000 + number), m.http_route(f"r{number}", rule, hostnames=[f"h{number}.test"])]


def gone(documents: list[m.Document]) -> list[tuple[str, Name, None]]:
    return [(one["kind"], Name("default", one["metadata"]["name"]), None) for one in documents]


async def test_a10_what_comes_and_goes_leaves_nothing_behind(load_s: float) -> None:
    """A10: rounds and rounds of objects that come, change and go, bad ones too, with an Envoy that takes all of it and
    connects anew every now and then: memory, files and tasks are as before."""
    cycles = int(8 * load_s)
    async with AsyncExitStack() as stack:
        plane = Plane("127.0.0.1:0")
        await stack.enter_async_context(plane.serving())
        plane.put(m.gateway_class(), m.gateway(m.listener(80)), *shop(0))
        plane.server.ready()

        async def cycle() -> None:
            async with connected(plane) as client:
                for number in range(1, CYCLE // 4 + 1):
                    taken = client.taken
                    plane.put(*shop(number))
                    async with asyncio.timeout(WITHIN_S):
                        while client.taken == taken:  # noqa: ASYNC110  (a stream tells, not a task)
                            await asyncio.sleep(0.001)
                    plane.put(*shop(number)[:1], m.http_route(f"r{number}", m.rule(m.to("nobody"))))
                    plane.put(
                        m.http_route(f"r{number}", m.rule(m.to("web"), matches=[m.path("(", "RegularExpression")]))
                    )
                    plane.objects(gone(shop(number)))
            async with asyncio.timeout(WITHIN_S):
                while plane.condition().detail["streams"]:  # noqa: ASYNC110
                    await asyncio.sleep(0.001)

        for _ in range(WARM // CYCLE):
            await cycle()

        async def run() -> None:
            for _ in range(cycles):
                await cycle()

        await assert_nothing_is_left(cycles * CYCLE, run)


class Closing(Api):
    """An API server that ends each watch of routes after an event, so that it is opened again all the time."""

    watches = 0

    async def _routes(self, request: Request, reply: Reply) -> None:
        if not request.watches:
            await super()._routes(request, reply)
            return
        self.watches += 1
        at = int(request.query["resourceVersion"])
        await reply.stream()
        while self.routes.version == at:  # noqa: ASYNC110
            await asyncio.sleep(0.001)
        for line in self.routes.after(at):
            await reply.line(line)
        await reply.end()


async def test_a10_watches_that_end_all_the_time_leave_nothing_behind(load_s: float) -> None:
    """A10: hundreds of watches that the API server ends, with an object that comes, changes and goes: as before."""
    rounds = 6 * int(25 * load_s)
    api = Closing()
    api.routes.write("stays")
    timing = Timing(draw=lambda: 0.0)
    only = [one for one in everything() if one.kind.name in {"HTTPRoute", "Service"}]
    async with scripted(api) as server, KubeClient(Fixed(server.access)) as client:
        source = ClusterSource(client, only, timing=timing)
        async with source.running():
            await source.batch()

            async def round_(number: int) -> None:
                # What the test itself keeps is not what is counted.
                server.asked.clear()
                del api.routes.log[:-10]
                name = f"r{number % 3}"
                if name in api.routes.objects:
                    api.routes.delete(name)
                else:
                    api.routes.write(name)
                seen = False
                async with asyncio.timeout(WITHIN_S):
                    while not seen:
                        seen = any(change.name.name == name for change in (await source.batch()).changes)

            for number in range(WARM // 2):
                await round_(number)

            async def run() -> None:
                watches = api.watches
                for number in range(rounds):
                    await round_(number)
                assert api.watches - watches >= rounds // 2

            await assert_nothing_is_left(rounds, run)
