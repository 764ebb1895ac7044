"""Volumes that grow: one after the other, where their StorageClass lets them, and never smaller."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from xdsserver.objects.quantities import amount
from xdsserver.tenant.immutable import storage
from xdsserver.tenant.names import stateful_set
from xdsserver.tenant.reasons import Finding, Reason
from xdsserver.tenant.volumes import claim_spec

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from xdsserver.objects.tenant import Tenant
    from xdsserver.objects.tenantpools import Pool
    from xdsserver.tenant.observed import Claim, Observed

CONDITION: Final = "PoolsReady"


@dataclass(frozen=True, slots=True)
class Growth:
    """What becomes of the volumes of a pool: the one that grows next, and what there is to say."""

    next: tuple[Claim, str] | None = None
    finding: Finding | None = None


def growth(tenant: Tenant, pool: Pool, observed: Observed) -> Growth:
    """Say which volume of a pool is to grow now, to which size."""
    size = storage(claim_spec(pool))
    wanted = amount(size)
    if wanted is None:
        return Growth()
    claims = [one for name in _names(tenant, pool) if (one := observed.claims.get(name)) is not None]
    small = [one for one in claims if _less(one.requested, size)]
    if not small:
        return Growth()
    if refused := next((one for one in small if not _may_grow(one, observed.expandable)), None):
        words = (
            f"spec.pools[{pool.name}].persistence: volume {refused.name} has {refused.requested} and cannot grow to "
            f"{size}: its StorageClass {refused.storage_class or '(none)'} does not allow it"
        )
        return Growth(finding=Finding(CONDITION, Reason.VOLUME_EXPANSION_NOT_ALLOWED, words))
    words = f"pool {pool.name}: {len(claims) - len(small)} of {len(claims)} volumes have been asked to grow to {size}"
    told = Finding(CONDITION, Reason.VOLUMES_GROWING, words)
    # One that was asked to grow and has not yet: the next one waits for it.
    if any(_less(one.capacity, one.requested) for one in claims if one.capacity and one not in small):
        return Growth(finding=told)
    return Growth((small[0], size), told)


def _names(tenant: Tenant, pool: Pool) -> Iterator[str]:
    """Name the volumes of a pool, server by server."""
    for server in range(pool.servers):
        for volume in range(pool.persistence.volumes_per_server):
            yield f"vol-{volume}-{stateful_set(tenant, pool)}-{server}"


def _less(one: str, other: str) -> bool:
    left, right = amount(one), amount(other)
    return left is not None and right is not None and left < right


def _may_grow(claim: Claim, expandable: Mapping[str, bool]) -> bool:
    return claim.storage_class is not None and expandable.get(claim.storage_class, False)
