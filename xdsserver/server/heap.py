"""Memory that full syncs leave behind goes back to the operating system.

What is freed stays with the process, for whoever asks next: after some hundred Envoys took everything, that is 5 to
25 MiB which nobody uses, and which counts against a container's limit as if streams did. glibc gives it back when told
to (`man malloc_trim`), which takes about a millisecond; other C libraries have no such call, and are left alone.
"""

from __future__ import annotations

import asyncio
import ctypes
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Callable

_REST_S: Final = 0.5
"""From when the last full sync is over until memory is given back: gRPC may still hold some of it, others may begin."""


class Heap:
    """What the process has allocated, and need not keep for ever."""

    __slots__ = ("_timer", "_trim")

    def __init__(self) -> None:
        self._trim = _malloc_trim()
        self._timer: asyncio.TimerHandle | None = None

    def settle(self) -> None:
        """Give back, in a moment, what is not used any more; one that was promised already is enough."""
        if self._trim is not None and self._timer is None:
            self._timer = asyncio.get_running_loop().call_later(_REST_S, self._give_back, self._trim)

    def close(self) -> None:
        """Give nothing back any more."""
        if self._timer is not None:
            self._timer.cancel()

    def _give_back(self, trim: Callable[[int], int]) -> None:
        self._timer = None
        trim(0)


def _malloc_trim() -> Callable[[int], int] | None:
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None)
    if trim is not None:
        trim.argtypes = (ctypes.c_size_t,)
    return trim
