"""What is known of the objects of one kind; what is told twice, late or out of order changes nothing.

Versions are compared within one kind only, and only where both are numbers, which API servers promise for a watch. A
list is the truth whatever its versions are: it may come from a backup.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from xdsserver.objects.meta import ObjectKey

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from xdsserver.effects.status import Observed
    from xdsserver.kube.wire import Entry
    from xdsserver.objects.meta import KubeObject, Name

GRAVES = 10_000
"""Deleted objects whose versions are remembered, so that a late event does not bring them back."""


class Change(NamedTuple):
    """An object is new or different (`object` is its new value) or gone (None)."""

    kind: str
    name: Name
    object: KubeObject | None


class Reading(NamedTuple):
    """An object has a new version, of which `observed` is what matters for its status; None: it is gone."""

    key: ObjectKey
    observed: Observed | None


class News(NamedTuple):
    """What changed, in order."""

    changes: tuple[Change, ...] = ()
    readings: tuple[Reading, ...] = ()


def is_before(version: str, other: str) -> bool:
    """Tell whether one version of a kind was before another one, as far as that can be told."""
    return version.isdigit() and other.isdigit() and int(version) < int(other)


class Store:
    """The objects of one kind by name."""

    def __init__(self, kind: str) -> None:
        self.problems: dict[Name, str] = {}
        """Objects that cannot be decoded now, and why."""
        self._kind = kind
        self._entries: dict[Name, Entry] = {}
        self._graves: dict[Name, str] = {}
        self._listed = ""
        self._changes: list[Change] = []
        self._readings: list[Reading] = []

    def get(self, name: Name) -> Entry | None:
        """Give what is known of an object."""
        return self._entries.get(name)

    def __len__(self) -> int:
        return len(self._entries)

    def is_news(self, name: Name, version: str) -> bool:
        """Tell whether an event with this version comes after all that is known of the name."""
        known = self._entries.get(name)
        # What a list did not have was gone by then, however late its last event comes.
        before = known.observed.resource_version if known is not None else self._graves.get(name, self._listed)
        return version != before and not is_before(version, before)

    def put(self, entry: Entry) -> None:
        """Take an object as it is now."""
        known = self._entries.get(entry.name)
        if known is entry:
            return
        self._graves.pop(entry.name, None)
        self._entries[entry.name] = entry
        if entry.problem:
            self.problems[entry.name] = entry.problem
        else:
            self.problems.pop(entry.name, None)
        before = known.object if known is not None else None
        if known is not None and known.observed.uid != entry.observed.uid:
            # Another object under the same name: whoever holds something for the old one must let go of it first.
            self._lose(entry.name, known)
            before = None
        if entry.object != before:
            self._changes.append(Change(self._kind, entry.name, entry.object))
        self._readings.append(Reading(ObjectKey(self._kind, *entry.name), entry.observed))

    def remove(self, name: Name, version: str = "") -> None:
        """Take that an object is gone, as of a version."""
        known = self._entries.pop(name, None)
        self.problems.pop(name, None)
        self._graves[name] = version
        if len(self._graves) > GRAVES:
            del self._graves[next(iter(self._graves))]
        if known is not None:
            self._lose(name, known)

    def replace(self, entries: Iterable[Entry], version: str) -> Iterator[None]:
        """Take a whole list as of a version, an object per step; what is not in it is gone.

        Nothing else may be taken before the last step.
        """
        listed = {entry.name: entry for entry in entries}
        for name in [name for name in self._entries if name not in listed]:
            self.remove(name)
            yield
        self._graves.clear()
        self._listed = version
        for entry in listed.values():
            self.put(entry)
            yield

    def clear(self) -> None:
        """Take that there are none."""
        for name in [*self._entries]:
            self.remove(name)
        self._graves.clear()

    def take(self) -> News:
        """Give what changed since this was last asked."""
        news = News(tuple(self._changes), tuple(self._readings))
        self._changes, self._readings = [], []
        return news

    def _lose(self, name: Name, known: Entry) -> None:
        if known.object is not None:
            self._changes.append(Change(self._kind, name, None))
        self._readings.append(Reading(ObjectKey(self._kind, *name), None))
