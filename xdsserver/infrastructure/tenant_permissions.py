"""What the operator of Tenants may do at the API server: a table of its own, as it has an account of its own.

It reads all Secrets of the namespaces that it watches, since a Tenant may name any, and writes none. StatefulSets and
volumes it never deletes. What it makes roles of it may do itself, or the API server would not let it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from xdsserver.infrastructure.permissions import Account, Permission, Scope
from xdsserver.objects.kinds import BY_NAME, TENANT_OWNED, TENANT_READ

if TYPE_CHECKING:
    from collections.abc import Iterator

LEASE: Final = "rustfs-operator"

_READ: Final = ("get", "list", "watch")
_REMOVED: Final = frozenset({"ServiceAccount", "Role", "RoleBinding"})
"""What goes when a user names a ServiceAccount of his own."""

_WHY: Final = {
    "StatefulSet": "what runs the servers of a pool, and how many of them are ready",
    "PersistentVolumeClaim": "how large the volumes are",
    "Pod": "which servers cannot leave their nodes",
    "Node": "whether a node is down, and known to be fenced",
    "StorageClass": "whether volumes may grow",
}


def _table() -> Iterator[Permission]:
    tenant, secret = BY_NAME["Tenant"], BY_NAME["Secret"]
    yield Permission(tenant.group, tenant.plural, _READ, Scope.WATCHED, "what users ask for")
    yield Permission(tenant.group, f"{tenant.plural}/status", ("patch",), Scope.WATCHED, "what was decided")
    owners = "what is made for a Tenant keeps it from going first, which some clusters have to allow"
    yield Permission(tenant.group, f"{tenant.plural}/finalizers", ("update",), Scope.WATCHED, owners)
    yield Permission(secret.group, secret.plural, _READ, Scope.WATCHED, "credentials and keys that Tenants name")
    for kind in TENANT_READ:
        scope = Scope.WATCHED if kind.namespaced else Scope.CLUSTER
        yield Permission(kind.group, kind.plural, _READ, scope, _WHY[kind.name])
    yield Permission("apps", "statefulsets", ("create", "patch"), Scope.WATCHED, "servers of a pool")
    yield Permission("", "persistentvolumeclaims", ("patch",), Scope.WATCHED, "volumes that grow")
    yield Permission("", "pods", ("delete",), Scope.WATCHED, "servers that cannot leave a node that is down")
    for kind in TENANT_OWNED:
        verbs = (*_READ, "create", "patch", *(("delete",) if kind.name in _REMOVED else ()))
        yield Permission(kind.group, kind.plural, verbs, Scope.WATCHED, "what the servers of a Tenant need")
    crds = "whether Tenants are installed, and when they are"
    yield Permission("apiextensions.k8s.io", "customresourcedefinitions", _READ, Scope.CLUSTER, crds)
    yield Permission("events.k8s.io", "events", ("create", "patch"), Scope.WATCHED, "what happened, and how often")
    leases = ("coordination.k8s.io", "leases")
    yield Permission(*leases, ("create",), Scope.OWN, "one replica writes: its Lease is made once")
    yield Permission(*leases, ("get", "patch"), Scope.OWN, "one replica writes: its Lease is renewed", LEASE)


TENANT_PERMISSIONS: Final[tuple[Permission, ...]] = tuple(_table())

TENANTS: Final = Account("xdsserver-tenants", TENANT_PERMISSIONS)
"""The account of `serve --controllers tenant`."""
