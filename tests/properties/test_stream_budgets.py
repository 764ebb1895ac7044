"""What a change of a route for whole connections costs: nothing that is not about it is sent again."""

from __future__ import annotations

from typing import TYPE_CHECKING

from xdsserver.objects import core
from xdsserver.objects import gateway as gw
from xdsserver.objects import l4route as l4
from xdsserver.objects.gatewayclass import GatewayClass, GatewayClassSpec
from xdsserver.objects.httproute import ParentReference
from xdsserver.objects.meta import Name, ObjectMeta
from xdsserver.reconciler import Reconciler
from xdsserver.xds.resource import CLUSTER, ENDPOINTS, LISTENER

if TYPE_CHECKING:
    from collections.abc import Mapping

    from xdsserver.objects.meta import KubeObject
    from xdsserver.reconciler import ObjectChange

OLD, NEW = "2026-01-01T00:00:00Z", "2026-01-02T00:00:00Z"


def metadata(name: str, created: str = OLD) -> ObjectMeta:
    return ObjectMeta(name=name, namespace="default", uid=name, creation_timestamp=created)


def put(kind: str, row: KubeObject) -> ObjectChange:
    namespace = "" if kind == "GatewayClass" else "default"
    return kind, Name(namespace, row.metadata.name), row


def spec_of(weights: Mapping[str, int]) -> l4.L4RouteSpec:
    backends = tuple(l4.L4BackendRef(name=one, port=53, weight=weight) for one, weight in weights.items())
    return l4.L4RouteSpec(rules=(l4.L4RouteRule(backend_refs=backends),), parent_refs=(ParentReference(name="edge"),))


def udp_route(name: str, created: str = OLD, **weights: int) -> ObjectChange:
    return put("UDPRoute", l4.UDPRoute(metadata=metadata(name, created), spec=spec_of(weights)))


def tcp_route(name: str, created: str = OLD, **weights: int) -> ObjectChange:
    return put("TCPRoute", l4.TCPRoute(metadata=metadata(name, created), spec=spec_of(weights)))


def endpoints(name: str, *addresses: str) -> ObjectChange:
    row = core.EndpointSlice(
        metadata=ObjectMeta(name=f"{name}-1", namespace="default", labels={core.SERVICE_NAME_LABEL: name}),
        address_type="IPv4",
        endpoints=tuple(core.Endpoint(addresses=(address,)) for address in addresses),
        ports=tuple(core.EndpointPort(name=one, port=5353, protocol=one.upper()) for one in ("tcp", "udp")),
    )
    return put("EndpointSlice", row)


def service(name: str) -> ObjectChange:
    ports = tuple(core.ServicePort(port=53, name=one, protocol=one.upper()) for one in ("tcp", "udp"))
    return put("Service", core.Service(metadata=metadata(name), spec=core.ServiceSpec(ports=ports)))


def served() -> Reconciler:
    """Give a Gateway with a port of each transport, two Services and a route of each kind."""
    listeners = tuple(gw.GatewayListener(name=one.lower(), port=53, protocol=one) for one in ("TCP", "UDP"))
    class_ = GatewayClassSpec(controller_name="gateway.xdsserver.io/controller")
    spec = gw.GatewaySpec(gateway_class_name="ours", listeners=listeners)
    made = Reconciler()
    made.objects(
        (
            put("GatewayClass", GatewayClass(metadata=ObjectMeta(name="ours"), spec=class_)),
            put("Gateway", gw.Gateway(metadata=metadata("edge"), spec=spec)),
            *(service(name) for name in ("a", "b")),
            endpoints("a", "10.0.0.1"),
            endpoints("b", "10.0.0.2"),
            udp_route("names", a=1, b=1),
            tcp_route("names", a=1, b=1),
        )
    )
    return made


def sent(made: Reconciler, *changes: ObjectChange) -> set[tuple[str, str]]:
    """Give type and name of the resources that changes touch."""
    before = dict(made.pipeline.resources.rows)
    made.objects(changes)
    after = made.pipeline.resources.rows
    return {key[1:] for key in before.keys() | after.keys() if before.get(key) != after.get(key)}


def test_weights_and_backends_of_a_udp_route_are_endpoints_and_nothing_else() -> None:
    made = served()
    own = {(ENDPOINTS, "UDPRoute/default/names/0/UDP")}
    assert sent(made, udp_route("names", a=1, b=9)) == own
    assert sent(made, udp_route("names", b=1)) == own
    assert sent(made, udp_route("names", b=1, missing=1)) == own


def test_an_endpoint_of_udp_is_sent_to_the_routes_that_have_it() -> None:
    made = served()
    own = {(ENDPOINTS, "UDPRoute/default/names/0/UDP"), (ENDPOINTS, "Service/default/a/53/TCP")}
    assert sent(made, endpoints("a", "10.0.0.1", "10.0.0.3")) == own


def test_weights_of_a_tcp_route_are_one_listener() -> None:
    assert sent(served(), tcp_route("names", a=1, b=9)) == {(LISTENER, "tcp/127.0.0.1:53")}


def test_a_route_that_stands_behind_another_sends_nothing() -> None:
    made = served()
    assert sent(made, udp_route("younger", NEW, a=1), tcp_route("younger", NEW, a=1)) == set()


def test_the_last_route_of_a_port_takes_its_clusters_with_it() -> None:
    made = served()
    gone = sent(made, ("UDPRoute", Name("default", "names"), None))
    assert gone == {
        (LISTENER, "udp/127.0.0.1:53"),
        (CLUSTER, "UDPRoute/default/names/0/udp"),
        (ENDPOINTS, "UDPRoute/default/names/0/UDP"),
    }
