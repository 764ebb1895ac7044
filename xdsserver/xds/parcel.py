"""What one response tells of one type, made once for all streams that are told the same."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Final

from xdsserver.xds.names import NO_NAMES
from xdsserver.xds.resource import content_version

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from xdsserver.xds.resource import Resource


@dataclass(frozen=True, eq=False)
class Parcel:
    """The truth about some names at one position of a history; what is derived from it is kept with it.

    Attributes:
        position: of the history from which it was made.
        names: all that it speaks of.
        resources: those that are there, ordered by name.
        removed: the names of those that are not, in order.
        everything: it has all resources that there are at its position.
    """

    position: int
    names: frozenset[str]
    resources: tuple[Resource, ...]
    removed: tuple[str, ...] = ()
    everything: bool = False

    @cached_property
    def by_name(self) -> Mapping[str, Resource]:
        """The resources by name."""
        return {resource.name: resource for resource in self.resources}

    @cached_property
    def versions(self) -> Mapping[str, str]:
        """Version by name."""
        return {resource.name: resource.version for resource in self.resources}

    @cached_property
    def pairs(self) -> tuple[tuple[str, str], ...]:
        """(name, version) of each resource."""
        return tuple(self.versions.items())

    @cached_property
    def present(self) -> frozenset[str]:
        """The names of the resources."""
        return self.names if not self.removed else frozenset(self.by_name)

    @cached_property
    def endpoints(self) -> frozenset[str]:
        """Of clusters: the names of the endpoints that they read over EDS."""
        return frozenset(resource.endpoints for resource in self.resources if resource.endpoints is not None)

    @cached_property
    def list_version(self) -> str:
        """One version for all resources together."""
        return list_version(self.resources)


def list_version(resources: Iterable[Resource]) -> str:
    """Make one version of many resources, whatever their order: equal lists have equal versions on every replica."""
    lines = sorted(f"{resource.name}\0{resource.version}" for resource in resources)
    return content_version("\n".join(lines).encode())


EMPTY: Final = Parcel(0, NO_NAMES, ())
"""What is told where there is nothing."""
