"""What pods of a Tenant may do at the API server: nothing that RustFS does not need, which is nearly nothing.

| `serviceAccountName` | `createServiceAccountRbac` | ServiceAccount | Role and RoleBinding |
|---|---|---|---|
| not given | either | ours | to ours |
| given | true | the user's | to the user's |
| given | false | the user's | none |
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from xdsserver.objects.meta import ObjectKey
from xdsserver.objects.tenant import TENANT_GROUP
from xdsserver.tenant.names import (
    console_service,
    headless_service,
    io_service,
    metadata,
    role,
    role_binding,
    service_account,
)

if TYPE_CHECKING:
    from xdsserver.objects.tenant import Tenant

_RBAC = "rbac.authorization.k8s.io"


def access(tenant: Tenant) -> tuple[dict[str, Any], ...]:
    """Give the ServiceAccount, Role and RoleBinding that are ours to make."""
    return (*_account(tenant), *_role(tenant))


def unwanted(tenant: Tenant) -> tuple[ObjectKey, ...]:
    """Give what the user's own choice took the place of; where it is ours, it goes."""
    namespace = tenant.metadata.namespace
    accounts = () if _account(tenant) else (ObjectKey("ServiceAccount", namespace, f"{tenant.metadata.name}-sa"),)
    roles = (
        ObjectKey("RoleBinding", namespace, role_binding(tenant)),
        ObjectKey("Role", namespace, role(tenant)),
    )
    return (*accounts, *(() if _role(tenant) else roles))


def _account(tenant: Tenant) -> tuple[dict[str, Any], ...]:
    if tenant.spec.service_account_name:
        return ()
    parts = {"metadata": metadata(tenant, service_account(tenant)), "automountServiceAccountToken": False}
    return ({"apiVersion": "v1", "kind": "ServiceAccount", **parts},)


def _role(tenant: Tenant) -> tuple[dict[str, Any], ...]:
    if tenant.spec.service_account_name and not tenant.spec.create_service_account_rbac:
        return ()
    own = [io_service(tenant), console_service(tenant), headless_service(tenant)]
    # Once all Secrets of the namespace were here, for every pod to read. RustFS never asks for any.
    rules = [
        {"apiGroups": [""], "resources": ["services"], "resourceNames": own, "verbs": ["get"]},
        {
            "apiGroups": [TENANT_GROUP],
            "resources": ["tenants"],
            "resourceNames": [tenant.metadata.name],
            "verbs": ["get"],
        },
    ]
    account = {
        "kind": "ServiceAccount",
        "name": service_account(tenant),
        "namespace": tenant.metadata.namespace,
    }
    return (
        {"apiVersion": f"{_RBAC}/v1", "kind": "Role", "metadata": metadata(tenant, role(tenant)), "rules": rules},
        {
            "apiVersion": f"{_RBAC}/v1",
            "kind": "RoleBinding",
            "metadata": metadata(tenant, role_binding(tenant)),
            "roleRef": {"apiGroup": _RBAC, "kind": "Role", "name": role(tenant)},
            "subjects": [account],
        },
    )
