"""Where a rule answers by itself its table waits for no backend: neither for that of a mirror, nor for its own."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.properties.gateway_worlds import CONTROLLER
from tests.properties.test_budgets import gateway, meta, service
from xdsserver.objects.gatewayclass import GatewayClass, GatewayClassSpec
from xdsserver.objects.httproute import (
    HTTPBackendRef,
    HTTPRequestMirrorFilter,
    HTTPRequestRedirectFilter,
    HTTPRoute,
    HTTPRouteFilter,
    HTTPRouteRule,
    HTTPRouteSpec,
    ParentReference,
)
from xdsserver.objects.meta import BackendObjectReference, Name
from xdsserver.reconciler import Reconciler
from xdsserver.xds.resource import CLUSTER, ROUTE

if TYPE_CHECKING:
    from collections.abc import Mapping

    from xdsserver.pipeline import ResourceKey
    from xdsserver.xds.resource import Resource


def test_a_route_table_does_not_wait_for_a_mirror_that_it_does_not_name() -> None:
    """Its bytes are the same with and without the mirrored Service, so nothing would tell it that the Service went."""
    mirror = HTTPRequestMirrorFilter(backend_ref=BackendObjectReference(name="s1", port=80))
    rule = HTTPRouteRule(filters=(HTTPRouteFilter(type="RequestMirror", request_mirror=mirror),))
    resources = served(rule).pipeline.resources.rows
    assert awaited(resources) == set()
    assert CLUSTER not in {type_url for _, type_url, _ in resources}


REDIRECT = HTTPRouteFilter(type="RequestRedirect", request_redirect=HTTPRequestRedirectFilter(hostname="else.where"))


def test_a_route_table_does_not_wait_for_a_backend_in_whose_place_a_redirect_answers() -> None:
    backend = HTTPBackendRef(name="s1", port=80)
    assert awaited(served(HTTPRouteRule(filters=(REDIRECT,), backend_refs=(backend,))).pipeline.resources.rows) == set()


def test_nor_does_it_where_the_redirect_is_that_of_one_of_two_backends() -> None:
    shares = (HTTPBackendRef(name="s1", port=80, filters=(REDIRECT,)), HTTPBackendRef(name="s2", port=80))
    made = served(HTTPRouteRule(backend_refs=shares))
    assert awaited(made.pipeline.resources.rows) == {"Service/shop/s2/80/http1"}
    gone = made.objects([("Service", Name("shop", "s2"), None)])
    assert ROUTE in {type_url for _, type_url, _ in gone.resources}, "what its bytes name is awaited in a new version"
    assert awaited(made.pipeline.resources.rows) == set()


def served(rule: HTTPRouteRule) -> Reconciler:
    """Take in a route with this rule, and two Services."""
    route = HTTPRoute(
        metadata=meta(Name("shop", "r")),
        spec=HTTPRouteSpec(parent_refs=(ParentReference(name="front"),), rules=(rule,)),
    )
    class_ = GatewayClass(metadata=meta(Name("", "ours")), spec=GatewayClassSpec(controller_name=CONTROLLER))
    made = Reconciler()
    objects = (class_, gateway(), service(1), service(2), route)
    assert not made.objects((type(one).__name__, one.name, one) for one in objects).failures
    return made


def awaited(resources: Mapping[ResourceKey, Resource]) -> set[str]:
    """Name the clusters that the table of routes waits for."""
    (table,) = (one for (_, type_url, _), one in resources.items() if type_url == ROUTE)
    return set().union(*table.clusters)
