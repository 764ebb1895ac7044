"""The private folder in which one local Envoy lives: its bootstrap, its sockets, and who it is.

lock            held by the supervisor that owns the folder, for as long as it lives
bootstrap.yaml  what Envoy was started with
envoy.pid       pid, start time and fingerprint of the Envoy that was started last
envoy.log       stderr of a kept Envoy, which may outlive the one that would read a pipe
"""

from __future__ import annotations

import contextlib
import fcntl
import os
from dataclasses import dataclass
from typing import TYPE_CHECKING

from xdsserver.proxy.process import ProcessId

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


class HomeBusyError(Exception):
    """Another supervisor owns the folder; two would start two Envoys on one port."""


@dataclass(frozen=True, slots=True)
class Resident:
    """The Envoy that the folder knows of: which process, and a hash of what it was started with."""

    process: ProcessId
    fingerprint: str


@dataclass(frozen=True, slots=True)
class Home:
    """The folder and what is in it; made with mode 0700, its files with 0600."""

    folder: Path

    @property
    def bootstrap(self) -> Path:
        """The file that Envoy is started with."""
        return self.folder / "bootstrap.yaml"

    @property
    def log(self) -> Path:
        """The file that a kept Envoy writes its stderr to."""
        return self.folder / "envoy.log"

    @contextlib.contextmanager
    def owned(self) -> Iterator[None]:
        """Own the folder for a while; the kernel gives it back when we die in whatever way.

        Raises:
            HomeBusyError: a live supervisor owns it.
        """
        self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        self.folder.chmod(0o700)
        fd = os.open(self.folder / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            try:
                fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError as error:
                message = f"another xdsserver runs its Envoy in {self.folder}: stop it, or choose another folder"
                raise HomeBusyError(message) from error
            yield
        finally:
            os.close(fd)

    def write_bootstrap(self, text: str) -> None:
        """Write the bootstrap; a running Envoy does not read it again."""
        self._write(self.bootstrap, text)

    def remember(self, resident: Resident) -> None:
        """Write down who lives here, before anyone may need to find it."""
        self._write(self.folder / "envoy.pid", f"{resident.process} {resident.fingerprint}\n")

    def forget(self) -> None:
        """Nobody lives here any more."""
        (self.folder / "envoy.pid").unlink(missing_ok=True)

    def resident(self) -> Resident | None:
        """The Envoy that still runs here from an earlier life of ours, if there is one."""
        try:
            words = (self.folder / "envoy.pid").read_text(encoding="ascii").split()
            pid, start_ticks, fingerprint = words
            process = ProcessId(int(pid), int(start_ticks))
        except (OSError, ValueError):
            return None
        # Start times count from boot, so after a reboot pid and time may fit by chance: it must also run our bootstrap.
        if process.is_alive() and str(self.bootstrap) in process.arguments():
            return Resident(process, fingerprint)
        return None

    def _write(self, path: Path, text: str) -> None:
        # Written beside and renamed, so that a crash leaves the old text or the new one, never half of it.
        beside = path.with_name(path.name + ".new")
        beside.touch(0o600)
        beside.write_text(text, encoding="utf-8")
        beside.replace(path)
