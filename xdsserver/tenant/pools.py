"""How each pool is, from what its StatefulSet says."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING, Any

from xdsserver.tenant.names import stateful_set

if TYPE_CHECKING:
    from xdsserver.objects.tenant import Tenant
    from xdsserver.objects.tenantpools import Pool
    from xdsserver.tenant.observed import Observed, Running


class PoolState(Enum):
    """The state of a pool, as statuses show it."""

    NOT_CREATED = "NotCreated"
    INITIALIZED = "Initialized"
    UPDATING = "Updating"
    ROLLOUT_COMPLETE = "RolloutComplete"
    DEGRADED = "Degraded"


@dataclass(frozen=True, slots=True)
class PoolView:
    """A pool, and what is known of it."""

    pool: Pool
    running: Running | None
    set_name: str

    @property
    def state(self) -> PoolState:
        """The state that follows from the numbers of its StatefulSet."""
        if self.running is None:
            return PoolState.NOT_CREATED
        status, servers = self.running.status, self.servers
        if status.replicas == 0:
            return PoolState.NOT_CREATED
        if status.observed_generation < self.running.set.metadata.generation or status.replicas < servers:
            return PoolState.UPDATING
        if status.ready_replicas == status.updated_replicas == status.replicas:
            return PoolState.ROLLOUT_COMPLETE
        if status.updated_replicas < status.replicas or status.current_replicas < status.replicas:
            return PoolState.UPDATING
        return PoolState.DEGRADED if status.ready_replicas < status.replicas else PoolState.INITIALIZED

    @property
    def servers(self) -> int:
        """How many servers it has; another number in the spec is refused, and no reason to wait for more."""
        return self.pool.servers if self.running is None else self.running.set.spec.replicas

    @property
    def ready(self) -> int:
        """How many of its servers are ready."""
        return self.running.status.ready_replicas if self.running is not None else 0

    def document(self) -> dict[str, Any]:
        """Give the pool as the status of its Tenant shows it."""
        found = {"name": self.pool.name, "ssName": self.set_name, "state": self.state.value}
        if self.running is None:
            return found
        status = self.running.status
        numbers = {
            "replicas": status.replicas,
            "readyReplicas": status.ready_replicas,
            "currentReplicas": status.current_replicas,
            "updatedReplicas": status.updated_replicas,
        }
        revisions = {"currentRevision": status.current_revision, "updateRevision": status.update_revision}
        return found | numbers | {name: value for name, value in revisions.items() if value}


def views(tenant: Tenant, observed: Observed) -> tuple[PoolView, ...]:
    """Give the pools, in the order of the spec."""
    found = ((pool, stateful_set(tenant, pool)) for pool in tenant.spec.pools)
    return tuple(PoolView(pool, observed.running.get(name), name) for pool, name in found)
