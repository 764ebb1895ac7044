"""What of a pool cannot be changed once its StatefulSet is there: the field, what it was, and what is asked now.

Nothing of this is ever sent: the API server would refuse it, or, for the number of servers, would take it and leave a
cluster whose servers do not agree on their volumes.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from xdsserver.objects.quantities import amount
from xdsserver.tenant.names import headless_service, pool_selector
from xdsserver.tenant.workload import claims, management

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from xdsserver.objects.tenant import Tenant
    from xdsserver.objects.tenantpools import Pool
    from xdsserver.objects.workloads import StatefulSetSpec


def immutable_changes(tenant: Tenant, pool: Pool, live: StatefulSetSpec) -> Iterator[str]:
    """Give what the Tenant asks of a pool that cannot be had any more, each in words that name field, old and new."""
    where = f"spec.pools[{pool.name}]"
    if pool.servers != live.replicas:
        yield _words(f"{where}.servers", live.replicas, pool.servers)
    if headless_service(tenant) != live.service_name:
        yield _words("the name of the headless Service", live.service_name, headless_service(tenant))
    if management(tenant) != live.pod_management_policy:
        yield _words("spec.podManagementPolicy", live.pod_management_policy, management(tenant))
    labels = live.selector.get("matchLabels") or {}
    if pool_selector(tenant, pool) != labels:
        yield _words("the selector of the pods", dict(labels), pool_selector(tenant, pool))
    yield from _volumes(tenant, pool, live)


def _volumes(tenant: Tenant, pool: Pool, live: StatefulSetSpec) -> Iterator[str]:
    where = f"spec.pools[{pool.name}].persistence"
    wanted = {_name(one): one for one in claims(tenant, pool)}
    there = {_name(one): one for one in live.volume_claim_templates}
    old, new = (sum(name.startswith("vol-") for name in names) for names in (there, wanted))
    if old != new:
        yield _words(f"{where}.volumesPerServer", old, new)
    elif wanted.keys() != there.keys():
        yield _words("spec.logging.mode", _has_logs(there), _has_logs(wanted))
    # All volumes of data are of one template: what is wrong with one is said once.
    for name, field in (("vol-0", f"{where}.volumeClaimTemplate"), ("logs", "spec.logging")):
        if name in wanted and name in there:
            yield from _claim(field, there[name].get("spec") or {}, wanted[name]["spec"])


def _claim(field: str, live: Mapping[str, Any], wanted: Mapping[str, Any]) -> Iterator[str]:
    old_class, new_class = live.get("storageClassName"), wanted.get("storageClassName")
    # Where none was named the server may have filled in the default one.
    if new_class is not None and new_class != old_class:
        yield _words(f"{field}.storageClassName", old_class, new_class)
    old_modes, new_modes = live.get("accessModes") or [], wanted.get("accessModes") or []
    if sorted(old_modes) != sorted(new_modes):
        yield _words(f"{field}.accessModes", old_modes, new_modes)
    old, new = storage(live), storage(wanted)
    left, right = amount(old), amount(new)
    if left is not None and right is not None and right < left:
        yield _words(f"{field}.resources.requests.storage", old, new)


def storage(claim: Mapping[str, Any]) -> str:
    """Give the amount that a PersistentVolumeClaimSpec asks for."""
    return str(((claim.get("resources") or {}).get("requests") or {}).get("storage", ""))


def _name(template: Mapping[str, Any]) -> str:
    return str((template.get("metadata") or {}).get("name", ""))


def _has_logs(names: Mapping[str, object]) -> str:
    return "persistent" if "logs" in names else "not persistent"


def _words(field: str, old: object, new: object) -> str:
    return f"{field}: cannot be changed from {old} to {new}; restore it"
