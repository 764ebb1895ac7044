"""An event loop whose time passes only while everybody waits: minutes take milliseconds, timeouts included."""

from __future__ import annotations

import asyncio
import selectors
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from collections.abc import Coroutine

T = TypeVar("T")


class _Selector(selectors.DefaultSelector):
    """Lets time pass instead of waiting."""

    now_s = 1000.0
    end_s = now_s + 3600.0

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        if timeout is None:
            message = "everybody waits for something that no time brings"
            raise RuntimeError(message)
        self.now_s += max(0.0, timeout)
        if self.now_s > self.end_s:
            message = "an hour has passed, and the story has no end"
            raise RuntimeError(message)
        return super().select(0)


class _Loop(asyncio.SelectorEventLoop):
    def __init__(self) -> None:
        self._passing = _Selector()
        super().__init__(self._passing)

    def time(self) -> float:
        return self._passing.now_s


def in_virtual_time(story: Coroutine[None, None, T]) -> T:
    """Run to the end, in no time; nothing in it may talk to another process."""
    with asyncio.Runner(loop_factory=_Loop) as runner:
        return runner.run(story)
