"""How late the event loop is: something is due every quarter of a second, and what it is late is what others wait."""

from __future__ import annotations

import asyncio
import contextlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

PERIOD_S = 0.25


@contextlib.contextmanager
def lag_measured(tell: Callable[[float], None], period_s: float = PERIOD_S) -> Iterator[None]:
    """Call `tell` with the lateness in seconds, every `period_s` until the end of the block; for a running loop."""
    loop = asyncio.get_running_loop()
    due: list[asyncio.TimerHandle] = []

    def look() -> None:
        tell(loop.time() - due.pop().when())
        # From now on, not from when it was due: one long wait is told once.
        due.append(loop.call_later(period_s, look))

    due.append(loop.call_later(period_s, look))
    try:
        yield
    finally:
        for handle in due:
            handle.cancel()
