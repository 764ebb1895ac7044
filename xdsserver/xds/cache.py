"""What every Envoy of a fleet shall have: one history per fleet and type, read by all its streams."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeAlias
from weakref import WeakValueDictionary

from xdsserver.xds.footing import Footing
from xdsserver.xds.history import History
from xdsserver.xds.isolation import Doubts

if TYPE_CHECKING:
    from collections.abc import Mapping

    from xdsserver.xds.resource import Resource

ResourceKey: TypeAlias = tuple[str, str, str]
"""(fleet, type URL, name)."""

ChangedNames: TypeAlias = "Mapping[str, frozenset[str]]"
"""Names by type URL: what was added, replaced or removed."""


class Cache:
    """The resources of all fleets; sessions read it, one writer applies changes to it.

    A session is told which names changed and reads their newest content here, so a stream that is slow skips the
    versions in between instead of queueing them.
    """

    __slots__ = ("_alike", "_filled", "_histories", "doubts", "footing")

    def __init__(self, *, ready: bool = False) -> None:
        """Start empty; until `ready`, sessions hold their streams (but see `footing`) and answer nothing.

        An empty answer before every source has listed would tell a reconnecting Envoy to remove all it serves.
        """
        # Fleets are named by whoever connects: a history without resources stays for as long as a stream reads it.
        self._histories: WeakValueDictionary[tuple[str, str], History] = WeakValueDictionary()
        self._filled: dict[tuple[str, str], History] = {}
        self._alike: dict[ResourceKey, tuple[frozenset[str], str]] = {}
        self.footing = Footing.LISTED if ready else Footing.NOTHING
        self.doubts = Doubts()
        """What nodes may hold that is not what they announce; it outlives streams, as this cache does."""

    @property
    def ready(self) -> bool:
        """Whether anybody is answered."""
        return self.footing is not Footing.NOTHING

    def apply(self, changes: Mapping[ResourceKey, Resource | None]) -> dict[str, dict[str, frozenset[str]]]:
        """Take in what shall be from now on (None: removed) and name what differs, by fleet and type URL.

        A resource of equal version is no change, nor is removing what is not there.
        """
        grouped: dict[tuple[str, str], list[tuple[str, Resource | None]]] = {}
        for (fleet, type_url, name), resource in changes.items():
            grouped.setdefault((fleet, type_url), []).append((name, resource))
        changed: dict[str, dict[str, frozenset[str]]] = {}
        for (fleet, type_url), group in grouped.items():
            history = self.history(fleet, type_url)
            if names := history.apply(group):
                changed.setdefault(fleet, {})[type_url] = names
            if history.resources:
                self._filled[fleet, type_url] = history
            else:
                # After everything is deleted, nothing is left.
                self._filled.pop((fleet, type_url), None)
        return changed

    def stand_for(self, key: ResourceKey, alike: frozenset[str], version: str) -> None:
        """Say which versions of a resource are as good as the present one: who announces one of them needs no other."""
        if alike - {version}:
            self._alike[key] = (alike, version)
        else:
            self._alike.pop(key, None)

    def recognise(self, fleet: str, type_url: str, announced: Mapping[str, str]) -> Mapping[str, str]:
        """Read what a client announces: versions by name, with the present one for those that are as good."""
        found = {
            name: version
            for (of, kind, name), (alike, version) in self._alike.items()
            if (of, kind) == (fleet, type_url) and announced.get(name) in alike
        }
        return {**announced, **found} if found else announced

    def history(self, fleet: str, type_url: str) -> History:
        """Return the history of one type; the same object for as long as anybody has it."""
        history = self._histories.get((fleet, type_url))
        if history is None:
            history = self._histories[fleet, type_url] = History()
        return history

    def resources(self, fleet: str, type_url: str) -> Mapping[str, Resource]:
        """Return the resources of one type by name: a live view, not to be changed or kept across changes."""
        return self.history(fleet, type_url).resources
