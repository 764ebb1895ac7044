"""When to read a folder again: soon after anything happens in it.

Events carry no meaning here, only a time. They are debounced: a reading starts when the folder has been quiet for a
moment, or when it has not been quiet for too long. A folder that cannot be watched is read every two seconds.
"""

import asyncio
import os
from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing, suppress
from dataclasses import dataclass
from pathlib import Path

from xdsserver.files.folder import Folder
from xdsserver.files.mounts import remote_type
from xdsserver.files.values import Scan


@dataclass(frozen=True, slots=True)
class Pace:
    """How soon a change is read."""

    quiet_s: float = 0.05
    """A reading starts when nothing has happened for so long (up to twice as long: it is looked at in steps). Short,
    because what comes too early does little harm: removals wait by themselves (`Limits.settle_s`)."""
    longest_s: float = 0.5
    """It starts at the latest so long after the first event, however busy the folder is."""
    poll_s: float = 2.0
    """Without events the folder is read this often; with events, this often it is asked whether it is still there."""
    sweep_s: float = 30.0
    """Even where events come the folder is read this often: a queue of events can overflow."""


class CannotWatch(Exception):  # noqa: N818  (not a failure: there is another way)
    """No events can be had for a folder; the text says why."""


Notifier = Callable[[Path, Pace], AsyncGenerator[bool]]
"""Yields True after events (debounced), False when nothing happened for `poll_s`. Raises CannotWatch. Events count from
the first step of the generator on."""


def say_nothing(_: str) -> None:
    """Take a reason and do nothing."""


async def inotify(path: Path, pace: Pace) -> AsyncGenerator[bool]:
    """Watch with the kernel's help, by the package watchfiles."""
    if (kind := remote_type(path)) is not None:
        message = f"it is on a shared or network disk ({kind}), which does not tell of changes made elsewhere"
        raise CannotWatch(message)
    try:
        # Part of the extra [standalone]; reading a folder once needs no watcher.
        from watchfiles import awatch  # noqa: PLC0415
    except ImportError:
        message = "the package watchfiles is not installed"
        raise CannotWatch(message) from None
    events = awatch(
        path,
        watch_filter=None,
        debounce=int(pace.longest_s * 1000),
        step=int(pace.quiet_s * 1000),
        rust_timeout=int(pace.poll_s * 1000),
        yield_on_timeout=True,
        ignore_permission_denied=True,
    )
    try:
        async with aclosing(events):
            async for changes in events:
                yield bool(changes)
    except (OSError, RuntimeError) as error:
        # The package raises a RuntimeError of its own where the kernel has no watch left to give.
        remedy = "fs.inotify.max_user_watches and fs.inotify.max_user_instances may be too low"
        message = f"the system gives no watch ({error}); {remedy}"
        raise CannotWatch(message) from error


async def scans(
    folder: Folder,
    pace: Pace | None = None,
    on_poll: Callable[[str], None] = say_nothing,
    notifier: Notifier = inotify,
) -> AsyncGenerator[Scan]:
    """Yield the first reading of a folder, then one after each change of what it says or of what is wrong with it.

    `on_poll` is told why, when the folder is read by the clock and not by events. Readings run in a thread, one at a
    time. Ends only by being closed: iterate inside `contextlib.aclosing`.
    """
    pace = pace or Pace()
    told: Scan | None = None
    while True:
        alarm = _Alarm(folder.path, pace, notifier)
        watching = asyncio.create_task(alarm.watch(on_poll))
        try:
            # One step of the loop starts the watch, so that nothing that happens during the first reading is lost.
            await asyncio.sleep(0)
            while True:
                scan = await asyncio.to_thread(folder.scan)
                if told is None or scan.changes or scan.problems != told.problems:
                    told = scan
                    yield scan
                if not await alarm.wait(scan.again_s):
                    break
                if watching.done():
                    # It ends only when the folder is another one; anything else is a bug that must not be silent.
                    watching.result()
        finally:
            watching.cancel()
            with suppress(asyncio.CancelledError):
                await watching


class _Alarm:
    """Rings when a folder should be read, for as long as its path means the same directory."""

    def __init__(self, path: Path, pace: Pace, notifier: Notifier) -> None:
        self._path = path
        self._pace = pace
        self._notifier = notifier
        self._identity = _identity(path)
        self._ring = asyncio.Event()
        self._replaced = False

    async def wait(self, at_most_s: float | None) -> bool:
        """Wait until it rings, at most so long. Returns False when the path means another directory than before."""
        timeout_s = self._pace.sweep_s if at_most_s is None else at_most_s
        with suppress(TimeoutError):
            await asyncio.wait_for(self._ring.wait(), timeout_s)
        self._ring.clear()
        return not self._replaced

    async def watch(self, on_poll: Callable[[str], None]) -> None:
        """Ring after events, or by the clock where there are none."""
        try:
            # A folder that is not there (yet) is a problem of the reading already.
            if self._identity is not None:
                await self._ring_after_events()
        except CannotWatch as reason:
            on_poll(f"{self._path} is read every {self._pace.poll_s:g} s: {reason}")
        while not self._is_replaced():
            await asyncio.sleep(self._pace.poll_s)
            self._ring.set()

    async def _ring_after_events(self) -> None:
        events = self._notifier(self._path, self._pace)
        async with aclosing(events):
            async for happened in events:
                if happened:
                    self._ring.set()
                if self._is_replaced():
                    return

    def _is_replaced(self) -> bool:
        """Tell whether the path means another directory: the kernel watches directories, not paths."""
        if _identity(self._path) == self._identity:
            return False
        self._replaced = True
        self._ring.set()
        return True


def _identity(path: Path) -> tuple[int, int] | None:
    try:
        status = os.stat(path)  # noqa: PTH116
    except OSError:
        return None
    return status.st_dev, status.st_ino
