"""One process that may or may not be our child: told apart by (pid, start time), awaited and signalled by pidfd.

A pid alone names a process only until it ends; then the kernel gives it to another. A pidfd never does, and becomes
readable when the process ends, also one that an earlier life of ours started. Linux only; elsewhere there are no
orphans to find (`ProcessId.of` answers None) and a child is awaited as asyncio does.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

TERM_WAIT_S = 2.0
"""How long a process may take to follow SIGTERM before SIGKILL."""


@dataclass(frozen=True, slots=True)
class ProcessId:
    """A process for all time: its pid, and when it started, in clock ticks since boot (proc(5), field 22)."""

    pid: int
    start_ticks: int

    @classmethod
    def of(cls, pid: int) -> ProcessId | None:
        """Return the identity of a live process; None when there is none, when it is a zombie, or without /proc."""
        try:
            text = Path(f"/proc/{pid}/stat").read_text(encoding="ascii", errors="replace")
        except OSError:
            return None
        # The second field is the name in brackets, and may hold both spaces and brackets.
        state, *fields = text.rpartition(")")[2].split()
        return None if state in {"Z", "X"} else cls(pid, int(fields[18]))

    def __str__(self) -> str:
        return f"{self.pid} {self.start_ticks}"

    def arguments(self) -> tuple[str, ...]:
        """Return its command line; empty when it has ended."""
        try:
            return tuple(Path(f"/proc/{self.pid}/cmdline").read_text(encoding="utf-8", errors="replace").split("\0"))
        except OSError:
            return ()

    def is_alive(self) -> bool:
        """Whether this very process still runs."""
        return ProcessId.of(self.pid) == self

    def signal(self, number: signal.Signals) -> None:
        """Send a signal to this very process; nothing happens when it has ended."""
        with contextlib.suppress(ProcessLookupError), _pidfd(self) as fd:
            signal.pidfd_send_signal(fd, number)

    async def ended(self) -> None:
        """Return when the process has ended."""
        with contextlib.suppress(ProcessLookupError), _pidfd(self) as fd:
            loop = asyncio.get_running_loop()
            readable = asyncio.Event()
            loop.add_reader(fd, readable.set)
            try:
                await readable.wait()
            finally:
                loop.remove_reader(fd)

    async def end(self, term_wait_s: float = TERM_WAIT_S) -> None:
        """End it: SIGTERM, and SIGKILL when that has not helped for `term_wait_s`."""
        self.signal(signal.SIGTERM)
        try:
            async with asyncio.timeout(term_wait_s):
                await self.ended()
        except TimeoutError:
            self.signal(signal.SIGKILL)
            await self.ended()


@contextlib.contextmanager
def _pidfd(process: ProcessId) -> Iterator[int]:
    fd = os.pidfd_open(process.pid)
    try:
        # Between reading /proc and opening, the pid may have passed on; what is open now cannot change any more.
        if not process.is_alive():
            raise ProcessLookupError
        yield fd
    finally:
        os.close(fd)
