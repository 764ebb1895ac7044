"""What a run tells, for tests that wait for it."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from xdsserver.observe.notices import Level

if TYPE_CHECKING:
    from xdsserver.observe.notices import Notice


@dataclass
class Told:
    """What was told, and who waits for it."""

    notices: list[Notice] = field(default_factory=list)
    _heard: asyncio.Event = field(default_factory=asyncio.Event)

    def __call__(self, notice: Notice) -> None:
        self.notices.append(notice)
        self._heard.set()

    async def of(self, words: str, *, since: int = 0) -> Notice:
        """Wait for a notice with these words; `since` counts what was told before."""
        async with asyncio.timeout(30):
            while True:
                self._heard.clear()
                for one in self.notices[since:]:
                    if words in f"{one.subject}: {one.text}":
                        return one
                await self._heard.wait()

    def warnings(self) -> list[str]:
        return [f"{one.subject}: {one.text}" for one in self.notices if one.level is Level.WARNING]
