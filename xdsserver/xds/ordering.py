"""Make before break: which clusters a client has yet to acknowledge, and when what is removed may go.

Envoy does not check that the clusters of a route exist: a route that arrives early, or a cluster that leaves early,
answers 503 at once. Order is therefore the server's duty, and acknowledgements are how it knows.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final, TypeAlias

from xdsserver.xds.names import NO_NAMES
from xdsserver.xds.resource import LISTENER, ROUTE, SCOPED_ROUTE

if TYPE_CHECKING:
    from collections.abc import Iterator

    from xdsserver.xds.holding import Holding
    from xdsserver.xds.parcel import Parcel
    from xdsserver.xds.resource import Resource

Key: TypeAlias = tuple[str, str]
"""(type URL, name) on one stream."""

TRAFFIC_TYPES: Final = frozenset({LISTENER, SCOPED_ROUTE, ROUTE})
"""Types that send traffic to what others define: they come after it, and are removed before it."""


@dataclass(frozen=True, slots=True)
class Timing:
    """The only times that a session knows, in seconds."""

    ack_wait_s: float = 1.0
    """The longest time for which a missing acknowledgement holds something back."""
    drain_s: float = 1.0
    """How long a cluster stays after nothing names it any more, for requests that are under way."""


@dataclass(slots=True)
class _Unconfirmed:
    """The clusters of one response that the client is not known to use; its sets are those of the response."""

    sequence: int
    parcel: Parcel
    clusters: frozenset[str]
    missing: frozenset[str]
    """Endpoints that were not acknowledged since."""
    acked: bool = False

    def holds_back(self, names: frozenset[str]) -> frozenset[str]:
        """Return those of the clusters named that are not there to be used."""
        found = self.clusters & names
        if not (found and self.acked):
            return found
        return frozenset(name for name in found if self.parcel.by_name[name].endpoints in self.missing)


class Warming:
    """The clusters that were sent for the first time on a stream and are not acknowledged with their endpoints.

    They are kept by response: a client that is sent thousands at once costs one entry, and shares its sets.
    """

    __slots__ = ("_given_up", "_unconfirmed")

    def __init__(self) -> None:
        self._unconfirmed: list[_Unconfirmed] = []
        # Waited for in vain; they count as new again when they are sent again.
        self._given_up: frozenset[str] = NO_NAMES

    def sent(self, clusters: Parcel, sequence: int, held: Holding) -> None:
        """Note that clusters go out with response `sequence`; those that are `held` serve on while they change."""
        names = clusters.present
        new = frozenset(name for name in names if name not in held) if held else names
        again = names & self._given_up
        for entry in self._unconfirmed:
            again |= entry.holds_back(names)
        if new or again:
            self.forget(again)
            waited_for = new | again if again else new
            missing = clusters.endpoints
            if len(waited_for) < len(names):
                found = (clusters.by_name[name].endpoints for name in waited_for)
                missing = frozenset(endpoints for endpoints in found if endpoints is not None)
            self._unconfirmed.append(_Unconfirmed(sequence, clusters, waited_for, missing))

    def clusters_acked(self, sequence: int) -> None:
        """Note that the response of this sequence, with clusters, was accepted."""
        for entry in self._unconfirmed:
            entry.acked |= entry.sequence == sequence
        self._confirm()

    def endpoints_acked(self, names: frozenset[str], sequence: int) -> None:
        """Note that endpoints which went out with response `sequence` were accepted.

        Those that were sent before the cluster do not warm it: Envoy waits for them to be sent again.
        """
        for entry in self._unconfirmed:
            if sequence > entry.sequence:
                entry.missing -= names
        self._confirm()

    def forget(self, names: frozenset[str]) -> None:
        """Stop waiting for clusters, because they are removed, not wanted any more, or new again."""
        if not names:
            return
        self._given_up -= names
        for entry in self._unconfirmed:
            entry.clusters -= names
        self._confirm()

    def give_up(self, resource: Resource) -> None:
        """Let a resource pass that waited its full time; nothing waits for its clusters a second time."""
        for names in resource.clusters:
            for entry in self._unconfirmed:
                in_vain = entry.holds_back(names)
                entry.clusters -= in_vain
                self._given_up |= in_vain
        self._confirm()

    def holds_back(self, resource: Resource) -> bool:
        """Say whether a resource names a cluster that the client cannot be known to have."""
        return any(entry.holds_back(names) for entry in self._unconfirmed for names in resource.clusters)

    def _confirm(self) -> None:
        self._unconfirmed = [
            entry for entry in self._unconfirmed if entry.clusters and (entry.missing or not entry.acked)
        ]


@dataclass(slots=True, eq=False)
class _Batch:
    """Removals that were seen in one step; they go together."""

    since: float
    keys: set[Key] = field(default_factory=set)
    after: int | None = None
    """Responses up to this one must be answered first; None while some of them are not even sent."""
    unanswered_until: float = math.inf
    leaves_at: float = math.inf


@dataclass(frozen=True, slots=True)
class Situation:
    """What removals must look at: the time, and what the traffic types of the stream are up to."""

    now: float
    oldest_wait: float
    """Since when the longest waiting addition waits; infinite when none does."""
    last_sequence: int
    oldest_unanswered: float
    """Sequence of the oldest response of a traffic type that is not answered; infinite when all are."""


class Departures:
    """What is to be removed: listeners and routes after all additions, the rest when these are gone and drained."""

    __slots__ = ("_batch_of", "_batches", "_timing", "_traffic")

    def __init__(self, timing: Timing) -> None:
        self._timing = timing
        self._traffic: dict[Key, float] = {}
        self._batches: list[_Batch] = []
        self._batch_of: dict[Key, _Batch] = {}

    def __bool__(self) -> bool:
        return bool(self._traffic or self._batches)

    def add(self, key: Key, now: float) -> None:
        """Note that a resource is gone; the clock of one that is leaving already is not restarted."""
        if key[0] in TRAFFIC_TYPES:
            self._traffic.setdefault(key, now)
        elif key not in self._batch_of:
            if not self._batches or self._batches[-1].since != now or self._batches[-1].after is not None:
                self._batches.append(_Batch(now))
            self._batches[-1].keys.add(key)
            self._batch_of[key] = self._batches[-1]

    def cancel(self, key: Key) -> None:
        """Forget a removal: the resource came back, or the client does not want it any more."""
        self._traffic.pop(key, None)
        batch = self._batch_of.pop(key, None)
        if batch is not None:
            batch.keys.discard(key)

    def due_traffic(self, oldest_wait: float) -> list[Key]:
        """Take out the listeners and routes that may go: every addition that came before them is sent."""
        due = [key for key, since in self._traffic.items() if since < oldest_wait]
        for key in due:
            del self._traffic[key]
        return due

    def due_rest(self, situation: Situation) -> list[Key]:
        """Move each batch on as far as the situation allows; take out what has drained."""
        due: list[Key] = []
        for batch in self._batches:
            self._advance(batch, situation)
            if batch.leaves_at <= situation.now:
                due.extend(batch.keys)
        for key in due:
            del self._batch_of[key]
        self._batches = [batch for batch in self._batches if batch.keys and batch.leaves_at > situation.now]
        return due

    def deadlines(self) -> Iterator[float]:
        """Name the times at which something may move without any answer; infinite ones wait for an event."""
        for batch in self._batches:
            yield min(batch.unanswered_until, batch.leaves_at)

    def _advance(self, batch: _Batch, situation: Situation) -> None:
        now = situation.now
        if batch.after is None:
            if min(situation.oldest_wait, *self._traffic.values(), math.inf) <= batch.since:
                return
            batch.after = situation.last_sequence
            batch.unanswered_until = now + self._timing.ack_wait_s
        if batch.leaves_at == math.inf and (situation.oldest_unanswered > batch.after or batch.unanswered_until <= now):
            batch.unanswered_until = math.inf
            batch.leaves_at = now + self._timing.drain_s
