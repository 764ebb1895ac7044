"""A steady load on kept and on new connections that counts everything that is not a 200, and repeats nothing."""

from __future__ import annotations

import asyncio
import itertools
import time
from collections import Counter
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from tests.live.http1 import Connection

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Sequence

    from tests.live.http1 import Answer, Ask
    from tests.live.tls_clients import Tls


@dataclass(frozen=True, slots=True)
class Traffic:
    """What is asked for, where and how often.

    Attributes:
        asks: requests, in turn.
        port: of the listener.
        kept: connections that are kept as long as Envoy keeps them.
        new: workers that open a connection for each request.
        rate: requests per second of all of them together; those that are late do not wait.
        timeout_s: from the attempt to connect until the last byte.
        tls: how connections are made where the listener wants TLS.
    """

    asks: Sequence[Ask]
    port: int
    ip: str = "127.0.0.1"
    kept: int = 6
    new: int = 3
    rate: float = 750.0
    timeout_s: float = 5.0
    tls: Tls | None = None


@dataclass(frozen=True, slots=True)
class Failure:
    """A request without a 200: when, in seconds from the start, on which kind of connection, and what came instead."""

    at_s: float
    connection: str
    detail: str


_LEAST_PER_S = 500.0


@dataclass
class Tally:
    """What came of it; `answers` counts by what `label` made of each answer."""

    requests: int = 0
    seconds: float = 0.0
    failures: list[Failure] = field(default_factory=list)
    answers: Counter[str] = field(default_factory=Counter)

    @property
    def rate(self) -> float:
        return self.requests / self.seconds if self.seconds else 0.0

    @property
    def dense(self) -> bool:
        """Whether requests came so close together, 500 per second, that a gap would have met one."""
        return self.rate >= _LEAST_PER_S

    async def reaches(self, requests: int) -> None:
        """Wait until so many were asked, so that a change that is over sooner was under load all the same."""
        while self.requests < requests:  # noqa: ASYNC110 (workers count, nobody tells)
            await asyncio.sleep(0.02)

    def __str__(self) -> str:
        some = "".join(f"\n  {one.at_s:7.3f} s {one.connection}: {one.detail}" for one in self.failures[:20])
        head = f"{self.requests} requests in {self.seconds:.1f} s ({self.rate:.0f}/s), {len(self.failures)} failed"
        return head + some


def by_status(answer: Answer) -> str:
    return str(answer.status)


@asynccontextmanager
async def load(traffic: Traffic, label: Callable[[Answer], str] = by_status) -> AsyncIterator[Tally]:
    """Ask for the length of a block; requests under way at its end are finished and counted."""
    running = _Load(traffic, label)
    workers = [asyncio.create_task(running.on_kept(number)) for number in range(traffic.kept)]
    workers += [asyncio.create_task(running.on_new(traffic.kept + number)) for number in range(traffic.new)]
    try:
        yield running.tally
    finally:
        running.stopping = True
        await asyncio.gather(*workers)
        running.tally.seconds = time.monotonic() - running.start


class _Load:
    def __init__(self, traffic: Traffic, label: Callable[[Answer], str]) -> None:
        self.tally = Tally()
        self.stopping = False
        self.start = time.monotonic()
        self._traffic = traffic
        self._label = label
        self._asks = itertools.cycle(traffic.asks)

    async def on_kept(self, number: int) -> None:
        connection: Connection | None = None
        async for _ in self._turns(number):
            connection = await self._one("kept", connection)
        if connection is not None:
            connection.close()

    async def on_new(self, number: int) -> None:
        async for _ in self._turns(number):
            connection = await self._one("new", None)
            if connection is not None:
                connection.close()

    async def _turns(self, number: int) -> AsyncIterator[None]:
        """Give the worker its turns, evenly spread over those of the others."""
        workers = self._traffic.kept + self._traffic.new
        period_s = workers / self._traffic.rate
        due = self.start + period_s * number / workers
        while True:
            # A clock, not a condition: this is the pace of the load. Each turn gives way to the others at least once.
            await asyncio.sleep(max(0.0, due - time.monotonic()))
            if self.stopping:
                return
            yield
            due += period_s

    async def _one(self, kind: str, connection: Connection | None) -> Connection | None:
        """Ask once and count; give back the connection while it can be used again."""
        begun = time.monotonic() - self.start
        detail = ""
        try:
            async with asyncio.timeout(self._traffic.timeout_s):
                if connection is None:
                    connection = await Connection.open(self._traffic.ip, self._traffic.port, self._traffic.tls)
                answer = await connection.exchange(next(self._asks))
        except (OSError, EOFError, TimeoutError) as error:
            detail = repr(error)
        else:
            self.tally.answers[self._label(answer)] += 1
            if answer.status != 200:
                detail = f"{answer.status} {answer.text[:200]}"
        self.tally.requests += 1
        if detail:
            self.tally.failures.append(Failure(begun, kind, detail))
        if connection is not None and (connection.closing or (detail and not detail[0].isdigit())):
            connection.close()
            return None
        return connection
