"""What can be counted and timed of a run of Tenants: how they are, and how often what they need was decided anew.

No label is the name of a Tenant, as no other metric names objects: states and sums say that something is wrong and
since when, `kubectl get tenants -A` says of which, and the port may be read by whoever reaches it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from prometheus_client import Counter, Gauge, Histogram
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector

from xdsserver.observe.metrics import Family, made

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from prometheus_client import CollectorRegistry
    from prometheus_client.core import Metric

STATES: Final = ("Ready", "Updating", "Degraded", "NotReady", "Blocked")
"""States of Tenants, as their statuses have them; each has its time series, also at 0."""
FAILED: Final = "Failed"
"""The result where a fault of ours kept a Tenant from being decided on."""
RESULTS: Final = (*STATES, "Deleted", FAILED)

_DECIDING_S: Final = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5)


TENANTS = Family(
    "xdsserver_tenants",
    Gauge,
    ("state",),
    "Tenants by `status.currentState`; each replica says the same.",
    "`Degraded`, `NotReady` or `Blocked` for 15 minutes: conditions and `nextActions` of the Tenant say what to do.",
)
SERVERS = Family(
    "xdsserver_tenant_servers",
    Gauge,
    ("state",),
    "RustFS servers of all Tenants: `wanted` by their specs, and `ready`.",
    "`ready` is less than `wanted` while no rollout goes on: pods do not start, or nodes are down.",
)
RECONCILES = Family(
    "xdsserver_tenant_reconciles_total",
    Counter,
    ("result",),
    "Times that something was decided otherwise than before for a Tenant, by the state that it is in then; `Deleted` "
    f"where it goes, `{FAILED}` where a fault of ours kept it from being decided.",
    f"Any increase of `{FAILED}`: the log has the fault. A constant rate of others: something changes all the time.",
)
RECONCILE = Family(
    "xdsserver_tenant_reconcile_seconds",
    Histogram,
    (),
    "How long it took to decide on what had changed; one observation for all Tenants that changed together. Writing is "
    "not in it.",
    "The 99th percentile over 1 s: too many Tenants at once, or the process lacks CPU.",
    _DECIDING_S,
)
REQUEUES = Family(
    "xdsserver_tenant_requeues_total",
    Counter,
    ("delay_seconds",),
    "Times that a Tenant was looked at again though nothing was heard of it, by how long it had waited for that.",
    "A constant rate at 5: the API server refuses an object. At 60: somebody has to change something.",
)
TENANT_LEADER = Family(
    "xdsserver_tenant_leader",
    Gauge,
    (),
    "1 while this replica may write what Tenants need, else 0; its Lease is another one than that of Gateways. "
    "A run of Tenants alone has this in place of `xdsserver_leader`.",
    "A sum over replicas other than 1 for a minute: nobody runs Tenants. What runs stays.",
)
TENANT_FAMILIES: Final[tuple[Family, ...]] = (TENANTS, SERVERS, RECONCILES, RECONCILE, REQUEUES, TENANT_LEADER)
"""What a run of Tenants has."""


@dataclass(frozen=True, slots=True)
class Census:
    """How Tenants are when somebody scrapes: how many are in each state, and their servers in all."""

    states: Mapping[str, int]
    wanted: int
    ready: int


class _Census(Collector):
    """Counted anew at each scrape, so that a state that nobody is in any more is 0 and not the last that was set."""

    def __init__(self, census: Callable[[], Census]) -> None:
        self._census = census

    def describe(self) -> Iterable[Metric]:
        return self._families(Census({}, 0, 0))

    def collect(self) -> Iterable[Metric]:
        return self._families(self._census())

    def _families(self, census: Census) -> Iterable[Metric]:
        tenants = GaugeMetricFamily(TENANTS.name, TENANTS.means, labels=TENANTS.labels)
        for state in STATES:
            tenants.add_metric([state], census.states.get(state, 0))
        servers = GaugeMetricFamily(SERVERS.name, SERVERS.means, labels=SERVERS.labels)
        servers.add_metric(["wanted"], census.wanted)
        servers.add_metric(["ready"], census.ready)
        return (tenants, servers)


class TenantMetrics:
    """The metrics of one run of Tenants; methods are quick, and called from the event loop."""

    def __init__(self, registry: CollectorRegistry, census: Callable[[], Census], leads: Callable[[], bool]) -> None:
        registry.register(_Census(census))
        self._results = made(RECONCILES, Counter, registry)
        for result in RESULTS:
            self._results.labels(result)
        self._took = made(RECONCILE, Histogram, registry)
        self._requeues = made(REQUEUES, Counter, registry)
        made(TENANT_LEADER, Gauge, registry).set_function(leads)

    def reconciled(self, results: Iterable[str], took_s: float) -> None:
        """Note what became of Tenants that were decided on together, which took so long."""
        for result in results:
            self._results.labels(result).inc()
        self._took.observe(took_s)

    def requeued(self, delay_s: int) -> None:
        """Note that a Tenant was looked at again after so many seconds."""
        self._requeues.labels(str(delay_s)).inc()
