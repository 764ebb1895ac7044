"""What the objects of a Tenant are called, and by which labels they are found; clusters that exist depend on both."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from xdsserver.objects.meta import ObjectKey
from xdsserver.objects.tenant import TENANT_GROUP

if TYPE_CHECKING:
    from xdsserver.objects.tenant import Tenant
    from xdsserver.objects.tenantpools import Pool

MANAGER: Final = "rustfs-operator"
"""The field manager, the value of managed-by, and who reports Events."""
REALM: Final = "tenant-"
"""What begins the intentions of this operator, which the controller of Gateways leaves alone."""
TENANT_LABEL: Final = "rustfs.tenant"
POOL_LABEL: Final = "rustfs.pool"

S3_PORT: Final = 9000
CONSOLE_PORT: Final = 9001

DOMAIN: Final = "cluster.local"


def labels(tenant: Tenant) -> dict[str, str]:
    """Give the labels of every object of a Tenant."""
    name = tenant.metadata.name
    return {
        "app.kubernetes.io/name": "rustfs",
        "app.kubernetes.io/instance": name,
        "app.kubernetes.io/managed-by": MANAGER,
        TENANT_LABEL: name,
    }


def pool_labels(tenant: Tenant, pool: Pool) -> dict[str, str]:
    """Give the labels of every object of a pool."""
    return labels(tenant) | {POOL_LABEL: pool.name, "app.kubernetes.io/component": "storage"}


def selector(tenant: Tenant) -> dict[str, str]:
    """Give the labels by which the pods of a Tenant are found; they never change."""
    return {TENANT_LABEL: tenant.metadata.name}


def pool_selector(tenant: Tenant, pool: Pool) -> dict[str, str]:
    """Give the labels by which the pods of a pool are found; they never change."""
    return selector(tenant) | {POOL_LABEL: pool.name}


def owner(tenant: Tenant) -> dict[str, Any]:
    """Give the Tenant as the owner of what is made for it, which goes when it does, also while no operator runs."""
    return {
        "apiVersion": f"{TENANT_GROUP}/v1alpha1",
        "kind": "Tenant",
        "name": tenant.metadata.name,
        "uid": tenant.metadata.uid,
        "controller": True,
        "blockOwnerDeletion": True,
    }


def metadata(tenant: Tenant, name: str, marks: dict[str, str] | None = None) -> dict[str, Any]:
    """Give the metadata of an object; `marks` are its labels, those of the Tenant without."""
    return {
        "name": name,
        "namespace": tenant.metadata.namespace,
        "labels": labels(tenant) if marks is None else marks,
        "ownerReferences": [owner(tenant)],
    }


def io_service(tenant: Tenant) -> str:
    """Name the Service of the S3 API."""
    return f"{tenant.metadata.name}-io"


def console_service(tenant: Tenant) -> str:
    """Name the Service of the console."""
    return f"{tenant.metadata.name}-console"


def headless_service(tenant: Tenant) -> str:
    """Name the Service by which servers find each other."""
    return f"{tenant.metadata.name}-hl"


def stateful_set(tenant: Tenant, pool: Pool) -> str:
    """Name the StatefulSet of a pool."""
    return f"{tenant.metadata.name}-{pool.name}"


def service_account(tenant: Tenant) -> str:
    """Name the ServiceAccount of the pods."""
    return tenant.spec.service_account_name or f"{tenant.metadata.name}-sa"


def role(tenant: Tenant) -> str:
    """Name the Role of the pods."""
    return f"{tenant.metadata.name}-role"


def role_binding(tenant: Tenant) -> str:
    """Name what binds the Role."""
    return f"{tenant.metadata.name}-role-binding"


def owned(tenant: Tenant) -> tuple[ObjectKey, ...]:
    """Give all objects that may be made for a Tenant, in whatever way it is served."""
    namespace, name = tenant.metadata.namespace, tenant.metadata.name
    pools = [stateful_set(tenant, pool) for pool in tenant.spec.pools]
    named = [
        ("ServiceAccount", f"{name}-sa"),
        ("Role", role(tenant)),
        ("RoleBinding", role_binding(tenant)),
        *(("Service", one(tenant)) for one in (io_service, console_service, headless_service)),
        *((kind, pool) for kind in ("StatefulSet", "PodDisruptionBudget") for pool in pools),
    ]
    return tuple(ObjectKey(kind, namespace, one) for kind, one in named)
