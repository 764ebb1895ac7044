"""What the controller may do at an API server, from the table that roles are made of; and those roles, as reviewed."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.docs.reference import DOCS, MADE, ROOT
from xdsserver.infrastructure.permissions import PERMISSIONS, manifest
from xdsserver.infrastructure.tenant_permissions import TENANT_PERMISSIONS, TENANTS

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from xdsserver.infrastructure.permissions import Permission

PAGE = DOCS / "reference" / "rbac.md"
REVIEWED = ROOT / "tests" / "infrastructure" / "permissions"
CASES: dict[str, tuple[str, ...]] = {"cluster": (), "namespaces": ("shop", "payments", "shop")}

INTRODUCTION = f"""\
{MADE}# What may be done at the API server

All that the controller needs, and nothing else. Where namespaces to watch are named, what holds in watched namespaces
is a Role in each of them, and Secrets of others cannot be read at all. Envoys need nothing: they never talk to the API
server.

| group | resource | verbs | where | why |
|---|---|---|---|---|
"""

TENANTS_INTRODUCTION = """
## The operator of Tenants

`serve --controllers tenant` has an account of its own, which needs this and nothing of the table above. Whoever runs
both in one process gives its account both.

| group | resource | verbs | where | why |
|---|---|---|---|---|
"""


def pages() -> dict[Path, str]:
    """Make the page, and the manifests that a reader of a change should see."""
    found = {REVIEWED / f"{name}.yaml": manifest(namespaces) for name, namespaces in CASES.items()}
    tenants = {REVIEWED / f"tenants-{name}.yaml": manifest(namespaces, TENANTS) for name, namespaces in CASES.items()}
    return {PAGE: page(), **found, **tenants}


def page() -> str:
    """Make the page."""
    return INTRODUCTION + _rows(PERMISSIONS) + TENANTS_INTRODUCTION + _rows(TENANT_PERMISSIONS)


def _rows(permissions: Iterable[Permission]) -> str:
    rows = (
        f"| {one.group or 'core'} | `{one.resource}`{f' named `{one.name}`' if one.name else ''} "
        f"| {', '.join(one.verbs)} | {one.scope.value} | {one.why} |\n"
        for one in permissions
    )
    return "".join(rows)
