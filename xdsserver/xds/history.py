"""The change log of one type in one fleet: what is there now, and what was there at each position of the log.

A change moves the head by one and notes what it replaced. Whoever knows the log up to a position can thus be told what
changed since, and what was there then, without anybody having kept a copy. The log is bounded: when it is cut, those
who stand far behind take along what they would lose (`Holding.catch_up`).
"""

from __future__ import annotations

from collections import OrderedDict
from types import MappingProxyType
from typing import TYPE_CHECKING, Final
from weakref import WeakSet

from xdsserver.xds.names import shared
from xdsserver.xds.parcel import Parcel

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from xdsserver.xds.delivery import Delivery
    from xdsserver.xds.names import Names
    from xdsserver.xds.resource import Resource

_LEAST_LOG: Final = 1024
"""Changes that are kept however few resources there are; beyond, as many as two for each resource."""

_PARCELS: Final = 32
"""Parcels of the present position that are kept, for the streams that are told the same."""


class History:
    """The resources of one type in one fleet, by name, with the changes that led to them.

    A position is the number of changes so far; it means nothing outside this process.
    """

    __slots__ = ("__weakref__", "_floor", "_log", "_names", "_now", "_parcels", "_readers", "resources")

    def __init__(self) -> None:
        self._now: dict[str, Resource] = {}
        self.resources: Mapping[str, Resource] = MappingProxyType(self._now)
        """The present ones: a live view, not to be kept across changes."""
        self._log: list[tuple[str, str | None]] = []
        """(name, version before) of each change; the first one led from position `_floor` to the next."""
        self._floor = 0
        self._names: Names | None = None
        self._parcels: OrderedDict[frozenset[str], Parcel] = OrderedDict()
        self._readers: WeakSet[Delivery] = WeakSet()

    @property
    def head(self) -> int:
        """The present position."""
        return self._floor + len(self._log)

    @property
    def names(self) -> Names:
        """The names of all present resources."""
        if self._names is None:
            self._names = shared(self._now)
        return self._names

    @property
    def changes_kept(self) -> int:
        """How many changes the log holds."""
        return len(self._log)

    def apply(self, changes: Iterable[tuple[str, Resource | None]]) -> frozenset[str]:
        """Put or (None) remove resources; return the names of those that differ from before."""
        self._cut()
        return frozenset(name for name, resource in changes if self._replace(name, resource))

    def version(self, name: str) -> str | None:
        """Return the present version of a resource, None where there is none."""
        resource = self._now.get(name)
        return None if resource is None else resource.version

    def reaches(self, position: int) -> bool:
        """Say whether the log still goes back to a position."""
        return position >= self._floor

    def since(self, position: int) -> Sequence[tuple[str, str | None]]:
        """Return (name, version before) of each change after a position that the log reaches, oldest first."""
        return self._log[position - self._floor :]

    def parcel(self, names: frozenset[str]) -> Parcel:
        """Return what is to be said of these names now: their resources, or that they are not there."""
        found = self._parcels.get(names)
        if found is None:
            found = self._parcels[names] = self._pack(names)
            if len(self._parcels) > _PARCELS:
                self._parcels.popitem(last=False)
        return found

    def register(self, reader: Delivery) -> None:
        """Have a reader catch up when the log is cut; nothing is owed to one that nobody has any more."""
        self._readers.add(reader)

    def _pack(self, names: frozenset[str]) -> Parcel:
        now = self._now
        ordered = sorted(names)
        resources = tuple(now[name] for name in ordered if name in now)
        removed = tuple(name for name in ordered if name not in now)
        return Parcel(self.head, names, resources, removed, everything=len(resources) == len(now))

    def _replace(self, name: str, resource: Resource | None) -> bool:
        before = self._now.get(name)
        if before == resource:
            return False
        if resource is None:
            del self._now[name]
        else:
            self._now[name] = resource
        if before is None or resource is None:
            self._names = None
        self._log.append((name, None if before is None else before.version))
        self._parcels.clear()
        return True

    def _cut(self) -> None:
        """Forget the log where it is long: before a change and never within one, so that a large one costs once."""
        if len(self._log) > max(_LEAST_LOG, 2 * len(self._now)):
            for reader in tuple(self._readers):
                reader.catch_up()
            self._floor += len(self._log)
            self._log.clear()
