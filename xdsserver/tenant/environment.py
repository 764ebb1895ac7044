"""The variables of RustFS, in an order that clusters have: ours, those of the user, those of encryption."""

from __future__ import annotations

from typing import TYPE_CHECKING

from xdsserver.objects.structural import plain
from xdsserver.tenant.credentials import VARIABLES, secret_of
from xdsserver.tenant.encryption import variables as encryption
from xdsserver.tenant.endpoint import variables as outside
from xdsserver.tenant.logs import logs
from xdsserver.tenant.names import CONSOLE_PORT, S3_PORT
from xdsserver.tenant.rendering import Rendering
from xdsserver.tenant.variables import from_secret, text
from xdsserver.tenant.volumes import rustfs_volumes

if TYPE_CHECKING:
    from collections.abc import Iterator

    from xdsserver.objects.tenant import Tenant
    from xdsserver.objects.tenantpools import Pool
    from xdsserver.tenant.variables import Variable


def environment(tenant: Tenant, pool: Pool, rendering: Rendering) -> list[Variable]:
    """Give the variables of the container; what a user says of one of ours takes its place, at the end."""
    theirs = {one.name: one for one in tenant.spec.env}
    if rendering is Rendering.OURS and secret_of(tenant.spec) is not None:
        # A Secret comes before variables; it was documented so before us, and done the other way round.
        theirs = {name: one for name, one in theirs.items() if name not in VARIABLES}
    ours = [one for one in _ours(tenant, pool, rendering) if one["name"] not in theirs]
    return [*ours, *(plain(one) for one in theirs.values()), *encryption(tenant, pool, rendering)]


def _ours(tenant: Tenant, pool: Pool, rendering: Rendering) -> Iterator[Variable]:
    yield text("RUSTFS_VOLUMES", rustfs_volumes(tenant, rendering))
    yield text("RUSTFS_ADDRESS", f"0.0.0.0:{S3_PORT}")
    yield text("RUSTFS_CONSOLE_ADDRESS", f"0.0.0.0:{CONSOLE_PORT}")
    yield text("RUSTFS_CONSOLE_ENABLE", "true")
    if (named := secret_of(tenant.spec)) is not None:
        yield from (from_secret(name, named.name, key) for name, key in VARIABLES.items())
    if rendering is Rendering.REFERENCE:
        return
    if (rpc := tenant.spec.rpc_secret) is not None:
        yield from_secret("RUSTFS_RPC_SECRET", rpc.name, rpc.key)
    yield from logs(tenant, pool).variables
    yield from outside(tenant)
