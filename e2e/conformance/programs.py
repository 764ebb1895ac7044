"""Programs that run beside the suite, each with a file for what it says; some are started anew again and again."""

from __future__ import annotations

import signal
import subprocess
import threading
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import cycle
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

STOP_S = 20.0


@dataclass
class Program:
    """A program, and the file that takes what it says."""

    command: tuple[str, ...]
    log: Path
    restarts: int = 0
    _process: subprocess.Popen[bytes] | None = None

    @property
    def ended(self) -> int | None:
        """Its exit code; None while it runs."""
        return None if self._process is None else self._process.poll()

    @contextmanager
    def running(self) -> Iterator[Program]:
        """Run it until the end of the block."""
        self.log.write_bytes(b"")
        self._start()
        try:
            yield self
        finally:
            self._stop()

    def restart(self) -> None:
        """Stop it and start it anew."""
        self._stop()
        self._start()
        self.restarts += 1

    def _start(self) -> None:
        with self.log.open("ab") as out:
            self._process = subprocess.Popen(self.command, stdout=out, stderr=subprocess.STDOUT)

    def _stop(self) -> None:
        if self._process is None:
            return
        self._process.send_signal(signal.SIGTERM)
        try:
            self._process.wait(STOP_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()


@contextmanager
def restarting(programs: Sequence[Program], every_s: float) -> Iterator[None]:
    """Start one of them anew every so many seconds, each in its turn, until the end of the block."""
    over = threading.Event()

    def go_on() -> None:
        for program in cycle(programs):
            if over.wait(every_s):
                return
            program.restart()

    thread = threading.Thread(target=go_on)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()
