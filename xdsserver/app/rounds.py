"""Rounds of a world, one after the other, each in as many turns of the event loop as it takes.

One change may concern every route, as an edit of their listener does, and what it comes to is seen as a whole or not at
all. At 5,000 routes that is a second of work, which no probe, no Lease and no other Envoy is to wait for. So it is done
in slices of time, and whoever looks at the tables in between sees them as they were (`tables.Graph.round`).
"""

from __future__ import annotations

import asyncio
import math
import time
from collections import deque
from typing import TYPE_CHECKING, Final, TypeVar

from xdsserver.tables import finished

if TYPE_CHECKING:
    from collections.abc import Callable

    from xdsserver.tables import Steps

T = TypeVar("T")

SLICE_S: Final = 0.01
"""What rounds may take of a turn of the loop; most end within it, in the turn in which they began."""


class Rounds:
    """Does rounds in the order in which they were begun; a step is never interrupted, so it should be short."""

    def __init__(self, clock: Callable[[], float] = time.perf_counter, slice_s: float = SLICE_S) -> None:
        self._clock = clock
        self._slice_s = slice_s
        self._begun: deque[Steps[object]] = deque()
        # Somebody up the stack is doing rounds; what is begun now has its turn after them.
        self._doing = False
        self._pause = False
        self._soon: asyncio.Handle | None = None

    def begin(self, steps: Steps[object]) -> None:
        """Do a round when those before it are done: at once where there is none, as far as a slice of time goes."""
        self._begun.append(steps)
        if not self._doing and self._soon is None:
            self._some()

    async def do(self, steps: Steps[T]) -> T:
        """Do a round as `begin` does, and wait for what it comes to."""
        done: asyncio.Future[T] = asyncio.get_running_loop().create_future()
        self.begin(_telling(steps, done))
        return await done

    def pause(self) -> None:
        """Go on in another turn of the loop: there is something that others should do first. Called by a round."""
        self._pause = True

    def at_once(self, steps: Steps[T]) -> T:
        """Do all that was begun and then this round, however long it takes: for whoever keeps nobody waiting."""
        self._go_on(math.inf)
        self._doing = True
        try:
            result = finished(steps)
        finally:
            self._doing = False
        self._go_on(math.inf)
        return result

    def _some(self) -> None:
        self._soon, self._pause = None, False
        try:
            self._go_on(self._clock() + self._slice_s)
        finally:
            # Also where one of them failed: others wait for theirs.
            if self._begun:
                self._soon = asyncio.get_running_loop().call_soon(self._some)

    def _go_on(self, until_s: float) -> None:
        self._doing = True
        try:
            while self._begun:
                for _ in self._begun[0]:
                    if self._clock() >= until_s or (self._pause and until_s < math.inf):
                        return
                self._begun.popleft()
        except BaseException:
            # It is not tried again: what it left half-way refuses to go on by itself.
            self._begun.popleft()
            raise
        finally:
            self._doing = False


def _telling(steps: Steps[T], done: asyncio.Future[T]) -> Steps[None]:
    try:
        result = yield from steps
    except Exception as error:  # noqa: BLE001 (it is raised where the round is awaited)
        if not done.cancelled():
            done.set_exception(error)
    else:
        if not done.cancelled():
            done.set_result(result)
