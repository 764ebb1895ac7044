"""How many clients may take everything at once: places in a queue, first come, first served.

A full sync is dear: all bytes of the configuration are joined for it, and stay in memory until the client has taken
them. A thousand Envoys that start together would take them all at the same time; here they take them one after the
other, some at a time. Who reconnects and announces what it has needs only differences, and waits for nobody.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from xdsserver.xds import ledger
from xdsserver.xds.messages import DeltaRequest
from xdsserver.xds.names import NO_NAMES, shared

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from xdsserver.xds.messages import Request


class Admission:
    """The places of a server: `under_way` of them are taken, `waiting` streams stand in the queue."""

    def __init__(self, places: int, hold_s: float, on_rest: Callable[[], None]) -> None:
        """Offer so many places, each for at most `hold_s`: a client that never answers keeps nobody out for ever.

        `on_rest` is called when nobody is taking everything any more.
        """
        self.hold_s = hold_s
        self._on_rest = on_rest
        self._free = places
        self._places = places
        self._queue: dict[FullSync, None] = {}

    @property
    def under_way(self) -> int:
        """Full syncs that were begun and are not acknowledged yet."""
        return self._places - self._free

    @property
    def waiting(self) -> int:
        """Streams whose full sync has not begun."""
        return len(self._queue)

    def enter(self, sync: FullSync) -> bool:
        """Take a place, or the last one in the queue; say whether it is a place."""
        if self._free and not self._queue:
            self._free -= 1
            return True
        self._queue[sync] = None
        return False

    def leave(self, sync: FullSync, *, seated: bool) -> None:
        """Give up a place, which goes to the first in the queue, or leave the queue."""
        if not seated:
            self._queue.pop(sync, None)
        elif self._queue:
            first = next(iter(self._queue))
            del self._queue[first]
            first.seat()
        else:
            self._free += 1
            if self._free == self._places:
                self._on_rest()


class FullSync:
    """What one stream has to do with admission: it needs a place for each type that it is told for the first time."""

    __slots__ = (
        "_admission",
        "_announces",
        "_asked",
        "_held",
        "_on_seated",
        "_queued",
        "_seated",
        "_timer",
        "_unanswered",
    )

    def __init__(self, admission: Admission, on_seated: Callable[[], None]) -> None:
        self._admission = admission
        self._on_seated = on_seated
        self._announces: bool | None = None
        # Shared with other streams: they ask in the same order.
        self._asked = NO_NAMES
        self._unanswered = NO_NAMES
        self._seated = False
        self._queued = False
        # Asked for while nothing could be answered yet.
        self._held = False
        self._timer: asyncio.TimerHandle | None = None

    def admits(self, request: Request, *, ready: bool) -> bool:
        """Say whether a request may be taken now; if not, `on_seated` will be called when it may be.

        Until the server is `ready` requests cost nothing, since they are not answered.
        """
        if self._announces is None:
            self._announces = isinstance(request, DeltaRequest) and bool(request.initial_versions)
        if self._announces or request.type_url in self._asked:
            return True
        if ready and not self._may_begin():
            return False
        self._held = self._held or not ready
        self._asked = shared(self._asked | {request.type_url})
        return True

    def may_open(self, *, ready: bool) -> bool:
        """Say whether what was asked for before the server was ready may be answered now."""
        if not (ready and self._held):
            return True
        if not self._may_begin():
            return False
        self._held = False
        return True

    def heard(self, events: Iterable[ledger.Event]) -> None:
        """Note what was sent and answered; when all is answered the place goes to the next stream."""
        for event in events:
            match event:
                case ledger.Sent():
                    self._unanswered = shared(self._unanswered | {event.type_url})
                case ledger.Acked() | ledger.Rejected():
                    self._unanswered = shared(self._unanswered - {event.type_url})
                case _:
                    pass

    def settle(self) -> None:
        """Look whether the place is still needed; called after each step."""
        if self._seated and not self._unanswered:
            self.leave()

    def leave(self) -> None:
        """Give up place or queue: all is answered, the client takes too long, or the stream ends."""
        if self._timer is not None:
            self._timer.cancel()
        seated, queued = self._seated, self._queued
        self._seated = self._queued = False
        self._timer = None
        if seated or queued:
            self._admission.leave(self, seated=seated)

    def seat(self) -> None:
        """Take a place that became free."""
        self._queued, self._seated = False, True
        self._timer = asyncio.get_running_loop().call_later(self._admission.hold_s, self.leave)
        self._on_seated()

    def _may_begin(self) -> bool:
        if not (self._seated or self._queued):
            if self._admission.enter(self):
                self.seat()
            else:
                self._queued = True
        return self._seated
