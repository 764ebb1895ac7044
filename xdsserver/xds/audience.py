"""Who is there to answer for a resource: the streams of its fleet, what each of them has, and whose word counts."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from xdsserver.xds.cache import ResourceKey
    from xdsserver.xds.delivery import Delivery


@dataclass(frozen=True, slots=True)
class Listening:
    """A stream that is open: the how manieth it was, who it is from, and what it was sent and answered."""

    number: int
    fleet: str
    node: str
    build: str
    types: Mapping[str, Delivery]

    def holds(self, key: ResourceKey) -> str | None:
        """Return the version of a resource of its fleet that it has accepted last, or announced."""
        delivery = self.types.get(key[1])
        return None if delivery is None else delivery.acked.version(key[2])


@dataclass(frozen=True, slots=True)
class Audience:
    """The streams of all fleets, as seen from one resource; each question is answered when it is asked.

    `since` is how many streams there had been when a version of the resource was acknowledged for the first time.
    """

    key: ResourceKey
    streams: Mapping[str, Listening]
    since: int | None

    def holds(self, stream: str) -> str | None:
        """Return the version that a stream has; None where it has none, or has ended."""
        found = self.streams.get(stream)
        return None if found is None else found.holds(self.key)

    def is_held(self, version: str | None) -> bool:
        """Say whether somebody has this version; None: whether somebody has none."""
        return any(one.holds(self.key) == version for one in self._of_fleet())

    def has_a_say(self, stream: str) -> bool:
        """Say whether what a stream refuses is taken from the others.

        So it is where it was there from the start, or has some version, or nobody has one who was there before.
        """
        found = self.streams[stream]
        if found.holds(self.key) is not None or (self.since is not None and found.number <= self.since):
            return True
        return not any(one.number < found.number and one.holds(self.key) is not None for one in self._of_fleet())

    def _of_fleet(self) -> Iterator[Listening]:
        return (one for one in self.streams.values() if one.fleet == self.key[0])
