"""How long it takes from a change to an Envoy's word that it is in force; all times are handed in.

Only changes count for which an Envoy was there: what it is given when it connects, or once more because something else
needs it, is no change to it. A change that is replaced before it was acknowledged is not counted, its successor is.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from xdsserver.xds.ledger import Acked, Joined, Left

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from xdsserver.xds.cache import ResourceKey
    from xdsserver.xds.ledger import Event
    from xdsserver.xds.resource import Resource


@dataclass(frozen=True, slots=True)
class _Round:
    """What changed together: since when, and which streams were there to be told."""

    since_s: float
    streams: set[str]


@dataclass(frozen=True, slots=True)
class _Change:
    version: str
    round: _Round
    told: set[str] = field(default_factory=set)


class Latency:
    """Keeps what is not acknowledged by everybody yet: at most one change of each resource."""

    def __init__(self) -> None:
        self._fleets: dict[str, dict[str, None]] = {}
        self._fleet_of: dict[str, str] = {}
        self._open: dict[ResourceKey, _Change] = {}

    def published(self, changes: Mapping[ResourceKey, Resource | None], since_s: float) -> None:
        """Note what changed, and since when the objects behind it are known; None is a removal, which nobody awaits."""
        rounds: dict[str, _Round] = {}
        for key, resource in changes.items():
            self._open.pop(key, None)
            fleet = key[0]
            if resource is not None and (streams := self._fleets.get(fleet)):
                round_ = rounds.get(fleet) or rounds.setdefault(fleet, _Round(since_s, set(streams)))
                self._open[key] = _Change(resource.version, round_)

    def hear(self, event: Event, now_s: float) -> float | None:
        """Take what an Envoy said; give the age in seconds of the oldest change that it acknowledged, if any."""
        match event:
            case Joined(stream, _, fleet):
                self._fleet_of[stream] = fleet
                self._fleets.setdefault(fleet, {})[stream] = None
            case Left(stream):
                self._left(stream)
            case Acked(stream, type_url, versions) if self._open and stream in self._fleet_of:
                place = (self._fleet_of[stream], type_url)
                times = [*self._acknowledged(stream, [((*place, name), version) for name, version in versions])]
                return now_s - min(times) if times else None
            case _:
                pass
        return None

    def _acknowledged(self, stream: str, versions: list[tuple[ResourceKey, str]]) -> Iterator[float]:
        for key, version in versions:
            change = self._open.get(key)
            if change is None or change.version != version:
                continue
            if stream in change.told or stream not in change.round.streams:
                continue
            change.told.add(stream)
            if change.told >= change.round.streams:
                del self._open[key]
            yield change.round.since_s

    def _left(self, stream: str) -> None:
        fleet = self._fleet_of.pop(stream, None)
        if fleet is None:
            return
        del self._fleets[fleet][stream]
        if not self._fleets[fleet]:
            del self._fleets[fleet]
        for change in self._open.values():
            change.round.streams.discard(stream)
        self._open = {key: change for key, change in self._open.items() if not change.told >= change.round.streams}

    def __len__(self) -> int:
        """Count the changes that somebody has still to acknowledge."""
        return len(self._open)
