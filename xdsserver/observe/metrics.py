"""What can be counted and timed of a running server: every metric, its labels and what it is for, in one table.

Labels have few values: kinds, types of resources, fleets, outcomes. Names of objects and nodes are in conditions and
notices, since each value of a label is a time series that is kept for weeks.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING, Final, NamedTuple, TypeVar

from prometheus_client import Counter, Gauge, Histogram
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.registry import Collector

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from prometheus_client import CollectorRegistry
    from prometheus_client.core import Metric

_Collector = TypeVar("_Collector", Counter, Gauge, Histogram)

_ACK_S: Final = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30)
_LAG_S: Final = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 5)


class WriteResult(Enum):
    """What became of a write to the API server."""

    WRITTEN = "written"
    UNCHANGED = "unchanged"
    """What was owed had come about otherwise."""
    CONFLICT = "conflict"
    """Somebody else was faster; it is tried again."""
    REFUSED = "refused"
    UNAVAILABLE = "unavailable"
    """No answer, or one that asks for patience."""


@dataclass(frozen=True, slots=True)
class Family:
    """One metric as it is scraped: its whole name, its type, its labels, what it says and what to do about it."""

    name: str
    type: type[Counter | Gauge | Histogram]
    labels: tuple[str, ...]
    means: str
    alert: str = ""
    buckets: tuple[float, ...] = ()


OBJECT_TO_ACK = Family(
    "xdsserver_object_to_ack_seconds",
    Histogram,
    ("type",),
    "From a change of objects being read to an Envoy's acknowledgement of the resources that came of it; one "
    "observation for each Envoy and response.",
    "The 99th percentile over 5 s: Envoys are slow to take changes, or this process has too little CPU.",
    _ACK_S,
)
REJECTIONS = Family(
    "xdsserver_xds_rejections_total",
    Counter,
    ("type", "fleet"),
    "Responses that an Envoy rejected (NACK). What is to blame is isolated, and the rest goes on.",
    "Any increase: the status of the object behind it has Envoy's words.",
)
STREAMS = Family("xdsserver_xds_streams", Gauge, ("fleet",), "Open streams, which is Envoys connected.")
ROUNDS = Family(
    "xdsserver_rounds_total", Counter, (), "Rounds of deciding: changes that were read together are one round."
)
LOOP_LAG = Family(
    "xdsserver_event_loop_lag_seconds",
    Histogram,
    (),
    "How much too late the event loop got to something that was due, four times a second.",
    "The 99th percentile over 0.1 s: something computes for too long, or the process lacks CPU.",
    _LAG_S,
)

CERTIFICATE_EXPIRY = Family(
    "xdsserver_certificate_expiry_timestamp_seconds",
    Gauge,
    (),
    "When the first of the certificates that are shown to clients and backends runs out, in seconds since 1970; "
    "infinite while none is shown. Which one it is, is told by a notice when it happens, and by `xdsserver check`.",
    "Less than a week ahead (`- time() < 604800`): whoever renews certificates does not. It is shown on.",
)

FAMILIES: Final[tuple[Family, ...]] = (OBJECT_TO_ACK, REJECTIONS, STREAMS, ROUNDS, LOOP_LAG, CERTIFICATE_EXPIRY)
"""What every run has."""

WATCH_AGE = Family(
    "xdsserver_watch_age_seconds",
    Gauge,
    ("kind",),
    "How long ago the API server last said anything about objects of a kind, a bookmark at least each minute.",
    "Over 300 s: what is served is the last that was known. The API server is away, or access was taken.",
)
RELISTS = Family(
    "xdsserver_relists_total",
    Counter,
    ("kind",),
    "Lists of all objects of a kind, the first one too.",
    "Several an hour: watches are cut off and cannot be resumed.",
)
STATUS_WRITES = Family(
    "xdsserver_status_writes_total",
    Counter,
    ("kind", "result"),
    "Writes of statuses, by what became of them: " + ", ".join(f"`{one.value}`" for one in WriteResult) + ".",
    "A constant rate of `conflict` or `written` without changes of objects: another controller fights over a status.",
)
LEADER = Family(
    "xdsserver_leader",
    Gauge,
    (),
    "1 while this replica may write to the API server, else 0.",
    "A sum over replicas other than 1 for a minute: nobody writes statuses.",
)
KUBE_FAMILIES: Final[tuple[Family, ...]] = (WATCH_AGE, RELISTS, STATUS_WRITES, LEADER)
"""What a run has besides whose objects come from an API server."""


def made(family: Family, kind: type[_Collector], registry: CollectorRegistry) -> _Collector:
    """Make a metric from its row of the table, in a registry."""
    buckets = {"buckets": family.buckets} if family.buckets else {}
    return kind(family.name, family.means, family.labels, registry=registry, **buckets)  # type: ignore[arg-type]


class Metrics:
    """The metrics of one run, in the registry that is handed in. Methods are quick, and called from the event loop."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._to_ack = made(OBJECT_TO_ACK, Histogram, registry)
        self._rejections = made(REJECTIONS, Counter, registry)
        self._streams = made(STREAMS, Gauge, registry)
        self._rounds = made(ROUNDS, Counter, registry)
        self._lag = made(LOOP_LAG, Histogram, registry)
        self._expiry = made(CERTIFICATE_EXPIRY, Gauge, registry)
        self.expires(math.inf)

    def acknowledged(self, type_: str, age_s: float) -> None:
        """Note that an Envoy has a change of resources of this type (`Cluster`), which was read `age_s` ago."""
        self._to_ack.labels(type_).observe(age_s)

    def rejected(self, type_: str, fleet: str) -> None:
        """Note that an Envoy rejected a response."""
        self._rejections.labels(type_, fleet).inc()

    def joined(self, fleet: str) -> None:
        """Note that a stream began."""
        self._streams.labels(fleet).inc()

    def left(self, fleet: str) -> None:
        """Note that a stream ended."""
        self._streams.labels(fleet).dec()

    def round(self) -> None:
        """Note that changes were taken."""
        self._rounds.inc()

    def expires(self, at_s: float) -> None:
        """Note when the first certificate that is shown runs out, in seconds since 1970."""
        self._expiry.set(at_s)

    def lagged(self, late_s: float) -> None:
        """Note how late the event loop was."""
        self._lag.observe(max(0.0, late_s))


