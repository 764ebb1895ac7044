"""Long work in slices: of all who have some, one does a slice in a turn of the event loop, and not each of them.

Ten kinds that list at once would otherwise keep the loop for ten slices in a row, and whoever else waits for it, a
probe or an Envoy, would wait for all ten.
"""

from __future__ import annotations

import asyncio
import time
from collections import deque
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

SLICE_S: Final = 0.005
"""What decoding may take of a turn of the loop."""


class Turns:
    """Divides the turns of the running loop; a step of work is never interrupted, so it should be short."""

    def __init__(self, clock: Callable[[], float] = time.perf_counter, slice_s: float = SLICE_S) -> None:
        self._clock = clock
        self._slice_s = slice_s
        self._waiting: deque[asyncio.Future[None]] = deque()
        # Somebody has this turn of the loop.
        self._taken = False

    async def do(self, work: Iterator[None]) -> None:
        """Do work to its end: at once if nobody else has this turn, the rest in turns with others, one after another.

        It goes on in the turn in which the work ended.
        """
        if self._taken:
            await self._turn()
        else:
            # A line of a watch is done here: it waits for nobody.
            self._take()
        while self._some(work):
            await self._turn()

    def _some(self, work: Iterator[None]) -> bool:
        """Do a slice of it; False when it is done."""
        until_s = self._clock() + self._slice_s
        return any(self._clock() >= until_s for _ in work)

    async def _turn(self) -> None:
        waiting = asyncio.get_running_loop().create_future()
        self._waiting.append(waiting)
        await waiting

    def _take(self) -> None:
        self._taken = True
        asyncio.get_running_loop().call_soon(self._pass_on)

    def _pass_on(self) -> None:
        """Give the next turn to who has waited longest; one who was cancelled meanwhile costs a turn and no more."""
        self._taken = False
        while self._waiting:
            first = self._waiting.popleft()
            if not first.done():
                first.set_result(None)
                self._take()
                return
