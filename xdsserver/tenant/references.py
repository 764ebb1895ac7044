"""Which Secrets a Tenant names; a change in any of them is a change for it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from xdsserver.tenant.credentials import secret_of
from xdsserver.tenant.encryption import enabled

if TYPE_CHECKING:
    from xdsserver.objects.tenant import TenantSpec


def secret_names(spec: TenantSpec) -> frozenset[str]:
    """Give the names of Secrets that are read for a Tenant, all in its namespace."""
    credentials, encryption = secret_of(spec), enabled(spec)
    found = [
        "" if credentials is None else credentials.name,
        "" if spec.rpc_secret is None else spec.rpc_secret.name,
    ]
    if encryption is not None and encryption.kms_secret is not None:
        found.append(encryption.kms_secret.name)
    if encryption is not None and encryption.local is not None and encryption.local.master_key_secret_ref is not None:
        found.append(encryption.local.master_key_secret_ref.name)
    return frozenset(found) - {""}
