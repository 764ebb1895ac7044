"""Whether streams have something to do: what is less urgent than Envoys waits here until they have not."""

from __future__ import annotations

import asyncio
from typing import Any


class Bustle:
    """Counts tasks that are under way."""

    def __init__(self) -> None:
        self._busy = 0
        self._rest: asyncio.Future[None] | None = None

    def begins(self, work: asyncio.Task[Any]) -> None:
        """Count a task until it ends."""
        self._busy += 1
        work.add_done_callback(self._ended)

    async def rest(self, within_s: float) -> None:
        """Wait until none is under way, for so many seconds at most; return at once where none is."""
        if not self._busy:
            return
        if self._rest is None:
            self._rest = asyncio.get_running_loop().create_future()
        await asyncio.wait((self._rest,), timeout=within_s)

    def _ended(self, _work: asyncio.Task[Any]) -> None:
        self._busy -= 1
        if not self._busy and self._rest is not None:
            self._rest.set_result(None)
            self._rest = None
