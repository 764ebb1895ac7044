"""What a client holds of one type: a position in the history, and the few names for which that is not true.

It answers like a dictionary of versions by name, and costs what differs from the history: a client that has everything
that it asked for is a number and a reference, however much that is.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from typing_extensions import override

from xdsserver.xds.names import gained
from xdsserver.xds.owned import NOTHING, own
from xdsserver.xds.subscription import NO_SUBSCRIPTION

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from xdsserver.xds.history import History
    from xdsserver.xds.parcel import Parcel
    from xdsserver.xds.subscription import Subscription


class Holding(Mapping[str, str]):
    """Versions by name: those of the history at a position, of the names in scope, but for the exceptions.

    An exception is a version, or None for a name that is in scope and not held. There is none that says what would be
    so without it, hence a client that has caught up has none at all. Who has one registers with the history, and calls
    `catch_up` when told to.
    """

    __slots__ = ("_exceptions", "_history", "_position", "_scope")

    def __init__(self, history: History) -> None:
        self._history = history
        self._position = history.head
        self._scope = NO_SUBSCRIPTION
        self._exceptions: Mapping[str, str | None] = NOTHING

    @property
    def exceptions(self) -> int:
        """How many names are not what the history says."""
        return len(self._exceptions)

    def apart(self) -> Iterator[str]:
        """Walk the names that are not what the history says now: none for a client that has caught up."""
        self.catch_up()
        return iter(tuple(self._exceptions))

    @property
    def scope(self) -> Subscription:
        """The names of which it speaks, apart from exceptions."""
        return self._scope

    @override
    def __getitem__(self, name: str) -> str:
        if (version := self.version(name)) is None:
            raise KeyError(name)
        return version

    @override
    def __contains__(self, name: object) -> bool:
        return isinstance(name, str) and self.version(name) is not None

    @override
    def __iter__(self) -> Iterator[str]:
        self.catch_up()
        exceptions = self._exceptions
        yield from (name for name, version in exceptions.items() if version is not None)
        yield from (name for name in self._scope.covered(self._history.names) if name not in exceptions)

    @override
    def __len__(self) -> int:
        return sum(1 for _ in self)

    def __bool__(self) -> bool:
        return next(iter(self), None) is not None

    def version(self, name: str) -> str | None:
        """Return the version that is held of a name, None where none is."""
        self.catch_up()
        if name in self._exceptions:
            return self._exceptions[name]
        return self._history.version(name) if self._scope.covers(name) else None

    def put(self, name: str, version: str | None) -> None:
        """Hold this version of a name from now on, or (None) nothing."""
        self.catch_up()
        unsaid = self._history.version(name) if self._scope.covers(name) else None
        if version != unsaid:
            self._exceptions = own(self._exceptions)
            self._exceptions[name] = version
        elif name in self._exceptions:
            exceptions = own(self._exceptions)
            del exceptions[name]
            self._exceptions = exceptions or NOTHING

    def take(self, parcel: Parcel, scope: Subscription) -> None:
        """Hold what a parcel says that was made for a client with this subscription.

        One that speaks of all that is in scope costs what changed since it was made, whatever its size.
        """
        self.catch_up()
        if _is_whole(parcel, scope) and self._history.reaches(parcel.position):
            apart = {name for name, _ in self._history.since(parcel.position)} | self._exceptions.keys()
            versions = {
                name: parcel.versions.get(name) if name in parcel.names else self.version(name)
                for name in apart
                if scope.covers(name)
            }
            self._scope, self._exceptions = scope, NOTHING
            for name, version in versions.items():
                self.put(name, version)
            return
        self.rescope(scope)
        for resource in parcel.resources:
            self.put(resource.name, resource.version)
        self.drop(parcel.removed)

    def drop(self, names: Iterable[str]) -> None:
        """Hold none of these any more."""
        for name in names:
            self.put(name, None)

    def rescope(self, scope: Subscription) -> None:
        """Follow a changed subscription: what it covers no more is not held, what it covers now is not held yet."""
        before = self._scope
        if scope is before or (scope.wildcard == before.wildcard and scope.names is before.names):
            return
        self.catch_up()
        exceptions = own(self._exceptions)
        if not before.wildcard:
            there = self._history.names
            for name in there - before.names if scope.wildcard else gained(before.names, scope.names) & there:
                exceptions.setdefault(name, None)
        self._exceptions = {name: version for name, version in exceptions.items() if scope.covers(name)} or NOTHING
        self._scope = scope

    def catch_up(self) -> None:
        """Stand at the head of the history and hold the same as before."""
        history = self._history
        if self._position == history.head:
            return
        changes = history.since(self._position)
        self._position = history.head
        covers, exceptions = self._scope.covers, own(self._exceptions)
        if not (self._scope.wildcard or self._scope.names):
            return
        for name, before in changes:
            if covers(name):
                exceptions.setdefault(name, before)
        for name, _ in changes:
            # What was taken back, or arrived at what is held already, is no exception.
            if name in exceptions and exceptions[name] == (history.version(name) if covers(name) else None):
                del exceptions[name]
        self._exceptions = exceptions or NOTHING


def _is_whole(parcel: Parcel, scope: Subscription) -> bool:
    if scope.wildcard:
        return parcel.everything
    return parcel.names is scope.names or (len(parcel.names) >= len(scope.names) and parcel.names >= scope.names)
