"""Does what a `Following` says: requests, pauses, and decoding in slices that block nobody."""

from __future__ import annotations

import asyncio
import gc
import random
import time
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from xdsserver.kube.errors import KubeError, NotFound
from xdsserver.kube.following import Discover, ListPage, OpenWatch, Rest
from xdsserver.kube.turns import Turns
from xdsserver.kube.wire import plural_of

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterator

    from xdsserver.kube.client import KubeClient
    from xdsserver.kube.following import Following
    from xdsserver.kube.store import News


@dataclass(frozen=True, slots=True)
class Timing:
    """Where time and chance come from."""

    clock: Callable[[], float] = time.monotonic
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep
    draw: Callable[[], float] = random.random


class Shared:
    """What all reflectors of a source have in common: the API server, time, and whose turn it is to decode."""

    def __init__(self, client: KubeClient, timing: Timing | None = None) -> None:
        self.client = client
        self.timing = timing or Timing()
        self.turns = Turns()
        self._building = 0

    @contextmanager
    def uncollected(self) -> Iterator[None]:
        """Build a lot that stays without looking for cycles in it, now and later; several may do so at once.

        At 50,000 objects one look takes longer than the loop may be blocked. What is replaced later is freed as ever,
        by its count of references: objects hold no cycles.
        """
        self._building += 1
        gc.disable()
        try:
            yield
        finally:
            self._building -= 1
            gc.freeze()
            if not self._building:
                gc.enable()


class Reflector:
    """Follows one kind until it is cancelled; `heard` is handed what changed, in order, and whenever a step is done."""

    def __init__(self, shared: Shared, following: Following, heard: Callable[[News], None]) -> None:
        self.following = following
        self._client = shared.client
        self._timing = shared.timing
        self._turns = shared.turns
        self._uncollected = shared.uncollected
        self._heard = heard
        self._woken = asyncio.Event()

    async def run(self) -> None:
        """Follow. Faults of the API server end in a pause; anything else is a bug and is raised."""
        while True:
            await self.step()

    async def step(self) -> None:
        """Do one step."""
        following, clock = self.following, self._timing.clock
        step = following.next(clock())
        try:
            match step:
                case Rest(until_s):
                    await self._rest(until_s - clock())
                case Discover(paths):
                    following.discovered(clock(), await self._discover(paths))
                case ListPage(path, query):
                    accept = following.followed.accept("PartialObjectMetadataList")
                    page = await self._client.get(path, query, accept=accept)
                    with self._uncollected():
                        await self._turns.do(following.page(clock(), page))
                case OpenWatch():
                    await self._watch(step)
        except KubeError as error:
            following.failed(clock(), error)
        self._heard(following.take())

    def wake(self) -> None:
        """End a pause, where the machine agrees that there is something to do."""
        self._woken.set()

    async def _discover(self, paths: tuple[str, ...]) -> str | None:
        kind = self.following.followed.kind.name
        for path in paths:
            try:
                plural = plural_of(kind, await self._client.get(path))
            except NotFound:
                continue
            if plural is not None:
                return self.following.followed.path(path, plural)
        return None

    async def _watch(self, step: OpenWatch) -> None:
        following, clock = self.following, self._timing.clock
        accept = following.followed.accept("PartialObjectMetadata")
        async with self._client.watch(step.path, step.query, accept=accept) as received:
            following.opened(clock())
            self._heard(following.take())
            async for lines in received:
                await self._turns.do(following.lines(clock(), lines))
                self._heard(following.take())
                if not following.watching:
                    return
        following.closed(clock())

    async def _rest(self, rest_s: float) -> None:
        self._woken.clear()
        sleeping = asyncio.ensure_future(self._timing.sleep(rest_s))
        waking = asyncio.create_task(self._woken.wait())
        try:
            await asyncio.wait((sleeping, waking), return_when=asyncio.FIRST_COMPLETED)
        finally:
            sleeping.cancel()
            waking.cancel()
