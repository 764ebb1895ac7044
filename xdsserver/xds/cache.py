"""What every Envoy of a fleet shall have: one versioned set of resources per fleet, read by all its streams."""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING, Final, TypeAlias

from xdsserver.xds.footing import Footing
from xdsserver.xds.isolation import Doubts

if TYPE_CHECKING:
    from collections.abc import Mapping

    from xdsserver.xds.resource import Resource

ResourceKey: TypeAlias = tuple[str, str, str]
"""(fleet, type URL, name)."""

ChangedNames: TypeAlias = "Mapping[str, frozenset[str]]"
"""Names by type URL: what was added, replaced or removed."""

_NOTHING: Final[Mapping[str, Resource]] = MappingProxyType({})


class Cache:
    """The resources of all fleets; sessions read it, one writer applies changes to it.

    A session is told which names changed and reads their newest content here, so a stream that is slow skips the
    versions in between instead of queueing them.
    """

    __slots__ = ("_fleets", "doubts", "footing")

    def __init__(self, *, ready: bool = False) -> None:
        """Start empty; until `ready`, sessions hold their streams (but see `footing`) and answer nothing.

        An empty answer before every source has listed would tell a reconnecting Envoy to remove all it serves.
        """
        self._fleets: dict[str, dict[str, dict[str, Resource]]] = {}
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
        changed: dict[str, dict[str, set[str]]] = {}
        for (fleet, type_url, name), resource in changes.items():
            if self._replace(fleet, type_url, name, resource):
                changed.setdefault(fleet, {}).setdefault(type_url, set()).add(name)
        return {
            fleet: {type_url: frozenset(names) for type_url, names in types.items()} for fleet, types in changed.items()
        }

    def resources(self, fleet: str, type_url: str) -> Mapping[str, Resource]:
        """Return the resources of one type by name: a live view, not to be changed or kept across changes."""
        return self._fleets.get(fleet, {}).get(type_url, _NOTHING)

    def _replace(self, fleet: str, type_url: str, name: str, resource: Resource | None) -> bool:
        if resource is None:
            types = self._fleets.get(fleet, {})
            names = types.get(type_url, {})
            if names.pop(name, None) is None:
                return False
            # Emptied levels go too: after everything is deleted, nothing is left.
            if not names:
                del types[type_url]
            if not types:
                del self._fleets[fleet]
            return True
        names = self._fleets.setdefault(fleet, {}).setdefault(type_url, {})
        if names.get(name) == resource:
            return False
        names[name] = resource
        return True
