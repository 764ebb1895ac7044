"""Who has received what: for whatever is awaited, whether all Envoys of its fleet have acknowledged it since.

A resource may change again before everybody has answered. What counts is a version that is as new as the one that was
current when the question was asked, so that constant change does not put off the answer for ever.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final, Generic, TypeAlias, TypeVar

from xdsserver.xds.ledger import Acked, Announced, Answer, Joined, Left

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Iterator, Sequence

    from xdsserver.xds.cache import Cache, ResourceKey
    from xdsserver.xds.ledger import Event, Ledger, StreamRecord
    from xdsserver.xds.quarantine import Quarantine

S = TypeVar("S")
"""What somebody waits for: any name that is not used twice."""

SLOW_S: Final = 10.0
"""How long an Envoy may take before it is named."""

_MAX_VERSIONS: Final = 16
"""Versions of one resource whose order is remembered while somebody waits for it."""


@dataclass(slots=True)
class _Parcel:
    """A resource that is awaited: its versions in their order, and how far each stream has come."""

    number: int = 0
    versions: dict[str, int] = field(default_factory=dict)
    reached: dict[str, int] = field(default_factory=dict)
    subjects: int = 0


@dataclass(slots=True)
class _Awaited:
    needs: tuple[tuple[ResourceKey, int], ...]
    since_s: float
    named: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Arrived:
    """All Envoys of the fleet have it, and there is at least one."""


@dataclass(frozen=True, slots=True)
class Late:
    """It takes these nodes too long."""

    nodes: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Lag:
    """How far those who shall have something are with it.

    Attributes:
        nodes: the ids of those nodes.
        waiting: of these, who has not acknowledged all of it.
        withheld: it is not served in the way that is wanted, so that nobody can have it.
    """

    nodes: frozenset[str]
    waiting: frozenset[str] = frozenset()
    withheld: bool = False


Whole: TypeAlias = "Callable[[S, Lag, float], Lag]"
"""Makes of the lag of the Envoys that are connected here that of the whole fleet, as of a time."""


def _alone(_subject: object, lag: Lag, _now_s: float) -> Lag:
    return lag


class Receipts(Generic[S]):
    """Keeps books of what is awaited only; what has arrived is forgotten, so that nothing takes it back.

    Where other servers have Envoys of the same fleets, `whole` adds those.
    """

    def __init__(
        self,
        cache: Cache,
        ledger: Ledger,
        quarantine: Quarantine,
        whole: Whole[S] = _alone,
    ) -> None:
        self._cache = cache
        self._ledger = ledger
        self._quarantine = quarantine
        self._whole = whole
        self._parcels: dict[ResourceKey, _Parcel] = {}
        self._awaited: dict[S, _Awaited] = {}
        self._fleets: dict[str, str] = {}

    def await_(self, subject: S, keys: Iterable[ResourceKey], now_s: float) -> None:
        """Wait until all Envoys have these resources as they are now, or newer; whatever was awaited before is not."""
        self.forget(subject)
        needs = []
        for key in keys:
            parcel = self._parcels.get(key)
            if parcel is None:
                parcel = self._parcels[key] = _Parcel()
                self._observe(key, parcel)
                self._catch_up(key, parcel)
            else:
                self._observe(key, parcel)
            parcel.subjects += 1
            # What is withheld altogether is awaited in the version that will come.
            needs.append((key, parcel.number if self._present(key) else parcel.number + 1))
        self._awaited[subject] = _Awaited(tuple(needs), now_s)

    def forget(self, subject: S) -> None:
        """Wait for this no more."""
        awaited = self._awaited.pop(subject, None)
        for key, _ in awaited.needs if awaited is not None else ():
            self._parcels[key].subjects -= 1
            if not self._parcels[key].subjects:
                del self._parcels[key]

    def published(self, keys: Collection[ResourceKey]) -> None:
        """Note that these may have a new version."""
        for key in keys if self._parcels else ():
            if (parcel := self._parcels.get(key)) is not None:
                self._observe(key, parcel)

    def hear(self, event: Event) -> bool:
        """Take in what an Envoy said, after the ledger and the quarantine; say whether something may have arrived."""
        match event:
            case Joined(stream, _, fleet):
                self._fleets[stream] = fleet
            case Left(stream):
                self._fleets.pop(stream, None)
                for parcel in self._parcels.values():
                    parcel.reached.pop(stream, None)
                return bool(self._awaited)
            case Acked(stream, type_url, versions) if self._parcels and stream in self._fleets:
                return self._acked(stream, (self._fleets[stream], type_url), versions)
            case Announced(stream, type_url) if self._parcels and stream in self._fleets:
                return self._announced(stream, (self._fleets[stream], type_url))
            case _:
                pass
        return False

    def settle(self, now_s: float) -> Iterator[tuple[S, Arrived | Late]]:
        """Give what has arrived, and what is late and was not known to be, or not of these nodes."""
        for subject, awaited in tuple(self._awaited.items()):
            lag = self._whole(subject, self._lag(awaited), now_s)
            waiting = tuple(sorted(lag.waiting))
            if lag.withheld:
                continue
            if lag.nodes and not waiting:
                self.forget(subject)
                yield subject, Arrived()
            elif waiting and now_s >= awaited.since_s + SLOW_S and awaited.named != waiting:
                awaited.named = waiting
                yield subject, Late(waiting)

    def lags(self) -> Iterator[tuple[S, Lag]]:
        """Give how far the Envoys that are connected here are with all that is awaited."""
        return ((subject, self._lag(awaited)) for subject, awaited in self._awaited.items())

    def next_tick(self, now_s: float) -> float | None:
        """Return when something becomes late that is awaited now; None for never."""
        times = (one.since_s + SLOW_S for one in self._awaited.values() if not one.named)
        # What is overdue while nobody is there waits for somebody, and not for a time.
        return min((time_s for time_s in times if time_s > now_s), default=None)

    def _acked(self, stream: str, place: tuple[str, str], versions: Sequence[tuple[str, str]]) -> bool:
        touched = False
        for name, version in versions:
            key = (*place, name)
            if (parcel := self._parcels.get(key)) is None:
                continue
            touched = True
            self._observe(key, parcel)
            parcel.reached[stream] = max(parcel.versions.get(version, 0), parcel.reached.get(stream, 0))
        return touched

    def _announced(self, stream: str, place: tuple[str, str]) -> bool:
        record = self._ledger.record(stream)
        touched = [(key, parcel) for key, parcel in self._parcels.items() if key[:2] == place]
        for key, parcel in touched:
            self._observe(key, parcel)
            self._read(key, parcel, () if record is None else (record,))
        return bool(touched)

    def _observe(self, key: ResourceKey, parcel: _Parcel) -> None:
        resource = self._cache.resources(key[0], key[1]).get(key[2])
        if resource is None or parcel.versions.get(resource.version) == parcel.number:
            return
        parcel.number += 1
        # Content that came back counts as new: it carries what is wanted now.
        parcel.versions[resource.version] = parcel.number
        if len(parcel.versions) > _MAX_VERSIONS:
            del parcel.versions[min(parcel.versions, key=parcel.versions.__getitem__)]

    def _catch_up(self, key: ResourceKey, parcel: _Parcel) -> None:
        """Read from the ledger who has the present version already."""
        self._read(key, parcel, self._ledger.streams(key[0]))

    def _read(self, key: ResourceKey, parcel: _Parcel, records: Iterable[StreamRecord]) -> None:
        resource = self._cache.resources(key[0], key[1]).get(key[2])
        if resource is None:
            return
        for record in records:
            if record.verdict(resource).answer is Answer.ACKNOWLEDGED:
                parcel.reached[record.stream] = parcel.number

    def _present(self, key: ResourceKey) -> bool:
        return key[2] in self._cache.resources(key[0], key[1]) and self._quarantine.stands_for_wanted(key)

    def _lag(self, awaited: _Awaited) -> Lag:
        speakers = tuple(self._ledger.speakers(awaited.needs[0][0][0]))
        return Lag(
            frozenset(record.node.id for record in speakers),
            frozenset(
                record.node.id
                for record in speakers
                if any(self._parcels[key].reached.get(record.stream, 0) < number for key, number in awaited.needs)
            ),
            withheld=not all(self._present(key) for key, _ in awaited.needs),
        )
