"""References into another namespace are denied by default: what all but permits one permits nothing."""

from __future__ import annotations

import base64
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import pytest

from tests.live import manifests as m
from tests.live.churning import changes
from xdsserver.authority import issue_server, make_authority
from xdsserver.gatewayapi.conditions import Status
from xdsserver.gatewayapi.statuses import GatewayStatus, RouteStatus
from xdsserver.objects.meta import Name, ObjectKey
from xdsserver.reconciler import Reconciler
from xdsserver.xds.resource import CLUSTER, ENDPOINTS, SECRET

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tests.live.manifests import Document
    from xdsserver.reconciler import Outcome

GATEWAY = "gateway.networking.k8s.io"
ROUTE, CORE, SERVICE = {"group": GATEWAY, "kind": "HTTPRoute", "namespace": "default"}, "", "Service"


def grant(
    from_: Mapping[str, str] | None = None,
    to: Mapping[str, str] | None = None,
    namespace: str = "data",
    name: str = "g",
) -> Document:
    """Give the grant that permits routes of `default` the Services of `data`, with what differs from it."""
    return {
        "apiVersion": f"{GATEWAY}/v1beta1",
        "kind": "ReferenceGrant",
        "metadata": {"name": name, "namespace": namespace},
        "spec": {"from": [{**ROUTE, **(from_ or {})}], "to": [{"group": CORE, "kind": SERVICE, **(to or {})}]},
    }


BYPASSES: dict[str, list[Document]] = {
    "none": [],
    "a namespace that is a wildcard": [grant({"namespace": "*"})],
    "a namespace with a typo": [grant({"namespace": "defualt"})],
    "a namespace that is part of the name": [grant({"namespace": "def"})],
    "no namespace": [grant({"namespace": ""})],
    "the group of the core": [grant({"group": CORE})],
    "a group that is a wildcard": [grant({"group": "*"})],
    "a group with another ending": [grant({"group": f"x.{GATEWAY}"})],
    "a kind in another case": [grant({"kind": "httproute"})],
    "a kind that is a wildcard": [grant({"kind": "*"})],
    "another kind of route": [grant({"kind": "GRPCRoute"})],
    "a target of another group": [grant(to={"group": "core"})],
    "a target of another kind": [grant(to={"kind": "Secret"})],
    "a target whose kind is in another case": [grant(to={"kind": "service"})],
    "a target of another name": [grant(to={"name": "ther"})],
    "a target of a wildcard as its name": [grant(to={"name": "*"})],
    "the namespace of the route": [grant(namespace="default")],
    "another namespace": [grant(namespace="data-2")],
    "a chain over a third namespace": [
        grant({"namespace": "middle"}),
        grant(namespace="middle", name="h"),
    ],
}


def world(*grants: Document) -> list[Document]:
    route = m.http_route("r", m.rule(m.to("there", namespace="data")))
    return [m.gateway_class(), m.gateway(m.listener(80)), *m.service("there", 9, namespace="data"), route, *grants]


def served(outcome: Outcome, type_url: str) -> set[str]:
    return {key[2] for key, row in outcome.resources.items() if key[1] == type_url and row is not None}


def refs_of_route(outcome: Outcome) -> str:
    status = outcome.statuses[ObjectKey("HTTPRoute", "default", "r")]
    assert isinstance(status, RouteStatus)
    return next(one.reason for one in status.parents[0].conditions if one.type == "ResolvedRefs")


@pytest.mark.parametrize("name", BYPASSES)
def test_p13_what_all_but_permits_a_reference_permits_nothing(name: str) -> None:
    """P13: wildcard from, wrong group, core group, typo, case of the kind, chained grants: denied by default."""
    reconciler = Reconciler()
    outcome = reconciler.objects(changes(world(*BYPASSES[name])))
    assert refs_of_route(outcome) == "RefNotPermitted"
    assert served(outcome, CLUSTER) == served(outcome, ENDPOINTS) == set()
    # The grant that was meant permits it, beside the one that does not.
    outcome = reconciler.objects(changes([grant(name="meant")]))
    assert refs_of_route(outcome) == "ResolvedRefs"
    assert len(served(outcome, CLUSTER)) == 1
    # And with it goes what it permitted.
    outcome = reconciler.objects([("ReferenceGrant", Name("data", "meant"), None)])
    assert refs_of_route(outcome) == "RefNotPermitted"
    assert {key[1] for key, row in outcome.resources.items() if row is None} == {CLUSTER, ENDPOINTS}


