"""The executor: writes what is owed, the urgent first, each object in its newest form, and only while it may."""

from __future__ import annotations

import asyncio
import random
import time
from collections import Counter
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Protocol, assert_never

from xdsserver.effects import Amend, Apply, Book, Decided, Delete, Intended, Kept, StatusWrite, Taken
from xdsserver.kube.answers import Away, Conflict, Done, Missing, Refused, TooMany
from xdsserver.kube.pace import Pace, PaceLimits
from xdsserver.kube.workqueue import Rhythm, WorkQueue
from xdsserver.objects.gatewayclass import CONTROLLER

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterable

    from xdsserver.effects import Decision, Observed
    from xdsserver.kube.answers import Answer
    from xdsserver.objects.meta import ObjectKey


Write = StatusWrite | Apply | Amend | Delete
"""What is written."""


class ObjectApi(Protocol):
    """What is asked of an API server. Every answer is a value, and comes in bounded time."""

    async def read(self, key: ObjectKey) -> Answer:
        """Read an object as it is now."""

    async def write(self, key: ObjectKey, write: Write) -> Answer:
        """Write a status over the version that it was made for and no other; apply, amend or delete an object."""


@dataclass(frozen=True, slots=True)
class Clock:
    """Time and chance, handed in so that tests own them."""

    monotonic: Callable[[], float] = time.monotonic
    """Seconds; for waiting."""
    today: Callable[[], datetime] = lambda: datetime.now(UTC)
    """For what is written."""
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep
    jitter: Callable[[], float] = random.random
    """From 0 to 1."""


@dataclass(frozen=True, slots=True)
class ExecutorOptions:
    """Bounds: `tries` against rivals within one turn, requests `in_flight` at once, and how often a standby looks."""

    rhythm: Rhythm = field(default_factory=Rhythm)
    pace: PaceLimits = field(default_factory=PaceLimits)
    in_flight: int = 32
    tries: int = 5
    rival_wait_s: float = 0.05
    standby_s: float = 0.5


@dataclass(frozen=True)
class Surroundings:
    """What the executor asks and tells.

    `decided` gives the newest decision on an object. `may_write` is asked before every single write. `refused` is told
    when the server refuses a write: the object, the server's words, and the seconds until the next try. `wrote_status`
    is told each answer to the write of a status; None where it had come about otherwise; `applied` what the server took
    of objects of ours. `served` waits, not for long, until Envoys were sent what is decided. `controllers` are the
    names of those whose entries in shared lists we answer for.
    """

    api: ObjectApi
    decided: Callable[[ObjectKey], Decision | None]
    may_write: Callable[[], bool]
    refused: Callable[[ObjectKey, str, float], None] = lambda _key, _words, _wait_s: None
    wrote_status: Callable[[ObjectKey, Answer | None], None] = lambda _key, _answer: None
    applied: Callable[[ObjectKey, Intended], None] = lambda _key, _intended: None
    served: Callable[[], Awaitable[None]] = lambda: asyncio.sleep(0)
    clock: Clock = field(default_factory=Clock)
    controllers: frozenset[str] = frozenset({CONTROLLER})
    realm: str = ""


_BREATH = 50
"""Keys that are looked at before the event loop gets a turn: a start looks at every object there is."""


