"""An API server that holds one Lease, and candidates with ways to it that fail and clocks that are wrong."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Literal

from xdsserver.kube.elector import Elector, Listeners
from xdsserver.kube.errors import Conflict, NotFound, Unreachable
from xdsserver.kube.executor import Clock
from xdsserver.kube.lease import Election, Seen
from xdsserver.kube.writes import WRITE_S

if TYPE_CHECKING:
    import random
    from collections.abc import Callable

    from xdsserver.kube.lease import Record, Write

START = datetime(2026, 11, 21, 12, tzinfo=UTC)

Way = Literal["open", "refused", "hangs", "deaf"]
"""Of requests: `hangs` never arrive, `deaf` arrive and are done, and no answer comes back."""


@dataclass
class Server:
    """Holds the Lease; a write over any version but the present one is a conflict."""

    record: Record | None = None
    version: int = 0
    writes: list[tuple[float, Record]] = field(default_factory=list)

    def read(self) -> Seen:
        if self.record is None:
            raise NotFound(404, "NotFound", "there is no such Lease")
        return Seen(self.record, str(self.version))

    def write(self, write: Write) -> Seen:
        if write.version is not None and self.record is None:
            raise NotFound(404, "NotFound", "there is no such Lease")
        if write.version != (None if self.record is None else str(self.version)):
            raise Conflict(409, "Conflict", "somebody else was faster")
        if self.record != write.record:
            self.version += 1
        self.record = write.record
        self.writes.append((asyncio.get_running_loop().time(), write.record))
        return self.read()


@dataclass
class Line:
    """The way of one candidate to the server."""

    server: Server
    way: Way = "open"
    delay_s: Callable[[], float] = lambda: 0.005

    async def read(self) -> Seen:
        await self._there()
        return await self._back(self.server.read())

    async def write(self, write: Write) -> Seen:
        await self._there()
        return await self._back(self.server.write(write))

    async def _there(self) -> None:
        if self.way == "refused":
            message = "connection refused"
            raise Unreachable(message)
        if self.way == "hangs":
            await asyncio.sleep(3600)
        await asyncio.sleep(self.delay_s())

    async def _back(self, seen: Seen) -> Seen:
        if self.way == "deaf":
            await asyncio.sleep(3600)
        await asyncio.sleep(self.delay_s())
        return seen


@dataclass(frozen=True)
class Wrong:
    """How wrong the clocks of a candidate are: the one that shows the time of day, and where the other one began."""

    today_h: float = 0.0
    monotonic_s: float = 0.0


@dataclass
class Written:
    """One write that a candidate made because it might: it may take effect at any moment from begin to end."""

    who: str
    began_s: float
    ended_s: float


@dataclass
class Candidate:
    """One replica: it writes all the time, and asks each time whether it may."""

    name: str
    line: Line
    random: random.Random
    wrong: Wrong = Wrong()
    told: list[tuple[float, bool]] = field(default_factory=list)
    troubles: list[str] = field(default_factory=list)
    _leaving: asyncio.Event = field(default_factory=asyncio.Event)

    def __post_init__(self) -> None:
        loop = asyncio.get_running_loop()
        clock = Clock(
            monotonic=lambda: loop.time() + self.wrong.monotonic_s,
            today=lambda: START + timedelta(seconds=loop.time(), hours=self.wrong.today_h),
            # Real loops wake late; by clocks that round differently, one that is on time wakes too early for ever.
            sleep=lambda seconds: asyncio.sleep(seconds + 0.001),
            jitter=self.random.random,
        )
        listeners = Listeners(lambda leads: self.told.append((loop.time(), leads)), self.troubles.append)
        self.elector = Elector(self.line, Election(self.name), listeners, clock)

    def leave(self) -> None:
        """Stop as a replica does that is told to."""
        self._leaving.set()

    async def run(self, trace: list[Written]) -> None:
        async with self.elector.taking_part(), asyncio.TaskGroup() as writes:
            loop = asyncio.get_running_loop()
            while not self._leaving.is_set():
                if self.elector.may_write():
                    takes_s = self.random.uniform(0, WRITE_S)
                    trace.append(Written(self.name, loop.time(), loop.time() + takes_s))
                    writes.create_task(asyncio.sleep(takes_s))
                try:
                    async with asyncio.timeout(0.1 + self.random.random() / 10):
                        await self._leaving.wait()
                except TimeoutError:
                    pass


def overlaps(trace: list[Written]) -> list[tuple[Written, Written]]:
    """Give the pairs of writes of different candidates that were under way at the same time."""
    found = []
    latest: dict[str, Written] = {}
    for one in sorted(trace, key=lambda write: write.began_s):
        found += [(other, one) for who, other in latest.items() if who != one.who and other.ended_s > one.began_s]
        before = latest.get(one.who)
        latest[one.who] = one if before is None else replace(one, ended_s=max(one.ended_s, before.ended_s))
    return found