def test_p13_a_route_of_another_namespace_does_not_attach_unless_the_listener_says_so() -> None:
    """P13: cross-namespace parentRef: denied by default, and no grant opens what is the listener's to open."""
    route: dict[str, Any] = m.http_route("r", m.rule(m.to("there")), namespace="default")
    route["metadata"]["namespace"] = "data"
    opens = grant({"namespace": "data"}, {"group": GATEWAY, "kind": "Gateway"}, namespace="default")
    outcome = Reconciler().objects(
        changes([m.gateway_class(), m.gateway(m.listener(80)), *m.service("there", 9, namespace="data"), route, opens])
    )
    status = outcome.statuses[ObjectKey("HTTPRoute", "data", "r")]
    assert isinstance(status, RouteStatus)
    accepted = next(one for one in status.parents[0].conditions if one.type == "Accepted")
    assert (accepted.status, accepted.reason) == (Status.FALSE, "NotAllowedByListeners")
    assert served(outcome, CLUSTER) == set()


def https(*grants: Document) -> list[Document]:
    pair = issue_server(make_authority(datetime.now(UTC)), ("a.test",), datetime.now(UTC))
    secret = {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {"name": "web", "namespace": "data"},
        "type": "kubernetes.io/tls",
        "data": {
            "tls.crt": base64.b64encode(pair.certificate).decode(),
            "tls.key": base64.b64encode(pair.key).decode(),
        },
    }
    listener = {
        "name": "https",
        "port": 443,
        "protocol": "HTTPS",
        "hostname": "a.test",
        "tls": {"certificateRefs": [{"name": "web", "namespace": "data"}]},
    }
    return [m.gateway_class(), m.gateway(listener), secret, *grants]


def refs_of_listener(outcome: Outcome) -> str:
    status = outcome.statuses[ObjectKey("Gateway", "default", "edge")]
    assert isinstance(status, GatewayStatus)
    return next(one.reason for one in status.listeners[0].conditions if one.type == "ResolvedRefs")


NEAR_SECRETS: dict[str, list[Document]] = {
    "none": [],
    "a grant for Services": [grant({"kind": "Gateway"})],
    "a grant for routes": [grant(to={"kind": "Secret"})],
    "a grant for another Secret": [grant({"kind": "Gateway"}, {"kind": "Secret", "name": "other"})],
    "a grant for another namespace": [grant({"kind": "Gateway", "namespace": "shop"}, {"kind": "Secret"})],
}


@pytest.mark.parametrize("name", NEAR_SECRETS)
def test_p13_a_secret_needs_its_own_grant_and_is_withdrawn_with_it(name: str) -> None:
    """P13: grant for Secret used for Service and the reverse; on grant deletion the secret is removed from SDS."""
    reconciler = Reconciler()
    outcome = reconciler.objects(changes(https(*NEAR_SECRETS[name])))
    assert refs_of_listener(outcome) == "RefNotPermitted"
    assert served(outcome, SECRET) == set()
    outcome = reconciler.objects(changes([grant({"kind": "Gateway"}, {"kind": "Secret"}, name="meant")]))
    assert refs_of_listener(outcome) == "ResolvedRefs"
    (secret,) = served(outcome, SECRET)
    outcome = reconciler.objects([("ReferenceGrant", Name("data", "meant"), None)])
    assert refs_of_listener(outcome) == "RefNotPermitted"
    assert [key[2] for key, row in outcome.resources.items() if key[1] == SECRET and row is None] == [secret]