class Watched(NamedTuple):
    """How a kind is followed; one that is followed in several namespaces has several."""

    kind: str
    age_s: float | None
    """Since the API server last said something about it; None: never."""
    lists: int


@dataclass(frozen=True, slots=True)
class KubeState:
    """What is asked when somebody scrapes: an age that somebody has to set stands still when he does."""

    watched: Callable[[], Iterable[Watched]]
    may_write: Callable[[], bool] | None = None
    """None in a run of Tenants, which says by a metric of its own whether it leads."""


class _Watches(Collector):
    """Of a kind that is followed in several namespaces the oldest age, and all lists."""

    def __init__(self, watched: Callable[[], Iterable[Watched]]) -> None:
        self._watched = watched

    def describe(self) -> Iterable[Metric]:
        return self._families({}, {})

    def collect(self) -> Iterable[Metric]:
        ages: dict[str, float] = {}
        lists: dict[str, int] = {}
        for one in self._watched():
            lists[one.kind] = lists.get(one.kind, 0) + one.lists
            if one.age_s is not None:
                ages[one.kind] = max(ages.get(one.kind, 0.0), one.age_s)
        return self._families(ages, lists)

    def _families(self, ages: Mapping[str, float], lists: Mapping[str, int]) -> Iterable[Metric]:
        age = GaugeMetricFamily(WATCH_AGE.name, WATCH_AGE.means, labels=WATCH_AGE.labels)
        relists = CounterMetricFamily(RELISTS.name, RELISTS.means, labels=RELISTS.labels)
        for kind, age_s in ages.items():
            age.add_metric([kind], age_s)
        for kind, count in lists.items():
            relists.add_metric([kind], count)
        return (age, relists)


class KubeMetrics:
    """What happens between us and an API server."""

    def __init__(self, registry: CollectorRegistry, state: KubeState) -> None:
        registry.register(_Watches(state.watched))
        self._status_writes = made(STATUS_WRITES, Counter, registry)
        if state.may_write is not None:
            made(LEADER, Gauge, registry).set_function(state.may_write)

    def wrote_status(self, kind: str, result: WriteResult) -> None:
        """Note what became of the write of a status."""
        self._status_writes.labels(kind, result.value).inc()
