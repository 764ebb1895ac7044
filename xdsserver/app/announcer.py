"""Statuses turned into Events: what is wrong with an object, once, and that a Gateway is served."""

from __future__ import annotations

from typing import TYPE_CHECKING

from xdsserver.effects.events import EventType, Happening, Regarding
from xdsserver.gatewayapi.conditions import PROGRAMMED, Status
from xdsserver.gatewayapi.statuses import GatewayStatus, ListenerSetStatus, faults
from xdsserver.objects.kinds import BY_NAME

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from xdsserver.gatewayapi.statuses import ObjectStatus
    from xdsserver.objects.meta import ObjectKey

Line = tuple[EventType, str, str]
"""Type, reason and words."""


class Announcer:
    """Remembers what was said of each object, so that each thing is told when it begins.

    `tell` is handed what happens; `uid` gives that of an object, "" where there is none.
    """

    def __init__(self, tell: Callable[[Happening], None], uid: Callable[[ObjectKey], str]) -> None:
        self._tell = tell
        self._uid = uid
        self._said: dict[ObjectKey, frozenset[Line]] = {}

    def decided(self, statuses: Mapping[ObjectKey, ObjectStatus | None]) -> None:
        """Take statuses that are new."""
        for key, status in statuses.items():
            before = self._said.pop(key, frozenset())
            if status is None:
                continue
            now = frozenset(_lines(status))
            if now:
                self._said[key] = now
            kind = BY_NAME[key.kind]
            regarding = Regarding(
                key, f"{kind.group}/{kind.versions[0]}" if kind.group else kind.versions[0], self._uid(key)
            )
            for type_, reason, words in sorted(now - before, key=lambda line: line[1:]):
                self._tell(Happening(regarding, type_, reason, words))


def _lines(status: ObjectStatus) -> Iterator[Line]:
    for _, fault in faults(status):
        yield EventType.WARNING, fault.reason, fault.message
    if isinstance(status, GatewayStatus | ListenerSetStatus):
        for one in status.conditions:
            if one.type == PROGRAMMED and one.status is Status.TRUE:
                yield EventType.NORMAL, one.reason, one.message
