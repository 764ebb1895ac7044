"""The last changes: when, of which objects, and which resources Envoys were sent for them."""

from collections import deque
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass
from itertools import islice
from typing import Final

from xdsserver.objects.meta import ObjectKey
from xdsserver.pipeline import ResourceKey
from xdsserver.translation.documents import short_type
from xdsserver.xds.resource import Resource

KEPT: Final = 500
"""Changes that are remembered."""

_NAMED: Final = 20
"""Objects, and resources, of one change that are named; a start has thousands, and their number is enough."""


@dataclass(frozen=True, slots=True)
class ChangedObject:
    """An object that was made or changed, or is `gone`."""

    kind: str
    namespace: str
    name: str
    gone: bool


@dataclass(frozen=True, slots=True)
class ChangedResource:
    """A resource of a fleet in its new `version`; "" where it was removed."""

    fleet: str
    type: str
    name: str
    version: str


@dataclass(frozen=True, slots=True)
class Entry:
    """One change: objects that were read together, and what Envoys get because of them.

    Attributes:
        number: counts changes from 1; it starts again when the server does.
        at_s: when, in seconds since 1970.
        objects: those that changed, the first of them; none where it was an answer of Envoys that changed something.
        objects_total: how many did.
        resources: those that Envoys get, or lose, the first of them; none where the change meant nothing to them.
        resources_total: how many do.
    """

    number: int
    at_s: float
    objects: tuple[ChangedObject, ...]
    objects_total: int
    resources: tuple[ChangedResource, ...]
    resources_total: int


class History:
    """Remembers the last changes; the only one in here that is written, by whoever applies them."""

    def __init__(self, kept: int = KEPT) -> None:
        self._entries: deque[Entry] = deque(maxlen=kept)
        self._number = 0
        self._listeners: set[Callable[[], None]] = set()

    @property
    def last(self) -> int:
        """The number of the last change; 0 where there was none."""
        return self._number

    def note(
        self, at_s: float, objects: Collection[tuple[ObjectKey, bool]], resources: Mapping[ResourceKey, Resource | None]
    ) -> None:
        """Remember a change; an object comes with whether it is gone. What changes neither is no change."""
        if not objects and not resources:
            return
        self._number += 1
        changed = (ChangedObject(*key, gone) for key, gone in objects)
        sent = (
            ChangedResource(fleet, short_type(type_url), name, "" if resource is None else resource.version)
            for (fleet, type_url, name), resource in resources.items()
        )
        self._entries.append(
            Entry(
                self._number,
                at_s,
                tuple(islice(changed, _NAMED)),
                len(objects),
                tuple(islice(sent, _NAMED)),
                len(resources),
            )
        )
        for tell in tuple(self._listeners):
            tell()

    def newest_first(self) -> Iterator[Entry]:
        """Walk what is remembered, the last change first."""
        return reversed(tuple(self._entries))

    def since(self, number: int) -> tuple[Entry, ...]:
        """Give the changes after one; those that are forgotten are missing, which their numbers show."""
        first = self._entries[0].number if self._entries else 0
        return tuple(islice(self._entries, max(0, number - first + 1), None))

    def follow(self, tell: Callable[[], None]) -> Callable[[], None]:
        """Call `tell` at each change, until what is returned is called."""
        self._listeners.add(tell)
        return lambda: self._listeners.discard(tell)
