"""A clock whose hands a test turns: whoever sleeps by it sleeps until then, whatever sockets do meanwhile."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta

from xdsserver.kube.executor import Clock

NOON = datetime(2026, 11, 21, 12, tzinfo=UTC)


class Hands:
    """The time, and all who wait for it."""

    def __init__(self) -> None:
        self.now_s = 0.0
        self._sleepers: dict[asyncio.Future[None], float] = {}
        self._lain_down = asyncio.Event()
        self.clock = Clock(lambda: self.now_s, lambda: self.today, self._sleep, lambda: 1.0)

    @property
    def today(self) -> datetime:
        return NOON + timedelta(seconds=self.now_s)

    async def asleep(self, number: int = 1) -> None:
        """Return when so many sleep."""
        async with asyncio.timeout(20):
            while len(self._sleepers) < number:
                self._lain_down.clear()
                await self._lain_down.wait()

    async def stirred(self) -> None:
        """Return when somebody who was woken otherwise sleeps again."""
        self._lain_down.clear()
        async with asyncio.timeout(20):
            await self._lain_down.wait()

    async def turn(self, seconds: float, number: int = 1) -> None:
        """Let time go by, and return when so many sleep again; whoever sleeps several times meanwhile does."""
        await self.asleep(number)
        end_s = self.now_s + seconds
        while (due_s := min(self._sleepers.values())) <= end_s:
            # A test may have moved the hands by itself, over all who slept.
            self.now_s = max(self.now_s, due_s)
            for sleeper in [one for one, at in self._sleepers.items() if at <= self.now_s]:
                del self._sleepers[sleeper]
                sleeper.set_result(None)
            await self.asleep(number)
        self.now_s = end_s

    async def _sleep(self, seconds: float) -> None:
        sleeper = asyncio.get_running_loop().create_future()
        self._sleepers[sleeper] = self.now_s + max(seconds, 0.001)
        self._lain_down.set()
        try:
            await sleeper
        finally:
            self._sleepers.pop(sleeper, None)
