"""Who the processes of a pod are, and what they may do: as little as RustFS needs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from xdsserver.objects.structural import plain
from xdsserver.tenant.rendering import Rendering

if TYPE_CHECKING:
    from xdsserver.objects.tenant import Tenant
    from xdsserver.objects.tenantpools import Pool

_ID: Final = 10001
"""Of the user and the group in RustFS' own image."""


def pod_security(tenant: Tenant, pool: Pool, rendering: Rendering) -> dict[str, Any]:
    """Give the securityContext of the pods: what the pool says over what the Tenant says over ours."""
    asked = _asked(tenant, pool) if rendering is Rendering.OURS else _of_tenant(tenant)
    ids = {name: asked.get(name, _ID) for name in ("runAsUser", "runAsGroup", "fsGroup")}
    # Volumes with millions of files are walked through once, and not at every start.
    found = ids | {"fsGroupChangePolicy": "OnRootMismatch"}
    if rendering is Rendering.REFERENCE:
        return found | {name: asked[name] for name in ("runAsNonRoot",) if name in asked}
    seccomp = asked.get("seccompProfile", {"type": "RuntimeDefault"})
    return found | {"runAsNonRoot": asked.get("runAsNonRoot", ids["runAsUser"] != 0), "seccompProfile": seccomp}


def container_security(tenant: Tenant, pool: Pool) -> dict[str, Any]:
    """Give the securityContext of the container; there was none before us."""
    ours = {"allowPrivilegeEscalation": False, "capabilities": {"drop": ["ALL"]}}
    return ours | dict(tenant.spec.container_security_context or {}) | dict(pool.container_security_context or {})


def _asked(tenant: Tenant, pool: Pool) -> dict[str, Any]:
    return _of_tenant(tenant) | (plain(pool.security_context) if pool.security_context is not None else {})


def _of_tenant(tenant: Tenant) -> dict[str, Any]:
    return plain(tenant.spec.security_context) if tenant.spec.security_context is not None else {}
