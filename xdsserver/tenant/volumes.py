"""Volumes of a pool: their names, where they are mounted, and the one line that tells RustFS of all of them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from xdsserver.objects.quantities import canonical
from xdsserver.tenant.names import DOMAIN, S3_PORT, headless_service, pool_labels, stateful_set
from xdsserver.tenant.rendering import Rendering

if TYPE_CHECKING:
    from collections.abc import Mapping

    from xdsserver.objects.tenant import Tenant
    from xdsserver.objects.tenantpools import Pool

DEFAULT_PATH: Final = "/data"
_DEFAULT_CLAIM: Final = {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "10Gi"}}}


def base_path(tenant: Tenant, pool: Pool, rendering: Rendering) -> str:
    """Give the path under which the volumes of a pool are mounted, without a slash at its end."""
    # The operator before us took spec.mountPath and did nothing with it.
    fallback = tenant.spec.mount_path if rendering is Rendering.OURS else None
    return (pool.persistence.path or fallback or DEFAULT_PATH).rstrip("/")


def claim_spec(pool: Pool) -> Mapping[str, Any]:
    """Give the PersistentVolumeClaimSpec of every volume of a pool."""
    return pool.persistence.volume_claim_template or _DEFAULT_CLAIM


def claim_templates(tenant: Tenant, pool: Pool) -> list[dict[str, Any]]:
    """Give the volumeClaimTemplates of the data; they belong to nobody, so that they outlive the Tenant."""
    labels = pool_labels(tenant, pool) | dict(pool.persistence.labels)
    annotations = dict(pool.persistence.annotations)
    return [
        {
            "metadata": {
                "name": f"vol-{number}",
                "labels": labels,
                **({"annotations": annotations} if annotations else {}),
            },
            "spec": _in_the_servers_words(claim_spec(pool)),
        }
        for number in range(pool.persistence.volumes_per_server)
    ]


def with_storage(spec: Mapping[str, Any], size: str) -> dict[str, Any]:
    """Give a PersistentVolumeClaimSpec that asks for this amount."""
    resources = spec.get("resources") or {}
    return {**spec, "resources": {**resources, "requests": {**(resources.get("requests") or {}), "storage": size}}}


def _in_the_servers_words(spec: Mapping[str, Any]) -> dict[str, Any]:
    """Write the amount as a server gives it back, so that what is made is what is found."""
    size = ((spec.get("resources") or {}).get("requests") or {}).get("storage")
    return dict(spec) if size is None else with_storage(spec, canonical(str(size)))


def mounts(tenant: Tenant, pool: Pool, rendering: Rendering) -> list[dict[str, Any]]:
    """Give where the volumes of the data are mounted."""
    path = base_path(tenant, pool, rendering)
    return [
        {"name": f"vol-{number}", "mountPath": f"{path}/rustfs{number}"}
        for number in range(pool.persistence.volumes_per_server)
    ]


def rustfs_volumes(tenant: Tenant, rendering: Rendering) -> str:
    """Give RUSTFS_VOLUMES: all volumes of all pools, in the order of the spec, the same on every server."""
    return " ".join(_of_pool(tenant, pool, rendering) for pool in tenant.spec.pools)


def _of_pool(tenant: Tenant, pool: Pool, rendering: Rendering) -> str:
    # The braces and the three dots are RustFS' own: it counts the range out.
    servers, volumes = pool.servers - 1, pool.persistence.volumes_per_server - 1
    host = f"{stateful_set(tenant, pool)}-{{0...{servers}}}.{headless_service(tenant)}.{tenant.metadata.namespace}"
    path = base_path(tenant, pool, rendering)
    return f"http://{host}.svc.{DOMAIN}:{S3_PORT}{path}/rustfs{{0...{volumes}}}"
