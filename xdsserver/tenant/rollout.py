"""In which order pools change: new ones are made first, then one pool rolls at a time, and none beside another's.

All servers of a cluster must know all volumes, so a pool that is added changes the template of every other one too.
These wait until all pods of the new pool are there. While a pool is being rolled no other one is touched: where the
first pod does not become ready, the second pool still serves as it did.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from xdsserver.tenant.names import stateful_set

if TYPE_CHECKING:
    from collections.abc import Sequence

    from xdsserver.objects.tenant import Tenant
    from xdsserver.tenant.observed import Observed, Running


def held(tenant: Tenant, observed: Observed, rolling: Sequence[str]) -> dict[str, str]:
    """Give the pools that must wait, of those that want to roll, each with what it waits for."""
    arriving, under_way = None, None
    for pool in tenant.spec.pools:
        running = observed.running.get(stateful_set(tenant, pool))
        if running is None or running.status.replicas < pool.servers:
            arriving = arriving or pool.name
        elif is_rolling(running):
            under_way = under_way or pool.name
    found: dict[str, str] = {}
    first = next(iter(rolling), None)
    for name in rolling:
        if arriving is not None and arriving != name:
            found[name] = f"pool {name} waits until all pods of pool {arriving} are there"
        elif under_way is not None and under_way != name:
            found[name] = f"pool {name} waits until pool {under_way} has been rolled"
        elif under_way is None and name != first:
            found[name] = f"pool {name} waits until pool {first} has been rolled"
    return found


def is_rolling(running: Running) -> bool:
    """Say whether the pods of a pool are being replaced: the revision of before is let go when all are ready."""
    status, generation = running.status, running.set.metadata.generation
    return status.observed_generation < generation or status.current_revision != status.update_revision
