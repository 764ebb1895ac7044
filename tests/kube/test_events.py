"""Events over HTTP, against a server that does as it is told to."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from tests.kube.scripted import Fixed, answers, in_turn, refuses, scripted
from xdsserver.effects.events import EventLimits, EventType, Happening, Recorder, Regarding
from xdsserver.kube.client import KubeClient
from xdsserver.kube.events import EventPace, EventWriter
from xdsserver.kube.executor import Clock
from xdsserver.objects.meta import ObjectKey

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from tests.kube.scripted import Script, Scripted

NOON = datetime(2026, 11, 21, 12, 0, 0, tzinfo=UTC)


def happening(name: str = "web") -> Happening:
    regarding = Regarding(ObjectKey("HTTPRoute", "a", name), "gateway.networking.k8s.io/v1", "u1")
    return Happening(regarding, EventType.WARNING, "StatusRefused", "no")


class Turned:
    """A clock that is turned by whoever sleeps, once there is something to do."""

    def __init__(self) -> None:
        self.now_s = 0.0
        self.slept = 0

    async def sleep(self, seconds: float) -> None:
        self.now_s += seconds
        self.slept += 1
        await asyncio.sleep(0)


@asynccontextmanager
async def writing(script: Script, *, leader: bool = True) -> AsyncIterator[tuple[Scripted, EventWriter, Turned]]:
    turned = Turned()
    clock = Clock(monotonic=lambda: turned.now_s, today=lambda: NOON, sleep=turned.sleep)
    async with scripted(script) as server, KubeClient(Fixed(server.access)) as client:
        writer = EventWriter(client, Recorder("pod", EventLimits()), lambda: leader, clock, EventPace(at_once=5))
        running = asyncio.create_task(writer.run())
        try:
            yield server, writer, turned
        finally:
            running.cancel()
            await asyncio.wait([running])


async def rounds(turned: Turned, number: int) -> None:
    """Wait until the writer has slept so many times more."""
    end = turned.slept + number
    async with asyncio.timeout(30):
        while turned.slept < end:  # noqa: ASYNC110
            await asyncio.sleep(0)


async def test_an_event_is_created_once_and_counted_after() -> None:
    async with writing(answers({})) as (server, writer, turned):
        for _ in range(200):
            writer.happened(happening())
            await rounds(turned, 1)

        first, *rest = server.asked
        assert (first.method, first.path) == ("POST", "/apis/events.k8s.io/v1/namespaces/a/events")
        assert {(one.method, one.path) for one in rest} == {
            ("PATCH", f"{first.path}/{first.json()['metadata']['name']}")
        }
        assert 2 <= len(rest) <= 4
        assert rest[-1].json()["series"]["count"] > rest[0].json()["series"]["count"] > 1


async def test_events_that_are_refused_are_dropped_and_others_are_written() -> None:
    async with writing(in_turn(refuses(403, "Forbidden"), answers({}))) as (server, writer, turned):
        writer.happened(happening("a"))
        writer.happened(happening("b"))
        await rounds(turned, 10)

        assert writer.lost == 1
        assert len(server.asked) == 2


async def test_many_events_are_written_a_few_at_a_time() -> None:
    async with writing(answers({})) as (server, writer, turned):
        for number in range(23):
            writer.happened(happening(f"r{number}"))
        begun = turned.slept
        async with asyncio.timeout(30):
            while len(server.asked) < 23:  # noqa: ASYNC110
                await asyncio.sleep(0)
        assert turned.slept - begun >= 4


async def test_k18_events_are_told_by_the_leader_alone() -> None:
    """K18: whoever does not hold the Lease writes nothing, no Event either."""
    async with writing(answers({}), leader=False) as (server, writer, turned):
        writer.happened(happening())
        await rounds(turned, 50)
        assert server.asked == []
