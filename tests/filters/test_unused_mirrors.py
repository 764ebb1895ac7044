"""A rule that answers by itself copies its requests to nobody, and so waits for no backend of a mirror."""

from __future__ import annotations

from tests.properties.gateway_worlds import CONTROLLER
from tests.properties.test_budgets import gateway, meta, service
from xdsserver.objects.gatewayclass import GatewayClass, GatewayClassSpec
from xdsserver.objects.httproute import (
    HTTPRequestMirrorFilter,
    HTTPRoute,
    HTTPRouteFilter,
    HTTPRouteRule,
    HTTPRouteSpec,
    ParentReference,
)
from xdsserver.objects.meta import BackendObjectReference, Name
from xdsserver.reconciler import Reconciler
from xdsserver.xds.resource import CLUSTER, ROUTE


def test_a_route_table_does_not_wait_for_a_mirror_that_it_does_not_name() -> None:
    """Its bytes are the same with and without the mirrored Service, so nothing would tell it that the Service went."""
    mirror = HTTPRequestMirrorFilter(backend_ref=BackendObjectReference(name="s1", port=80))
    rule = HTTPRouteRule(filters=(HTTPRouteFilter(type="RequestMirror", request_mirror=mirror),))
    route = HTTPRoute(
        metadata=meta(Name("shop", "r")),
        spec=HTTPRouteSpec(parent_refs=(ParentReference(name="front"),), rules=(rule,)),
    )
    class_ = GatewayClass(metadata=meta(Name("", "ours")), spec=GatewayClassSpec(controller_name=CONTROLLER))
    made = Reconciler()
    made.objects((type(one).__name__, one.name, one) for one in (class_, gateway(), service(1), route))

    resources = made.pipeline.resources.rows
    (table,) = (one for (_, type_url, _), one in resources.items() if type_url == ROUTE)
    assert not set().union(*table.clusters)
    assert CLUSTER not in {type_url for _, type_url, _ in resources}
