"""What a change of TLS towards backends costs: the clusters that it is about, in place, and nothing else; counts."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec
import pytest

from tests.golden.cases import FLEET, all_cases
from tests.golden.world import settle
from tests.properties.gateway_worlds import settled, world
from xdsserver.objects.backendtlspolicy import (
    BackendTLSPolicy,
    BackendTLSPolicySpec,
    BackendTLSValidation,
    PolicyTarget,
)
from xdsserver.objects.meta import LocalObjectReference, Name, ObjectMeta
from xdsserver.xds.resource import CLUSTER, ENDPOINTS, SECRET

if TYPE_CHECKING:
    from xdsserver.reconciler import Reconciler

TLS, CA, SHOWN = Name("default", "tls"), Name("default", "ca"), Name("default", "example")
CLUSTERS = {(FLEET, CLUSTER, f"Service/default/secure/{place}") for place in ("443/http1", "8443/http1")}
THEIRS = {(*place, f"{name}/Gateway/default/edge") for *place, name in CLUSTERS}


@pytest.fixture
def two_gateways() -> Reconciler:
    """Two Gateways lead to two ports of a Service with a policy, and one of them shows a certificate."""
    return settle(next(one for one in all_cases() if one.name == "client_certificate/gateway")).reconciler


def test_a_policy_that_goes_changes_the_clusters_of_its_service_in_place(two_gateways: Reconciler) -> None:
    policy = two_gateways.pipeline.backend_tls_policies.rows[TLS]
    outcome = two_gateways.objects([("BackendTLSPolicy", TLS, None)])
    # Nobody shows the certificate any more.
    assert set(outcome.resources) == {*CLUSTERS, *THEIRS, (FLEET, SECRET, "certificate/default/example")}
    outcome = two_gateways.objects([("BackendTLSPolicy", TLS, policy)])
    assert set(outcome.resources) == {*CLUSTERS, *THEIRS, (FLEET, SECRET, "certificate/default/example")}


def test_authorities_that_go_change_the_clusters_that_they_vouch_for(two_gateways: Reconciler) -> None:
    outcome = two_gateways.objects([("ConfigMap", CA, None)])
    assert {one for one in outcome.resources if one[1] == CLUSTER} == {*CLUSTERS, *THEIRS}
    # Their endpoints and the certificate are nobody's any more.
    assert {one[1] for one in outcome.resources} == {CLUSTER, ENDPOINTS, SECRET}


def test_a_new_certificate_for_backends_changes_itself_only(two_gateways: Reconciler) -> None:
    rows = two_gateways.pipeline.secrets.rows
    other = msgspec.structs.replace(rows[SHOWN], data=rows[Name("default", "other")].data)
    outcome = two_gateways.objects([("Secret", SHOWN, other)])
    assert set(outcome.resources) == {(FLEET, SECRET, "certificate/default/example")}
    assert not outcome.statuses


def test_a_policy_for_nobody_costs_the_same_in_any_world() -> None:
    """Three derivations: what it is for, how it verifies, and its status; none of a route."""
    policy = BackendTLSPolicy(
        metadata=ObjectMeta(name="nobody", namespace="shop", uid="nobody"),
        spec=BackendTLSPolicySpec(
            target_refs=(PolicyTarget(group="", kind="Service", name="nobody"),),
            validation=BackendTLSValidation(
                hostname="nobody.example.com",
                ca_certificate_refs=(LocalObjectReference(group="", kind="ConfigMap", name="ca"),),
            ),
        ),
    )
    costs = set()
    for number in range(10):
        pipeline = settled(world(number)).pipeline
        delta = pipeline.apply(pipeline.change("BackendTLSPolicy", Name("shop", "nobody"), policy))
        assert not delta[pipeline.resources]
        assert not delta[pipeline.statuses]
        costs.add(delta.stats.derivations)
    assert costs == {3}
