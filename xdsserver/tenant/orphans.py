"""Pools that are gone from the spec while their StatefulSets are there: kept, and told; they hold part of the data."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from xdsserver.tenant.names import stateful_set
from xdsserver.tenant.reasons import Finding, Reason

if TYPE_CHECKING:
    from collections.abc import Iterator

    from xdsserver.objects.tenant import Tenant
    from xdsserver.tenant.observed import Observed

CONDITION: Final = "PoolsReady"


def orphans(tenant: Tenant, observed: Observed) -> Iterator[Finding]:
    """Give what there is to say of each; a pool that was renamed is one that was removed, and another one."""
    named = {stateful_set(tenant, pool) for pool in tenant.spec.pools}
    for name, running in sorted(observed.running.items()):
        controller = running.set.metadata.controller
        if name not in named and controller is not None and controller.uid == tenant.metadata.uid:
            words = (
                f"spec.pools[].name: StatefulSet {name} is of a pool that is not in the spec any more; it is kept "
                "with its part of the data. Put the pool back: it can be neither removed nor renamed"
            )
            yield Finding(CONDITION, Reason.POOL_DELETE_BLOCKED, words)
