"""Events are written behind everything else: a few at a time, while we may, and never twice."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import msgspec

from xdsserver.kube.client import Body, ContentType
from xdsserver.kube.errors import KubeError
from xdsserver.kube.executor import Clock

if TYPE_CHECKING:
    from collections.abc import Callable

    from xdsserver.effects.events import EventWrite, Happening, Recorder
    from xdsserver.kube.client import KubeClient


@dataclass(frozen=True, slots=True)
class EventPace:
    """How often what is due is looked for, and how many Events are written each time."""

    look_s: float = 1.0
    at_once: int = 20


class EventWriter:
    """Takes what happens at any time, and writes it while it runs; an Event that cannot be written is dropped.

    Attributes:
        lost: Events that the server did not take.
    """

    def __init__(
        self,
        client: KubeClient,
        recorder: Recorder,
        may_write: Callable[[], bool],
        clock: Clock | None = None,
        pace: EventPace | None = None,
    ) -> None:
        self._client = client
        self._recorder = recorder
        self._may_write = may_write
        self._clock = clock or Clock()
        self._pace = pace or EventPace()
        self.lost = 0

    def happened(self, happening: Happening) -> None:
        """Take something that people should be told."""
        self._recorder.happened(happening, self._clock.today(), self._clock.monotonic())

    async def run(self) -> None:
        """Write what is due, until it is cancelled."""
        while True:
            await self._clock.sleep(self._pace.look_s)
            if self._may_write():
                await self._write()

    async def _write(self) -> None:
        due = self._recorder.due(self._clock.monotonic())
        for number, write in enumerate(due):
            if number and number % self._pace.at_once == 0:
                await self._clock.sleep(self._pace.look_s)
            if not self._may_write():
                return
            try:
                await self._send(write)
            except KubeError:
                # Its namespace is being deleted, or the server has other worries. Events are a courtesy.
                self.lost += 1

    async def _send(self, write: EventWrite) -> None:
        path = f"/apis/events.k8s.io/v1/namespaces/{write.namespace}/events"
        content = msgspec.json.encode(write.body)
        if write.create:
            await self._client.post(path, Body(content))
        else:
            await self._client.patch(f"{path}/{write.name}", Body(content, ContentType.MERGE_PATCH))
