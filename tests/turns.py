"""How long each turn of an event loop takes of the processor; of the clock it would tell what else the machine does."""

from __future__ import annotations

import asyncio
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator


@contextmanager
def turns_measured(tell: Callable[[float], None]) -> Iterator[None]:
    """Tell how many milliseconds each turn of each event loop of this process takes, until the end of the block."""
    # It has no public name.
    turn = asyncio.BaseEventLoop._run_once  # type: ignore[attr-defined]

    def measured(loop: asyncio.BaseEventLoop) -> None:
        begun_s = time.thread_time()
        turn(loop)
        tell((time.thread_time() - begun_s) * 1e3)

    asyncio.BaseEventLoop._run_once = measured  # type: ignore[attr-defined]
    try:
        yield
    finally:
        asyncio.BaseEventLoop._run_once = turn  # type: ignore[attr-defined]
