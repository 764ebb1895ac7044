"""Backends that cannot be had, and labels that flip: what it costs, from objects to bytes for Envoy."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from envoy.config.endpoint.v3.endpoint_pb2 import ClusterLoadAssignment
from envoy.config.route.v3.route_pb2 import RouteConfiguration

from bench.worlds import change, changes
from tests.live import manifests as m
from xdsserver.gatewayapi.statuses import RouteStatus
from xdsserver.objects.meta import Name, ObjectKey
from xdsserver.reconciler import Reconciler
from xdsserver.xds.resource import ENDPOINTS, ROUTE

if TYPE_CHECKING:
    from collections.abc import Iterable


def reconciled(*documents: m.Document) -> Reconciler:
    reconciler = Reconciler()
    assert not reconciler.objects(changes(documents)).failures
    return reconciler


def envoy_routes(reconciler: Reconciler) -> dict[str, Any]:
    """Give the routes that Envoy gets, by path."""
    rows = reconciler.pipeline.resources.rows
    found = (RouteConfiguration.FromString(one.body) for (_, type_url, _), one in rows.items() if type_url == ROUTE)
    hosts = (host for one in found for host in one.virtual_hosts)
    return {
        one.match.path_separated_prefix or one.match.prefix or one.match.path: one
        for host in hosts
        for one in host.routes
    }


def reasons(reconciler: Reconciler, route: str, type_: str) -> list[str]:
    status = reconciler.pipeline.statuses.rows[ObjectKey("HTTPRoute", "default", route)]
    assert isinstance(status, RouteStatus)
    return [one.reason for parent in status.parents for one in parent.conditions if one.type == type_]


def slices(service: str, count: int, each: int, last: str = "") -> Iterable[m.Document]:
    """Give endpoints in slices, as a large Service has them."""
    for number in range(count):
        addresses = [f"10.{number}.{one // 250}.{one % 250}" for one in range(each)]
        if last and number == count - 1:
            addresses[-1] = last
        yield {
            "apiVersion": "discovery.k8s.io/v1",
            "kind": "EndpointSlice",
            "metadata": {"name": f"{service}-{number}", "labels": {"kubernetes.io/service-name": service}},
            "addressType": "IPv4",
            "ports": [{"port": 8080, "name": ""}],
            "endpoints": [{"addresses": [one]} for one in addresses],
        }


def headless(name: str) -> m.Document:
    spec = {"clusterIP": "None", "ports": []}
    return {"apiVersion": "v1", "kind": "Service", "metadata": {"name": name}, "spec": spec}


BAD: dict[str, tuple[list[m.Document], str]] = {
    "all weights are 0": ([m.to("web", weight=0), m.to("other", weight=0)], "ResolvedRefs"),
    "no such Service": ([m.to("nobody")], "BackendNotFound"),
    "no such port": ([m.to("web", port=81)], "BackendNotFound"),
    "port 0": ([m.to("web", port=0)], "BackendNotFound"),
    "headless without ports": ([m.to("bare")], "BackendNotFound"),
}


@pytest.mark.parametrize("case", BAD)
def test_p10_a_backend_that_cannot_be_had_costs_its_rule_500_and_no_other(case: str) -> None:
    """P10: weights all 0, a missing Service or port, port 0, a headless one without ports: 500 for that rule."""
    backends, reason = BAD[case]
    bad, good = m.rule(*backends, matches=[m.path("/bad")]), m.rule(m.to("web"), matches=[m.path("/good")])
    services = [*m.service("web", 8080), *m.service("other", 8080), headless("bare")]
    reconciler = reconciled(m.gateway_class(), m.gateway(m.listener(80)), *services, m.http_route("r", bad, good))
    found = envoy_routes(reconciler)
    assert found["/bad"].direct_response.status == 500
    assert found["/good"].route.cluster == "Service/default/web/80/http1"
    assert reasons(reconciler, "r", "ResolvedRefs") == [reason]
    assert reasons(reconciler, "r", "Accepted") == ["Accepted"]


def test_p10_ten_thousand_endpoints_in_slices_are_read_slice_by_slice() -> None:
    """P10: 10,000 endpoints in 100 slices are one assignment; an address that changes reads its own slice anew, and the
    bytes of that one assignment are all that is sent."""
    route = m.http_route("r", m.rule(m.to("large")))
    service = m.service("large", None)[0]
    base = (m.gateway_class(), m.gateway(m.listener(80)), service, route)
    reconciler = reconciled(*base, *slices("large", 100, 100))

    def endpoints() -> list[str]:
        rows = reconciler.pipeline.resources.rows
        (body,) = (one.body for (_, type_url, _), one in rows.items() if type_url == ENDPOINTS)
        found = ClusterLoadAssignment.FromString(body)
        return [one.endpoint.address.socket_address.address for place in found.endpoints for one in place.lb_endpoints]

    assert len(set(endpoints())) == 10_000
    (changed,) = changes([*slices("large", 100, 100, last="10.200.0.1")][-1:])
    delta = reconciler.pipeline.apply(reconciler.pipeline.change(*changed))
    assert [type_url for _, type_url, _ in delta[reconciler.pipeline.resources]] == [ENDPOINTS]
    assert delta.stats.derivations < 10
    assert "10.200.0.1" in endpoints()


def place(**labels: str) -> m.Document:
    return {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "team", "labels": labels}}


def test_p14_a_label_that_flips_detaches_the_routes_of_its_namespace_in_that_round() -> None:
    """P14: attached by the labels of its namespace, a route goes with the label, in the round that reads it: no virtual
    host of it is left, and its status says why. Whatever flips in between, the last label counts."""
    allowed = {"namespaces": {"from": "Selector", "selector": {"matchLabels": {"gateway": "yes"}}}}
    route = m.http_route("r", m.rule(m.to("web")), hostnames=["team.example.com"])
    route["metadata"]["namespace"] = "team"
    route["spec"]["parentRefs"] = [{"name": "edge", "namespace": "default"}]
    listener = m.listener(80) | {"allowedRoutes": allowed}
    services = m.service("web", 8080, namespace="team")
    reconciler = reconciled(m.gateway_class(), m.gateway(listener), place(gateway="yes"), *services, route)

    def domains() -> set[str]:
        rows = reconciler.pipeline.resources.rows
        found = [RouteConfiguration.FromString(one.body) for (_, kind, _), one in rows.items() if kind == ROUTE]
        return {domain for one in found for host in one.virtual_hosts for domain in host.domains}

    def accepted() -> str:
        status = reconciler.pipeline.statuses.rows[ObjectKey("HTTPRoute", "team", "r")]
        assert isinstance(status, RouteStatus)
        return next(one.reason for one in status.parents[0].conditions if one.type == "Accepted")

    served = dict(reconciler.pipeline.resources.rows)
    assert "team.example.com" in domains()
    outcome = reconciler.objects([change(place(gateway="no"))])
    assert "team.example.com" not in domains()
    assert accepted() == "NotAllowedByListeners"
    assert ObjectKey("HTTPRoute", "team", "r") in outcome.statuses
    for number in range(50):
        reconciler.objects([change(place(**({"gateway": "yes"} if number % 2 else {"team": "x"})))])
    assert accepted() == "Accepted"
    assert reconciler.pipeline.resources.rows == served
    # A namespace that is gone has no label either.
    reconciler.objects([("Namespace", Name("", "team"), None)])
    assert "team.example.com" not in domains()
