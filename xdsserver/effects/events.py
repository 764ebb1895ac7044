"""Events: told once, then counted; which Event is to be created or counted up, by a recorder without I/O.

The form is `events.k8s.io/v1`. What happens again to the same object, in the same words, is one Event with a series: a
list of Events that grows with every turn of a loop is read by nobody. All but the series of an Event is immutable, so
other words are another Event; `note` must hold no number that counts.
"""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass, field
from enum import Enum
from hashlib import sha256
from typing import TYPE_CHECKING, Any

from xdsserver.objects.gatewayclass import CONTROLLER

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime

    from xdsserver.objects.meta import ObjectKey

NOTE_BYTES = 1024
"""`note` may have at most so many (API reference of events.k8s.io/v1)."""
_NAME_CHARACTERS = 200


class EventType(Enum):
    """Whether somebody should look."""

    NORMAL = "Normal"
    WARNING = "Warning"


@dataclass(frozen=True, slots=True)
class Regarding:
    """The object that something happened to; a uid, since Events outlive objects."""

    key: ObjectKey
    api_version: str
    uid: str


@dataclass(frozen=True, slots=True)
class Happening:
    """Something that people should be told; `reason` and `action` are stable, for machines; `note` is for people."""

    regarding: Regarding
    type: EventType
    reason: str
    note: str
    action: str = "Reconcile"


@dataclass(frozen=True, slots=True)
class EventWrite:
    """An Event to create, or the fields of one that is there already to be merged in."""

    namespace: str
    name: str
    body: dict[str, Any]
    create: bool


@dataclass(frozen=True, slots=True)
class EventLimits:
    """One object brings at most `burst` Events at once and then one every `refill_s` (client-go's bounds).

    A series is written anew every `series_s`, since nobody needs the count of this second; what has not happened for
    `forget_s` is a new Event when it does. At most `kept` are remembered.
    """

    burst: int = 25
    refill_s: float = 300.0
    series_s: float = 60.0
    forget_s: float = 360.0
    kept: int = 4096


@dataclass(slots=True)
class _Told:
    name: str
    count: int
    seen: datetime
    seen_s: float
    written_s: float
    fresh: bool = True
    """Whether it is not created yet."""
    news: bool = True


@dataclass
class Recorder:
    """Takes what happens and gives what is to be written. Seconds are of one monotonic clock, handed in."""

    instance: str
    """Which of our replicas tells it: the name of its pod."""
    limits: EventLimits = field(default_factory=EventLimits)
    controller: str = CONTROLLER
    """Who says so."""
    dropped: int = 0
    """Happenings that were too many for one object."""
    _told: OrderedDict[Happening, _Told] = field(default_factory=OrderedDict)
    _spent: dict[Regarding, float] = field(default_factory=dict)

    def happened(self, happening: Happening, now: datetime, now_s: float) -> None:
        """Take something that happened."""
        told = self._told.get(happening)
        if told is not None and now_s - told.seen_s <= self.limits.forget_s:
            told.count += 1
            told.seen, told.seen_s, told.news = now, now_s, True
            self._told.move_to_end(happening)
            return
        spent = max(self._spent.get(happening.regarding, now_s), now_s) + self.limits.refill_s
        if spent - now_s > self.limits.burst * self.limits.refill_s:
            self.dropped += 1
            return
        self._spent[happening.regarding] = spent
        self._told[happening] = _Told(_name(happening, now), 1, now, now_s, now_s)
        self._told.move_to_end(happening)
        while len(self._told) > self.limits.kept:
            self._told.popitem(last=False)

    def due(self, now_s: float) -> Iterable[EventWrite]:
        """Give what is to be written now; it is not given again, since an Event that is lost is no loss."""
        for happening, told in tuple(self._told.items()):
            namespace = _namespace(happening)
            if told.fresh:
                yield EventWrite(namespace, told.name, self._new(happening, told), create=True)
            elif told.news and now_s - told.written_s >= self.limits.series_s:
                yield EventWrite(namespace, told.name, _series(told), create=False)
            elif now_s - told.seen_s > self.limits.forget_s:
                self._told.pop(happening, None)
                continue
            else:
                continue
            told.fresh, told.news, told.written_s = False, False, now_s
        for regarding, spent in tuple(self._spent.items()):
            if spent <= now_s:
                del self._spent[regarding]

    def _new(self, happening: Happening, told: _Told) -> dict[str, Any]:
        regarding = happening.regarding
        key = regarding.key
        return {
            "apiVersion": "events.k8s.io/v1",
            "kind": "Event",
            "metadata": {"name": told.name, "namespace": _namespace(happening)},
            "eventTime": _micro_time(told.seen),
            "reportingController": self.controller,
            "reportingInstance": self.instance,
            "action": happening.action,
            "reason": happening.reason,
            "type": happening.type.value,
            "note": _clip(happening.note),
            "regarding": {
                "apiVersion": regarding.api_version,
                "kind": key.kind,
                **({"namespace": key.namespace} if key.namespace else {}),
                "name": key.name,
                "uid": regarding.uid,
            },
        }


def _series(told: _Told) -> dict[str, Any]:
    return {"series": {"count": told.count, "lastObservedTime": _micro_time(told.seen)}}


def _namespace(happening: Happening) -> str:
    # Events of objects without a namespace live in `default`: the API refuses them elsewhere.
    return happening.regarding.key.namespace or "default"


def _name(happening: Happening, now: datetime) -> str:
    """Make a name that no other Event has: the object's, and a hash of what happened and when."""
    told = sha256(repr((happening, now)).encode()).hexdigest()[:16]
    return f"{happening.regarding.key.name[:_NAME_CHARACTERS].rstrip('.-')}.{told}"


def _micro_time(at: datetime) -> str:
    return at.strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def _clip(words: str) -> str:
    encoded = words.encode()
    return words if len(encoded) <= NOTE_BYTES else encoded[: NOTE_BYTES - 3].decode(errors="ignore") + "…"
