"""When to save: soon after a change, seldom while many come, and once more at the end; never on the event loop.

A disk that does not take it costs a warning: what runs goes on from memory, and it is tried again.
"""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass

from xdsserver.files.state import StateError


@dataclass(frozen=True, slots=True)
class SavePace:
    """How soon and how often something is saved."""

    settle_s: float = 1.0
    """What changes within this time after a change is saved with it."""
    apart_s: float = 10.0
    """Between two saves, also between a failed one and the next try: a disk must bear it for years."""


class Saver:
    """Saves after changes.

    `prepare` is called on the loop, must be quick, and gives what is then run in a thread; that may block, and raise
    StateError. `tell` hears its words, once until they differ, and "" when saving works again.
    """

    def __init__(
        self, prepare: Callable[[], Callable[[], None]], tell: Callable[[str], None], pace: SavePace | None = None
    ) -> None:
        self._prepare = prepare
        self._tell = tell
        self._pace = pace or SavePace()
        self._wake = asyncio.Event()
        self._unsaved = False
        self._ending = asyncio.Event()
        self._told = ""

    def changed(self) -> None:
        """Note that there is something to save; returns at once."""
        self._unsaved = True
        self._wake.set()

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Save in the background until the end of the block; what is not saved then is saved before this returns."""
        saving = asyncio.create_task(self._run())
        try:
            yield
        finally:
            self._ending.set()
            self._wake.set()
            # Not cancelled: a thread cannot be, and what it writes must not come after what is written next.
            await saving

    async def _run(self) -> None:
        while not self._ending.is_set():
            await self._wake.wait()
            self._wake.clear()
            await self._pause(self._pace.settle_s)
            if self._ending.is_set():
                break
            await self._save()
            await self._pause(self._pace.apart_s)
        if self._unsaved:
            await self._save()

    async def _save(self) -> None:
        self._unsaved = False
        try:
            await asyncio.to_thread(self._prepare())
        except StateError as error:
            words = str(error)
            self.changed()
        except Exception as error:  # noqa: BLE001  # A bug here must not take down what serves; its words may be secret.
            words = f"the state is not saved, for a bug in xdsserver ({type(error).__name__})"
        else:
            words = ""
        if words != self._told:
            self._told = words
            self._tell(words)

    async def _pause(self, time_s: float) -> None:
        with suppress(TimeoutError):
            async with asyncio.timeout(time_s):
                await self._ending.wait()
