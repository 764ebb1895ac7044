"""Restraint: nothing that goes wrong all the time, or ten thousand times at once, floods a log; the rest is counted.

Two limits, and both say what they held back. The same words about the same subject pass some times a minute, then come
once a minute with how often they were repeated. And of each level so many notices pass at once, so many each second;
of the rest the number is told. Levels do not share, so that no flood of warnings hides an error.
"""

from __future__ import annotations

import asyncio
import time
from collections import OrderedDict
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from xdsserver.observe.notices import Level, Notice

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from xdsserver.observe.notices import Report


@dataclass(frozen=True, slots=True)
class RestraintLimits:
    """How much passes.

    Attributes:
        same: notices of one subject with the same words within `window_s`: more than anybody at work brings about.
        window_s: for how long they are counted; also how often held back ones are told of.
        burst: notices of one level that pass at once.
        rate: notices of one level per second, once these have passed.
        known: different notices that are remembered; the oldest are forgotten first.
    """

    same: int = 20
    window_s: float = 60.0
    burst: int = 1000
    rate: float = 50.0
    known: int = 10_000


@dataclass
class _Said:
    """What was said of one subject with the same words, since a time."""

    notice: Notice
    since_s: float
    passed: int = 0
    held: int = 0


@dataclass
class _Level:
    """One level: when all that passed would have passed at the rate, what was held back, and since when."""

    spent_s: float = 0.0
    held: int = 0
    since_s: float = 0.0


@dataclass
class Restraint:
    """Decides what passes. Times are seconds of one monotonic clock, handed in."""

    limits: RestraintLimits = field(default_factory=RestraintLimits)
    _said: OrderedDict[tuple[Level, str, str], _Said] = field(default_factory=OrderedDict)
    """In the order in which their windows end."""
    _levels: dict[Level, _Level] = field(default_factory=lambda: {level: _Level() for level in Level})

    def admit(self, notice: Notice, now_s: float) -> bool:
        """Tell whether a notice passes; one that does not is counted. `due` comes first."""
        key = (notice.level, notice.subject, notice.text)
        said = self._said.get(key)
        if said is None:
            said = self._said[key] = _Said(notice, now_s)
            if len(self._said) > self.limits.known:
                self._said.popitem(last=False)
        if said.passed >= self.limits.same:
            said.held += 1
            return False
        if not self._spend(notice.level, now_s):
            return False
        said.passed += 1
        return True

    def due(self, now_s: float) -> Iterator[Notice]:
        """Give what is to be told of notices that were held back until now."""
        while self._said and (oldest := next(iter(self._said.items())))[1].since_s + self.limits.window_s <= now_s:
            key, said = oldest
            del self._said[key]
            if said.held:
                yield replace(said.notice, repeats=said.held)
                # Whoever goes on like this is heard once for each window, and no sooner.
                self._said[key] = _Said(said.notice, now_s, passed=self.limits.same)
        for name, level in self._levels.items():
            if level.held and level.since_s + self.limits.window_s <= now_s:
                yield self._summary(name, level)

    def rest(self) -> Iterator[Notice]:
        """Give what is to be told at the end of all that is still held back."""
        for said in self._said.values():
            if said.held:
                yield replace(said.notice, repeats=said.held)
        self._said.clear()
        for name, level in self._levels.items():
            if level.held:
                yield self._summary(name, level)

    @property
    def holds(self) -> bool:
        """Whether anything is held back that is to be told of."""
        return any(one.held for one in self._said.values()) or any(one.held for one in self._levels.values())

    def _spend(self, name: Level, now_s: float) -> bool:
        level, limits = self._levels[name], self.limits
        spent_s = max(level.spent_s, now_s) + 1 / limits.rate
        if spent_s > now_s + limits.burst / limits.rate:
            level.since_s = level.since_s if level.held else now_s
            level.held += 1
            return False
        level.spent_s = spent_s
        return True

    def _summary(self, name: Level, level: _Level) -> Notice:
        held, level.held = level.held, 0
        words = f"too much at once: {held:,} more notices of level {name.value} were held back; objects' statuses tell"
        return Notice(name, "log", words)


class Restrained:
    """Reports with restraint; what was held back is told by a timer too, where there is an event loop."""

    def __init__(
        self, report: Report, limits: RestraintLimits | None = None, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._report = report
        self._clock = clock
        self._restraint = Restraint(limits or RestraintLimits())
        self._timer: asyncio.TimerHandle | None = None

    def __call__(self, notice: Notice) -> None:
        """Report a notice, or hold it back."""
        self._tell()
        if self._restraint.admit(notice, self._clock()):
            self._report(notice)
        elif self._timer is None:
            self._wait()

    def close(self) -> None:
        """Tell of all that is still held back."""
        if self._timer is not None:
            self._timer.cancel()
        for notice in self._restraint.rest():
            self._report(notice)

    def _tell(self) -> None:
        for notice in self._restraint.due(self._clock()):
            self._report(notice)

    def _wait(self) -> None:
        try:
            loop = asyncio.get_running_loop()
        except RuntimeError:
            # Before the loop runs, or after: the next notice tells, or the end.
            return
        self._timer = loop.call_later(self._restraint.limits.window_s, self._ring)

    def _ring(self) -> None:
        self._timer = None
        self._tell()
        if self._restraint.holds:
            self._wait()
