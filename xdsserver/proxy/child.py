"""A running Envoy: a child that dies with us, or a detached one that outlives us.

Both have a `pid`, can be sent a `signal`, and `ended()` answers why they ended.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import sys
from collections import deque
from dataclasses import dataclass
from typing import TYPE_CHECKING

from xdsserver.proxy import launch
from xdsserver.proxy.process import ProcessId

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence
    from pathlib import Path

LAUNCH = (sys.executable, "-I", "-S", launch.__file__)
LINES_KEPT = 50
LINE_BYTES = 16 * 1024
LOG_TAIL_BYTES = 64 * 1024


class Child:
    """An Envoy that we started and that dies with us; its stderr comes through a pipe."""

    adopted = False

    def __init__(self, process: asyncio.subprocess.Process, on_line: Callable[[str], None]) -> None:
        self._process = process
        self._on_line = on_line
        self._last_lines: deque[str] = deque(maxlen=LINES_KEPT)
        self._pump = asyncio.create_task(self._forward())

    @classmethod
    async def start(cls, command: Sequence[str], on_line: Callable[[str], None]) -> Child:
        """Start a command line whose first word is an absolute path; `on_line` gets each line of its stderr."""
        # A session of its own: Ctrl-C goes to a terminal's whole process group, and would end Envoy before its drain.
        process = await asyncio.create_subprocess_exec(
            *(*LAUNCH, "bound", str(os.getpid()), *command),
            stdin=asyncio.subprocess.DEVNULL,
            stderr=asyncio.subprocess.PIPE,
            start_new_session=True,
        )
        return cls(process, on_line)

    @property
    def pid(self) -> int:
        """Its process id, also after it has ended."""
        return self._process.pid

    def signal(self, number: signal.Signals) -> None:
        """Send a signal; nothing happens when it has ended."""
        with contextlib.suppress(ProcessLookupError):
            self._process.send_signal(number)

    async def ended(self) -> str:
        """Wait for its end and its last line, and say why it ended, in Envoy's own words where it left some."""
        # Together: a pump that failed would leave a full pipe behind, and Envoy blocked on it for ever.
        code, _ = await asyncio.gather(self._process.wait(), asyncio.shield(self._pump))
        how = f"killed by {signal.Signals(-code).name}" if code < 0 else f"exit code {code}"
        words = last_words(self._last_lines)
        return f"{how}: {words}" if words else how

    async def _forward(self) -> None:
        """Hand on each line; one longer than `LINE_BYTES` comes in pieces, so that no line can fill the memory."""
        stderr = self._process.stderr
        rest = b""
        while stderr is not None and (chunk := await stderr.read(LINE_BYTES)):
            *lines, rest = (rest + chunk).split(b"\n")
            if len(rest) >= LINE_BYTES:
                lines, rest = [*lines, rest], b""
            for line in lines:
                self._hand_on(line)
        if rest:
            self._hand_on(rest)

    def _hand_on(self, line: bytes) -> None:
        text = line.decode("utf-8", errors="replace")
        self._last_lines.append(text)
        self._on_line(text)


@dataclass(frozen=True, slots=True)
class Detached:
    """An Envoy that is nobody's child: the kernel tells its end, but only a parent would learn the exit code.

    Attributes:
        process: which one it is.
        log: the file that has its stdout and stderr.
        adopted: whether an earlier life of ours started it.
    """

    process: ProcessId
    log: Path
    adopted: bool = True

    @classmethod
    async def start(cls, command: Sequence[str], log: Path) -> Detached:
        """Start a command line whose first word is an absolute path; the log begins anew.

        Raises:
            OSError: the launcher cannot be started.
        """
        fd = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_APPEND, 0o600)
        try:
            launcher = await asyncio.create_subprocess_exec(
                *(*LAUNCH, "detached", *command),
                stdin=asyncio.subprocess.DEVNULL,
                stdout=asyncio.subprocess.PIPE,
                stderr=fd,
                start_new_session=True,
            )
            answer, _ = await launcher.communicate()
        finally:
            os.close(fd)
        pid = int(answer)
        # One that has ended already is a crash like any other, found by its start time 0 that nobody has.
        return cls(ProcessId.of(pid) or ProcessId(pid, 0), log, adopted=False)

    @property
    def pid(self) -> int:
        """Its process id, also after it has ended."""
        return self.process.pid

    def signal(self, number: signal.Signals) -> None:
        """Send a signal; nothing happens when it has ended."""
        self.process.signal(number)

    async def ended(self) -> str:
        """Wait for its end, and say why it ended as far as its log tells."""
        await self.process.ended()
        return last_words(_tail(self.log)) or "ended without a word"


def last_words(lines: Iterable[str]) -> str:
    """Return the line that says why Envoy ended: the first critical one, else the very last; may be empty."""
    said = [line for line in lines if line.strip()]
    # The first: what follows "error initializing" is the consequence, such as the listeners that are torn down.
    critical = [line for line in said if line.startswith("[critical]")]
    return (critical or said[-1:] or [""])[0].removeprefix("[critical] ")


def _tail(path: Path) -> list[str]:
    try:
        with path.open("rb") as file:
            file.seek(max(0, file.seek(0, os.SEEK_END) - LOG_TAIL_BYTES))
            return file.read().decode("utf-8", errors="replace").splitlines()[-LINES_KEPT:]
    except OSError:
        return []