class Executor:
    """Writes statuses and objects of ours.

    Tell it what changed (`touch`) and what was read (`read`, `gone`), and let it `run`, but not before every kind has
    listed once: what is not decided by then is taken for not wanted.
    """

    def __init__(self, surroundings: Surroundings, options: ExecutorOptions | None = None) -> None:
        self._around = surroundings
        self._clock = surroundings.clock
        self._options = options or ExecutorOptions()
        self._queue = WorkQueue(self._options.rhythm, max(1, self._options.in_flight // 4))
        self._pace = Pace(self._options.pace)
        self._news = asyncio.Event()
        self._alarm: asyncio.Task[None] | None = None
        self._alarm_s = 0.0
        self.book = Book(surroundings.controllers, surroundings.realm)
        self.counts: Counter[str] = Counter()
        """Requests by what came of them: the names of the answers, in lower case."""

    def touch(self, keys: Iterable[ObjectKey]) -> None:
        """Note that a decision or its object changed; that nothing is owed after all costs nothing."""
        self._queue.add(keys, self._clock.monotonic())
        self._news.set()

    def read(self, key: ObjectKey, observed: Observed) -> None:
        """Take what a list or a watch told of an object."""
        known = self.book.reading(key)
        if self.book.read(key, observed):
            if known is not None and known.uid != observed.uid:
                self._queue.forget(key)
            self.touch([key])

    def gone(self, key: ObjectKey, uid: str = "") -> None:
        """Take that an object was deleted; one of ours that is still wanted is made anew."""
        self.book.gone(key, uid)
        self._queue.forget(key)
        if isinstance(self._around.decided(key), Intended):
            self.touch([key])

    @property
    def idle(self) -> bool:
        """Whether nothing is queued, waiting or under way."""
        return not len(self._queue)

    async def run(self) -> None:
        """Write what is owed, until it is cancelled."""
        slots = asyncio.Semaphore(self._options.in_flight)
        try:
            async with asyncio.TaskGroup() as turns:
                while True:
                    await slots.acquire()
                    key = await self._next()
                    turns.create_task(self._turn(key)).add_done_callback(lambda _turn: slots.release())
        finally:
            self._stop_alarm()

    async def _next(self) -> ObjectKey:
        """Wait for a key whose turn it is and that something may be owed to."""
        looked = 0
        while True:
            self._news.clear()
            if not self._around.may_write():
                await self._nap(self._clock.monotonic() + self._options.standby_s)
                continue
            now = self._clock.monotonic()
            at = self._queue.next_at(now)
            if at is not None:
                at = max(at, self._pace.next_at())
            if at is None or at > now:
                await self._nap(at)
                continue
            key = self._queue.take(now)
            if key is not None and self._owes_nothing(key):
                self._queue.done(key, now, wrote=False)
                looked += 1
                if looked % _BREATH == 0:
                    await asyncio.sleep(0)
            elif key is not None:
                self._pace.send(now)
                return key

    def _owes_nothing(self, key: ObjectKey) -> bool:
        try:
            decided = self._around.decided(key)
            if self.book.reading(key) is None:
                return decided is None or isinstance(decided, Kept)
            return self.book.owed(key, decided, self._clock.today()) is None
        except Exception:  # noqa: BLE001 # its turn will meet the same, and says so
            return False

    async def _paced(self) -> None:
        """Wait for leave to ask once more within a turn; the first request of a turn had it before it began."""
        while (wait_s := self._pace.next_at() - self._clock.monotonic()) > 0:
            await self._clock.sleep(wait_s)
        self._pace.send(self._clock.monotonic())

    async def _nap(self, until_s: float | None) -> None:
        """Sleep until there is news, or until a time, which is news as well."""
        if self._alarm is None or self._alarm_s != until_s or self._alarm.done():
            # It stays set from one nap to the next: under load there is news many times before an object has rested.
            self._stop_alarm()
            if until_s is not None:
                self._alarm, self._alarm_s = asyncio.create_task(self._ring_at(until_s)), until_s
        await self._news.wait()
        # To Envoys first, then into statuses: both take the processor, and requests wait for the former.
        await self._around.served()

    async def _ring_at(self, until_s: float) -> None:
        await self._clock.sleep(until_s - self._clock.monotonic())
        self._news.set()

    def _stop_alarm(self) -> None:
        if self._alarm is not None:
            self._alarm.cancel()
            self._alarm = None

    async def _turn(self, key: ObjectKey) -> None:
        """Give an object its turn: the write that it is owed, again where a rival was faster."""
        try:
            for number in range(self._options.tries):
                if number:
                    await self._clock.sleep(self._options.rival_wait_s * number * self._clock.jitter())
                if not await self._try(key, fresh=number > 0):
                    return
            self._refuse(key, "others write it all the time")
        except Exception as fault:  # noqa: BLE001 # whatever is wrong with one object costs that object only
            self._refuse(key, f"a fault of ours: {fault!r}")
        finally:
            self._news.set()

    async def _try(self, key: ObjectKey, *, fresh: bool) -> bool:
        """Write once, after reading anew where that is asked for; True where somebody was faster."""
        if fresh or self.book.reading(key) is None:
            # What a watch says is gone may be only late: nothing is dropped without asking.
            if fresh:
                await self._paced()
            answer = await self._ask(self._around.api.read(key))
            if isinstance(answer, Done):
                self.book.read(key, answer.observed)
            elif isinstance(answer, Missing) and isinstance(self._around.decided(key), Intended):
                self.book.gone(key)
            else:
                return self._end(key, answer)
            await self._paced()
        decided = self._around.decided(key)
        owed = self.book.owed(key, decided, self._clock.today())
        if owed is None:
            if isinstance(decided, Decided):
                self._around.wrote_status(key, None)
            self._queue.done(key, self._clock.monotonic(), wrote=False)
        elif isinstance(owed, Taken):
            self._refuse(key, "there is an object of this name that is not ours; it is left alone")
        elif not self._around.may_write():
            self._queue.put_back(key, self._clock.monotonic())
        else:
            return self._end(key, await self._write(key, decided, owed))
        return False

    async def _write(self, key: ObjectKey, decided: Decision | None, owed: Write) -> Answer:
        answer = await self._ask(self._around.api.write(key, owed))
        if isinstance(owed, StatusWrite):
            self._around.wrote_status(key, answer)
        match answer, owed:
            case Done(), Delete():
                self.book.gone(key)
            case Done(), _:
                self.book.written(key, decided, answer.observed)
                if isinstance(decided, Intended):
                    self._around.applied(key, decided)
            case Missing(), Apply():
                return Refused("there is no such namespace, or no such kind")
            case _:
                pass
        return answer

    async def _ask(self, request: Awaitable[Answer]) -> Answer:
        answer = await request
        now = self._clock.monotonic()
        self.counts[type(answer).__name__.lower()] += 1
        match answer:
            case TooMany():
                self._pace.too_many(now, answer.retry_after_s)
            case Away():
                self._pace.unavailable(now, self._clock.jitter())
            case Done() | Conflict() | Missing() | Refused():
                self._pace.answered()
            case _:
                assert_never(answer)
        return answer

    def _end(self, key: ObjectKey, answer: Answer) -> bool:
        now = self._clock.monotonic()
        match answer:
            case Conflict():
                return True
            case Done():
                self._queue.done(key, now, wrote=True)
            case Missing():
                self.book.gone(key)
                self._queue.done(key, now, wrote=False)
            case TooMany() | Away():
                self._queue.put_back(key, now)
            case Refused():
                self._refuse(key, answer.words)
            case _:
                assert_never(answer)
        return False

    def _refuse(self, key: ObjectKey, words: str) -> None:
        now = self._clock.monotonic()
        self._around.refused(key, words, self._queue.refused(key, now, self._clock.jitter()) - now)
