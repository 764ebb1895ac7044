"""What the schema cannot say about a Tenant: names that become names of pods, and pools that are worth a word."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from xdsserver.tenant.reasons import Finding, Reason

if TYPE_CHECKING:
    from collections.abc import Iterator

    from xdsserver.objects.tenant import Tenant
    from xdsserver.objects.tenantpools import Pool

CONDITION: Final = "SpecValid"

_MAX_TENANT: Final = 55
_MAX_LABEL: Final = 63
_DNS_1035: Final = re.compile("[a-z]([-a-z0-9]*[a-z0-9])?", re.ASCII)
_FEWEST: Final = {2: 4, 3: 6}
"""Volumes that a pool of so many servers should have; four for others."""


def is_name(name: str) -> bool:
    """Whether a Tenant may have this name: Services are named after it."""
    return _DNS_1035.fullmatch(name) is not None and len(name) <= _MAX_TENANT


def check(tenant: Tenant) -> Iterator[Finding]:
    """Give what is wrong with a spec, the worst first; nothing where it is sound."""
    name = tenant.metadata.name
    if not is_name(name):
        words = f"metadata.name: {name} must be a name of Services: letters, digits and -, at most {_MAX_TENANT}"
        yield Finding(CONDITION, Reason.INVALID_TENANT_NAME, words)
    for pool in tenant.spec.pools:
        pod = f"{name}-{pool.name}-{pool.servers - 1}"
        if len(pod) > _MAX_LABEL:
            words = f"spec.pools[{pool.name}].name: {pod}, a name of its pods, has more than {_MAX_LABEL} characters"
            yield Finding(CONDITION, Reason.INVALID_POOL_SPEC, words)
    if not tenant.spec.pools:
        yield Finding(CONDITION, Reason.INVALID_POOL_SPEC, "spec.pools: pools must be configured")
    for pool in tenant.spec.pools:
        yield from _few_volumes(pool)
    if tenant.spec.configuration is not None:
        words = "spec.configuration: is the former name of spec.credsSecret; rename it"
        yield Finding(CONDITION, Reason.DEPRECATED_FIELD, words)


def _few_volumes(pool: Pool) -> Iterator[Finding]:
    fewest = _FEWEST.get(pool.servers, 4)
    there = pool.servers * pool.persistence.volumes_per_server
    if there < fewest:
        words = f"pool {pool.name} with {pool.servers} servers should have at least {fewest} volumes in total: {there}"
        yield Finding(CONDITION, Reason.FEW_VOLUMES, words)
