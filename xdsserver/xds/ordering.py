"""Make before break: which clusters a client has yet to acknowledge, and when what is removed may go.

Envoy does not check that the clusters of a route exist: a route that arrives early, or a cluster that leaves early,
answers 503 at once. Order is therefore the server's duty, and acknowledgements are how it knows.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final, TypeAlias

from xdsserver.xds.resource import LISTENER, ROUTE, SCOPED_ROUTE

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

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
    sequence: int
    endpoints: str | None
    cluster_acked: bool = False
    endpoints_acked: bool = False


class Warming:
    """The clusters that were sent for the first time on a stream and are not acknowledged with their endpoints."""

    def __init__(self) -> None:
        self._clusters: dict[str, _Unconfirmed] = {}
        self._by_endpoints: dict[str, set[str]] = {}
        # Waited for in vain; they count as new again when they are sent again.
        self._given_up: set[str] = set()

    def sent(self, cluster: Resource, sequence: int, *, known: bool) -> None:
        """Note that a cluster goes out with response `sequence`; `known` ones keep serving while they change."""
        name = cluster.name
        if known and name not in self._given_up and name not in self._clusters:
            return
        self.forget(name)
        self._clusters[name] = _Unconfirmed(sequence, cluster.endpoints, endpoints_acked=cluster.endpoints is None)
        if cluster.endpoints is not None:
            self._by_endpoints.setdefault(cluster.endpoints, set()).add(name)

    def clusters_acked(self, names: Iterable[str]) -> None:
        """Note that a response with these clusters was accepted."""
        for name in names:
            if (cluster := self._clusters.get(name)) is not None:
                cluster.cluster_acked = True
                self._confirm_if_complete(name, cluster)

    def endpoints_acked(self, names: Iterable[str], sequence: int) -> None:
        """Note that endpoints which went out with response `sequence` were accepted.

        Those that were sent before the cluster do not warm it: Envoy waits for them to be sent again.
        """
        for endpoints in names:
            for name in tuple(self._by_endpoints.get(endpoints, ())):
                cluster = self._clusters[name]
                if sequence > cluster.sequence:
                    cluster.endpoints_acked = True
                    self._confirm_if_complete(name, cluster)

    def forget(self, name: str) -> None:
        """Stop waiting for a cluster, because it is confirmed, removed or not wanted any more."""
        self._given_up.discard(name)
        cluster = self._clusters.pop(name, None)
        if cluster is not None and cluster.endpoints is not None:
            sharers = self._by_endpoints[cluster.endpoints]
            sharers.discard(name)
            if not sharers:
                del self._by_endpoints[cluster.endpoints]

    def give_up(self, resource: Resource) -> None:
        """Let a resource pass that waited its full time; nothing waits for its clusters a second time."""
        for name in self._missing(resource):
            self.forget(name)
            self._given_up.add(name)

    def holds_back(self, resource: Resource) -> bool:
        """Say whether a resource names a cluster that the client cannot be known to have."""
        unconfirmed = self._clusters.keys()
        return bool(unconfirmed) and not all(unconfirmed.isdisjoint(names) for names in resource.clusters)

    def _missing(self, resource: Resource) -> set[str]:
        return {name for names in resource.clusters for name in self._clusters.keys() & names}

    def _confirm_if_complete(self, name: str, cluster: _Unconfirmed) -> None:
        if cluster.cluster_acked and cluster.endpoints_acked:
            self.forget(name)


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

    def __init__(self, timing: Timing) -> None:
        self._timing = timing
        self._traffic: dict[Key, float] = {}
        self._batches: list[_Batch] = []
        self._batch_of: dict[Key, _Batch] = {}

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
