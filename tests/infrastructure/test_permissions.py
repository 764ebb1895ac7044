"""The table of permissions: least, whole, and as reviewed."""

from __future__ import annotations

import pytest
import yaml

from tests.docs.rbac import CASES, REVIEWED
from tests.objects.documents import tenant
from xdsserver.infrastructure.dataplane import Owner
from xdsserver.infrastructure.identity import certificate_name, name_of_fleet, object_name
from xdsserver.infrastructure.permissions import AUTHORITY, DEFAULT_CERTIFICATE, NAMESPACE, PERMISSIONS, Scope, manifest
from xdsserver.infrastructure.tenant_permissions import LEASE, TENANT_PERMISSIONS, TENANTS
from xdsserver.model.fleets import dedicated_fleet, shared_fleet
from xdsserver.objects.decode import decode
from xdsserver.objects.kinds import BY_NAME, KINDS, OWNED
from xdsserver.objects.meta import Name
from xdsserver.objects.tenant import Tenant
from xdsserver.tenant.access import access
from xdsserver.tenant.names import MANAGER

READING = {"get", "list", "watch"}


OURS = {"configmaps", "endpointslices", "events", "leases", "secrets", "services", "tokenreviews"}
"""What is ours alone, or (reviews) kept nowhere, or made by us beside that of users, from which a mark tells it."""
OURS |= {kind.plural for kind in OWNED}


def test_s11_of_what_users_write_nothing_but_statuses_is_written() -> None:
    """S11: get, list and watch on the kinds that are read; writing on `*/status` only; leases in our own namespace."""
    for one in PERMISSIONS:
        assert "*" not in (one.group, one.resource, *one.verbs)
        if not one.resource.endswith("/status") and one.resource not in OURS:
            assert set(one.verbs) == READING, one
        if one.resource == "leases":
            assert one.scope is Scope.OWN
            assert one.name or one.verbs == ("create",)
        assert "delete" not in one.verbs or one.resource not in {"leases", "secrets"}
        assert one.why


def test_s11_each_kind_that_is_read_is_in_the_table_once() -> None:
    """S11: on listed kinds, which are those that the code reads."""
    read = [(one.group, one.resource) for one in PERMISSIONS if set(one.verbs) == READING]
    kinds = [(kind.group, kind.plural) for kind in KINDS]
    others = [("", "nodes"), ("apiextensions.k8s.io", "customresourcedefinitions"), *[("", "pods")] * 2]
    assert read == [*kinds, *others]


@pytest.mark.parametrize("case", CASES)
def test_s11_the_manifest_is_as_reviewed(case: str) -> None:
    """S11: the rendered roles equal a reviewed file."""
    assert manifest(CASES[case]) == (REVIEWED / f"{case}.yaml").read_text(encoding="utf-8"), "run `make golden`"


@pytest.mark.parametrize("case", CASES)
def test_s11_the_manifest_of_tenants_is_as_reviewed(case: str) -> None:
    """S11: so do those of the operator of Tenants."""
    reviewed = (REVIEWED / f"tenants-{case}.yaml").read_text(encoding="utf-8")
    assert manifest(CASES[case], TENANTS) == reviewed, "run `make golden`"


def test_s11_the_operator_of_tenants_may_not_write_what_users_write() -> None:
    """S11: no wildcards; Secrets and nodes are read only; data is never deleted; the Lease is its own."""
    writing: dict[str, set[str]] = {}
    for one in TENANT_PERMISSIONS:
        assert "*" not in (one.group, one.resource, *one.verbs)
        writing.setdefault(one.resource, set()).update({*one.verbs} - READING)
    assert not any(writing[one] for one in ("secrets", "nodes", "storageclasses", "tenants"))
    assert writing["pods"] == {"delete"}
    assert writing["persistentvolumeclaims"] == {"patch"}
    assert writing["statefulsets"] == {"create", "patch"}
    assert LEASE == MANAGER


def test_s11_what_a_tenant_is_given_the_operator_may_do_itself() -> None:
    """S11: or the API server would refuse the Role, since it would give more than its writer has."""
    own = {(one.group, one.resource): {*one.verbs} for one in TENANT_PERMISSIONS if {*one.verbs} >= READING}
    row = decode(BY_NAME["Tenant"], tenant())
    assert isinstance(row, Tenant)
    rules = [rule for one in access(row) for rule in one.get("rules", ())]
    assert rules
    for rule in rules:
        for group in rule["apiGroups"]:
            assert all({*rule["verbs"]} <= own[group, resource] for resource in rule["resources"])


def test_s11_with_named_namespaces_no_secret_of_others_can_be_read() -> None:
    """S11: secrets readable in watched namespaces only, by a Role in each."""
    documents = list(yaml.safe_load_all(manifest(("shop", "payments"))))
    readers = [
        (one["kind"], one["metadata"].get("namespace"), *rule.get("resourceNames", ()))
        for one in documents
        for rule in one.get("rules", ())
        if "secrets" in rule["resources"] and {"get", "list", "watch"} & {*rule["verbs"]}
    ]
    assert readers == [
        ("Role", "payments"),
        ("Role", "shop"),
        ("Role", NAMESPACE, AUTHORITY),
        ("Role", NAMESPACE, DEFAULT_CERTIFICATE),
    ]


def test_every_role_is_bound_to_the_account_once() -> None:
    documents = list(yaml.safe_load_all(manifest(("shop",))))
    roles = {(one["kind"], *one["metadata"].values()) for one in documents if "rules" in one}
    bound = {(one["roleRef"]["kind"], *one["metadata"].values()) for one in documents if "roleRef" in one}
    assert roles == bound
    assert all(one["subjects"] == documents[-1]["subjects"] for one in documents if "subjects" in one)


def test_the_certificate_of_the_default_fleet_is_named_as_that_of_any_fleet() -> None:
    owner = Owner("gateway.xdsserver.io/v1alpha1", "EnvoyFleet", Name("xdsserver-system", "default"), "u")
    assert certificate_name(owner) == DEFAULT_CERTIFICATE


@pytest.mark.parametrize("name", ["edge", "a.b", "x" * 63])
def test_a_fleet_is_found_by_its_name_as_by_its_owner(name: str) -> None:
    place = Name("shop", name)
    assert name_of_fleet(shared_fleet(place)) == object_name(Owner("v1alpha1", "EnvoyFleet", place, "u"))
    assert name_of_fleet(dedicated_fleet(place)) == object_name(Owner("v1", "Gateway", place, "u"))
