"""Worlds of Gateway API objects, small enough that everything in them meets, and strange enough to go wrong.

A `Slot` is an object that may be there. What it may be is a pool, made once: first some states in which it is not
there, then variants that begin plain and grow stranger, so that a failing history shrinks towards few and plain
objects. A world says by number what is in each slot; a history changes slots. Names, ports and hostnames come from
small sets, so that Gateways conflict, routes overlap, and references lead to what is there, missing, forbidden or
wrong.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from random import Random
from typing import TYPE_CHECKING, NamedTuple, TypeVar

from hypothesis import strategies as st

from tests.properties import backends_of_worlds as backends
from tests.properties import fleets_of_worlds as fleets
from tests.properties import secrets_of_worlds as secrets
from tests.properties import streams_of_worlds as streams
from tests.properties import tenants_of_worlds as tenants
from tests.properties.filters_of_worlds import any_filter, external_auth
from xdsserver.gatewayapi.installed import OUR_SCHEMAS
from xdsserver.infrastructure.allocation import Pool
from xdsserver.model.places import Delivery, ListenerKey
from xdsserver.objects import core
from xdsserver.objects import gateway as gw
from xdsserver.objects import grpcroute as gr
from xdsserver.objects import httproute as hr
from xdsserver.objects import listenerset as ls
from xdsserver.objects import referencegrant as rg
from xdsserver.objects.gatewayclass import GatewayClass, GatewayClassSpec
from xdsserver.objects.meta import (
    GATEWAY_GROUP,
    KubeObject,
    LabelSelector,
    LabelSelectorRequirement,
    LocalObjectReference,
    Name,
    ObjectKey,
    ObjectMeta,
    ObjectReference,
)
from xdsserver.reconciler import FLEET, Reconciler, Surroundings
from xdsserver.tables import finished
from xdsserver.xds.case import Blame, Rejection
from xdsserver.xds.fragments import NOBODY
from xdsserver.xds.resource import LISTENER, ROUTE

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from xdsserver.reconciler import Outcome, Serve
    from xdsserver.tables import Steps
    from xdsserver.xds.cache import ResourceKey
    from xdsserver.xds.resource import Resource

T = TypeVar("T")

VARIANTS = 145
ABSENT = 15
"""Of 160 states of a slot, the object is not there in the first 15."""
STRANGEST = 0.6
"""How strange the last variant is: most worlds must still serve something, or little could go wrong in them."""

CONTROLLER = "gateway.xdsserver.io/controller"
POOL = Pool(("127.0.0.1", "127.0.0.3", "127.0.0.2"))
"""Fewer addresses than Gateways."""

HOSTNAMES = ("a.example.com", "b.example.com", "x.b.example.com", "*.example.com", "*.b.example.com", "other.test")


def probe(address: str, port: int, _transport: str) -> str | None:
    """Stand for a machine where one address is free, one has 80 and 8080 taken, and one has 80 taken."""
    taken = {("127.0.0.2", 80), ("127.0.0.2", 8080), ("127.0.0.3", 80)}
    return f"{address}:{port} is in use" if (address, port) in taken else None


class Dice:
    """Choices that mostly fall on the first option while `strangeness` is small, and on any when it is 1."""

    def __init__(self, seed: str, strangeness: float) -> None:
        self._random = Random(seed)  # noqa: S311  # Worlds must come out the same each time.
        self._strangeness = strangeness

    def pick(self, *options: T) -> T:
        """Choose one of the options, of which the first is the plainest."""
        return self._random.choice(options) if self._random.random() < self._strangeness else options[0]

    def any(self, *options: T) -> T:
        """Choose one of the options, all alike unless nothing strange is wanted."""
        return self._random.choice(options) if self._strangeness else options[0]

    def some(self, make: Callable[[], T], *, least: int, most: int) -> tuple[T, ...]:
        """Make some, any number between the two unless nothing strange is wanted."""
        number = self._random.randint(least, most) if self._strangeness else least
        return tuple(make() for _ in range(number))

    def sample(self, options: Sequence[T], *, least: int = 0, most: int) -> tuple[T, ...]:
        """Choose some that differ, any of them and in any order, mostly the least number."""
        return tuple(self._random.sample(options, self.pick(*range(least, most + 1))))

    def metadata(self, name: Name) -> ObjectMeta:
        """Give metadata of few ages, so that ties are common, and of two lives."""
        return ObjectMeta(
            name=name.name,
            namespace=name.namespace,
            uid=f"{name}-{self.pick(1, 2)}",
            generation=self.pick(1, 2),
            creation_timestamp=self.pick("2026-01-02T00:00:00Z", "2026-01-01T00:00:00Z", ""),
            labels=self.pick({}, {"team": "red"}, {"team": "blue", "env": "dev"}),
            annotations=self.pick({}, {"note": "x"}),
        )


def gateway_class(dice: Dice, name: Name) -> GatewayClass:
    parameters = ObjectReference(group="example.com", kind="Parameters", name="p")
    return GatewayClass(
        metadata=dice.metadata(name),
        spec=GatewayClassSpec(
            controller_name=dice.pick(CONTROLLER, CONTROLLER, CONTROLLER, "example.com/other"),
            parameters_ref=dice.pick(None, None, None, parameters, *[fleets.class_parameters(dice)] * 3),
        ),
    )


def gateway(dice: Dice, name: Name) -> gw.Gateway:
    parameters = LocalObjectReference(group="example.com", kind="Parameters", name="p")
    infrastructure = gw.GatewayInfrastructure(
        labels=dice.pick({}, {"team": "red"}),
        parameters_ref=dice.pick(None, parameters, *[fleets.gateway_parameters(dice)] * 2),
    )
    made = gw.Gateway(
        metadata=dice.metadata(name),
        spec=gw.GatewaySpec(
            gateway_class_name=dice.pick("ours", "ours", "ours", "theirs"),
            listeners=(
                *(
                    _listener(dice, f"l{number}", hostname)
                    for number, hostname in zip(
                        range(dice.pick(1, 2, 3)), (None, "*.example.com", "a.example.com"), strict=False
                    )
                ),
                *dice.any((), (), streams.listeners(dice)),
            ),
            addresses=dice.pick((), (), (), dice.sample(_ADDRESSES, least=1, most=2)),
            infrastructure=dice.pick(None, None, None, infrastructure),
            allowed_listeners=dice.pick(*_ALLOWED_LISTENERS),
            default_scope=dice.pick(None, None, "All", "None"),
            tls=dice.pick(None, None, secrets.gateway_tls(dice)),
        ),
    )
    return tenants.marked(dice, made)


def _allowed(from_: str | None, selector: LabelSelector | None = None) -> gw.AllowedListeners:
    return gw.AllowedListeners(namespaces=gw.ListenerNamespaces(from_=from_, selector=selector))


_ALLOWED_LISTENERS = (
    *(_allowed("All"),) * 4,
    _allowed("Same"),
    _allowed("Selector", LabelSelector(match_labels={"team": "red"})),
    _allowed("Selector"),
    _allowed("None"),
    None,
)


def listener_set(dice: Dice, name: Name) -> ls.ListenerSet:
    hostnames = ("x.b.example.com", "b.example.com", "*.b.example.com")
    nested = ls.ParentGatewayReference(kind="ListenerSet", name=dice.any("extra", "more"), namespace="shop")
    return ls.ListenerSet(
        metadata=dice.metadata(name),
        spec=ls.ListenerSetSpec(
            parent_ref=dice.pick(*[_gateway_of_a_set(dice)] * 4, nested),
            listeners=tuple(
                _listener(dice, f"l{number}", hostname)
                for number, hostname in zip(range(dice.pick(1, 2, 3)), hostnames, strict=False)
            ),
        ),
    )


def _gateway_of_a_set(dice: Dice) -> ls.ParentGatewayReference:
    return ls.ParentGatewayReference(
        name=dice.pick("front", "front", "side", "missing"),
        namespace=dice.pick("shop", "shop", "pay", None),
        kind=dice.pick(*["Gateway"] * 6, None, "Service"),
        group=dice.pick(*[GATEWAY_GROUP] * 6, None, ""),
    )


_ADDRESSES = (
    gw.GatewayAddress(value="127.0.0.1"),
    gw.GatewayAddress(type=None, value="127.0.0.3"),
    gw.GatewayAddress(value="192.0.2.1"),
    gw.GatewayAddress(type="Hostname", value="example.com"),
    gw.GatewayAddress(),
    gw.GatewayAddress(routability="Cluster"),
    gw.GatewayAddress(value="10.96.0.1", routability="Cluster"),
    gw.GatewayAddress(routability="testing.x-k8s.io/sentinel"),
)


def _listener(dice: Dice, name: str, hostname: str | None) -> gw.GatewayListener:
    http = gw.RouteGroupKind(kind="HTTPRoute")
    selector = dice.pick(
        LabelSelector(match_labels={"team": "red"}),
        LabelSelector(),
        LabelSelector(match_labels={"kubernetes.io/metadata.name": "shop"}),
        LabelSelector(match_expressions=(LabelSelectorRequirement(key="team", operator="NotIn", values=("blue",)),)),
        LabelSelector(match_expressions=(LabelSelectorRequirement(key="env", operator="Exists"),)),
        None,
    )
    namespaces = gw.RouteNamespaces(
        from_=dice.pick("All", "All", "All", "Same", "Selector", "Selector", None), selector=dice.pick(selector, None)
    )
    kinds = dice.pick(
        (),
        (),
        (),
        (http,),
        (gw.RouteGroupKind(kind="TCPRoute"), gw.RouteGroupKind(kind="UDPRoute")),
        (http, gw.RouteGroupKind(kind="HTTPRoute", group="example.com")),
    )
    return gw.GatewayListener(
        name=name,
        port=dice.pick(80, 80, 8080),
        protocol=dice.pick("HTTP", "HTTP", "HTTP", "HTTP", "HTTPS", "HTTPS", "TLS", "TCP", "UDP", "example.com/own"),
        tls=dice.pick(None, secrets.tls(dice), secrets.tls(dice)),
        hostname=dice.pick(hostname, hostname, None, "", *HOSTNAMES),
        allowed_routes=gw.AllowedRoutes(namespaces=namespaces, kinds=kinds),
        filters=dice.pick(None, None, None, _listener_filters(dice)),
    )


def _listener_filters(dice: Dice) -> gw.ListenerFilters:
    def one() -> gw.ListenerFilter:
        extension = LocalObjectReference(group="example.com", kind="Filter", name="own")
        return dice.pick(
            *[gw.ListenerFilter(type="ExternalAuth", external_auth=external_auth(dice))] * 6,
            gw.ListenerFilter(type="ExternalAuth"),
            gw.ListenerFilter(type="ExtensionRef", extension_ref=extension),
            gw.ListenerFilter(type="RequestMirror"),
        )

    return gw.ListenerFilters(requests=dice.some(one, least=1, most=3))


def http_route(dice: Dice, name: Name) -> hr.HTTPRoute:
    return hr.HTTPRoute(
        metadata=dice.metadata(name),
        spec=hr.HTTPRouteSpec(
            parent_refs=dice.some(lambda: _parent(dice), least=1, most=3),
            hostnames=dice.sample((*HOSTNAMES, "A.Example.com"), least=dice.pick(0, 1), most=3),
            rules=dice.some(lambda: _rule(dice), least=1, most=3),
            use_default_gateways=dice.pick(None, None, "All", "None"),
        ),
    )


def _parent(dice: Dice) -> hr.ParentReference:
    if dice.pick(0, 0, 0, 0, 1):
        return hr.ParentReference(
            kind="ListenerSet",
            name=dice.pick("extra", "extra", "more", "missing"),
            namespace=dice.pick("shop", "shop", "pay", None),
            section_name=dice.pick(None, None, None, "l0", "l1"),
        )
    return hr.ParentReference(
        name=dice.pick("front", "front", "side", "side", "missing"),
        namespace=dice.pick("shop", "shop", "pay", None),
        section_name=dice.pick(None, None, None, "l0", "l1", "missing"),
        port=dice.pick(None, None, None, 80, 8080),
        kind=dice.pick("Gateway", "Gateway", "Gateway", None, "Service"),
        group=dice.pick(GATEWAY_GROUP, GATEWAY_GROUP, GATEWAY_GROUP, None, ""),
    )


def _rule(dice: Dice) -> hr.HTTPRouteRule:
    return hr.HTTPRouteRule(
        matches=dice.some(lambda: _match(dice), least=1, most=3) if dice.pick(1, 1, 1, 0) else (),
        filters=dice.any((), (), (any_filter(dice),), (any_filter(dice), any_filter(dice))),
        backend_refs=dice.some(lambda: _backend(dice), least=1, most=3) if dice.pick(1, 1, 1, 1, 0) else (),
        name=dice.pick(None, None, "named"),
        timeouts=dice.pick(None, None, None, None, *_TIMEOUTS),
        retry=dice.pick(None, None, None, None, *_RETRIES),
        session_persistence=dice.pick(None, None, None, None, *_SESSIONS),
    )


_TIMEOUTS = (
    hr.HTTPRouteTimeouts(request="1s"),
    hr.HTTPRouteTimeouts(request="0s", backend_request="1h1ms"),
    hr.HTTPRouteTimeouts(request="1s", backend_request="2s"),
    hr.HTTPRouteTimeouts(backend_request="a day"),
    hr.HTTPRouteTimeouts(),
)
_RETRIES = (
    hr.HTTPRouteRetry(),
    hr.HTTPRouteRetry(codes=(503, 500, 503), attempts=3, backoff="0s"),
    hr.HTTPRouteRetry(codes=(500,), attempts=0),
    hr.HTTPRouteRetry(attempts=None, backoff="99999h"),
    hr.HTTPRouteRetry(attempts=10**30, backoff="soon"),
)
_SESSIONS = (
    hr.SessionPersistence(cookie=hr.CookieConfig()),
    hr.SessionPersistence(
        cookie=hr.CookieConfig(name="s", path="/a b", lifetime_type="Permanent"), absolute_timeout="1h"
    ),
    hr.SessionPersistence(type=None, cookie=hr.CookieConfig(name="s;", path=None)),
    hr.SessionPersistence(cookie=hr.CookieConfig(path="/\r\nx: y")),
    hr.SessionPersistence(type="Header", header=hr.SessionHeader(name="x-session")),
    hr.SessionPersistence(type="Header", header=hr.SessionHeader(name="Host")),
    hr.SessionPersistence(type="Header"),
    hr.SessionPersistence(type="Token", absolute_timeout="1h"),
)


def _match(dice: Dice) -> hr.HTTPRouteMatch:
    path = dice.pick(
        hr.HTTPPathMatch(),
        hr.HTTPPathMatch(value="/cart"),
        hr.HTTPPathMatch(value="/cart/"),
        hr.HTTPPathMatch(type="Exact", value="/cart"),
        hr.HTTPPathMatch(type="Exact", value="/cart/x?y#z %"),
        hr.HTTPPathMatch(type=None, value=None),
        hr.HTTPPathMatch(type="RegularExpression", value="/v[0-9]{1,3}/(items|orders|invoices)/[a-z0-9-]{1,64}"),
        hr.HTTPPathMatch(type="RegularExpression", value=dice.pick("/a.*", "/(unclosed", "/(?=ahead)")),
        hr.HTTPPathMatch(value=dice.pick("/pay", "relative", "//")),
    )
    headers = (
        hr.HTTPHeaderMatch(name="x-one", value="1"),
        hr.HTTPHeaderMatch(name="X-One", value="2"),
        hr.HTTPHeaderMatch(name="x-two", value="a|b", type="RegularExpression"),
        hr.HTTPHeaderMatch(name="x-three", value="*", type=dice.pick("RegularExpression", "Prefix")),
    )
    query = (
        hr.HTTPQueryParamMatch(name="q", value="1"),
        hr.HTTPQueryParamMatch(name="Q", value="[0-9]+", type="RegularExpression"),
    )
    return hr.HTTPRouteMatch(
        path=path,
        method=dice.pick(None, None, None, "GET", "POST"),
        headers=dice.pick((), dice.sample(headers[:3], most=3), dice.sample(headers, most=3)),
        query_params=dice.sample(query, most=2),
    )


def grpc_route(dice: Dice, name: Name) -> gr.GRPCRoute:
    return gr.GRPCRoute(
        metadata=dice.metadata(name),
        spec=gr.GRPCRouteSpec(
            parent_refs=dice.some(lambda: _parent(dice), least=1, most=2),
            hostnames=dice.sample(HOSTNAMES, least=dice.pick(0, 1), most=2),
            rules=dice.some(lambda: _grpc_rule(dice), least=1, most=3),
        ),
    )


def _grpc_rule(dice: Dice) -> gr.GRPCRouteRule:
    return gr.GRPCRouteRule(
        matches=dice.some(lambda: _grpc_match(dice), least=1, most=2) if dice.pick(1, 1, 1, 0) else (),
        filters=dice.any((), (), (_grpc_filter(dice),), (_grpc_filter(dice), _grpc_filter(dice))),
        backend_refs=dice.some(lambda: _grpc_backend(dice), least=1, most=3) if dice.pick(1, 1, 1, 1, 0) else (),
    )


def _grpc_match(dice: Dice) -> gr.GRPCRouteMatch:
    method = dice.pick(
        gr.GRPCMethodMatch(service="shop.Cart", method="Add"),
        gr.GRPCMethodMatch(service="shop.Cart"),
        gr.GRPCMethodMatch(type=None, method="Add"),
        None,
        gr.GRPCMethodMatch(),
        gr.GRPCMethodMatch(type="RegularExpression", service=r"shop\.(Cart|Order)", method=dice.pick("A.*", None, "")),
        gr.GRPCMethodMatch(
            type="RegularExpression", service=dice.pick("a)|(?:b", "(?=ahead)", r"\Qquoted"), method="B"
        ),
        gr.GRPCMethodMatch(type="Prefix", service="shop"),
    )
    headers = (
        gr.GRPCHeaderMatch(name="x-one", value="1"),
        gr.GRPCHeaderMatch(name="X-One", value="2"),
        gr.GRPCHeaderMatch(name="x-two", value=dice.pick("a|b", "("), type="RegularExpression"),
    )
    return gr.GRPCRouteMatch(method=method, headers=dice.sample(headers, most=2))


def _grpc_filter(dice: Dice) -> gr.GRPCRouteFilter:
    """Give a filter as HTTPRoutes have them, the fields that there are."""
    one = any_filter(dice)
    return gr.GRPCRouteFilter(
        type=one.type,
        request_header_modifier=one.request_header_modifier,
        response_header_modifier=one.response_header_modifier,
        request_mirror=one.request_mirror,
        extension_ref=one.extension_ref,
    )


def _grpc_backend(dice: Dice) -> gr.GRPCBackendRef:
    one = _backend(dice)
    return gr.GRPCBackendRef(
        name=one.name,
        group=one.group,
        kind=one.kind,
        namespace=one.namespace,
        port=one.port,
        weight=one.weight,
        filters=dice.any((), (), (), (_grpc_filter(dice),)),
    )


def _backend(dice: Dice) -> hr.HTTPBackendRef:
    group, kind = backends.group_and_kind(dice)
    return hr.HTTPBackendRef(
        name=dice.pick("web", "web", "api", "missing"),
        namespace=dice.any(None, None, "pay", "shop"),
        kind=kind,
        group=group,
        port=None if kind == "XBackend" and dice.any(1, 1, 0) else dice.pick(80, 80, 8080, 8080, 53, None),
        weight=dice.pick(1, 1, None, 0, 3, 1_000_000),
        filters=dice.any((), (), (), (any_filter(dice),)),
    )


def reference_grant(dice: Dice, name: Name) -> rg.ReferenceGrant:
    def from_() -> rg.ReferenceGrantFrom:
        return rg.ReferenceGrantFrom(
            group=dice.pick(GATEWAY_GROUP, GATEWAY_GROUP, ""),
            kind=dice.pick("HTTPRoute", "HTTPRoute", "GRPCRoute", "Gateway", "TCPRoute", "UDPRoute"),
            namespace=dice.any("shop", "pay"),
        )

    def to() -> rg.ReferenceGrantTo:
        return rg.ReferenceGrantTo(
            group=dice.pick("", "", "example.com", "multicluster.x-k8s.io"),
            kind=dice.pick("Service", "Service", "Secret", "ServiceImport"),
            name=dice.any(None, "web", "web", ""),
        )

    spec = rg.ReferenceGrantSpec(from_=dice.some(from_, least=1, most=2), to=dice.some(to, least=1, most=2))
    return rg.ReferenceGrant(metadata=dice.metadata(name), spec=spec)


def namespace(dice: Dice, name: Name) -> core.Namespace:
    return core.Namespace(metadata=dice.metadata(name))


def service(dice: Dice, name: Name) -> core.Service:
    http = core.ServicePort(port=80, name=dice.pick("http", "http", "http", ""))
    spoken = dice.pick("kubernetes.io/h2c", None, "http", "kubernetes.io/wss")
    more = (
        core.ServicePort(port=8080, name="alt", app_protocol=spoken),
        core.ServicePort(port=53, name="dns", protocol="UDP"),
        core.ServicePort(port=80, name="quic", protocol="UDP"),
    )
    dns = dice.any((), more[1:2])
    type_ = dice.pick("ClusterIP", "ClusterIP", "ClusterIP", "ExternalName")
    return core.Service(
        metadata=dice.metadata(name),
        spec=core.ServiceSpec(
            type=type_,
            selector=dice.pick(*backends.SELECTORS),
            ports=dice.pick((http, *dns), (http, *dice.sample(more, least=1, most=3)), (http, *more), ()),
            cluster_ip=dice.pick("10.0.0.1", "None"),
            external_name="backend.example.com" if type_ == "ExternalName" else dice.pick("", "left.over.example.com"),
        ),
    )


_READY = (True, None, False)
_SERVING = (None, True, False)
_TERMINATING = (None, False, True)


def endpoint_slice(dice: Dice, name: Name) -> core.EndpointSlice:
    def endpoint() -> core.Endpoint:
        ready, serving, terminating = (dice.pick(*options) for options in (_READY, _SERVING, _TERMINATING))
        conditions = core.EndpointConditions(ready=ready, serving=serving, terminating=terminating)
        addresses = (f"10.1.0.{dice.pick(1, 2, 3)}",) if family == "IPv4" else (f"fd00::{dice.pick(1, 2)}",)
        return core.Endpoint(addresses=addresses, conditions=conditions)

    family = dice.pick("IPv4", "IPv4", "IPv4", "IPv6")
    owner = dice.pick(name.name.rpartition("-")[0], name.name.rpartition("-")[0], "api", None)
    metadata = dice.metadata(name)
    return core.EndpointSlice(
        metadata=ObjectMeta(
            name=metadata.name,
            namespace=metadata.namespace,
            labels=backends.labels(dice, owner),
            annotations=metadata.annotations,
        ),
        address_type=dice.pick(family, family, family, "FQDN"),
        endpoints=dice.some(endpoint, least=1, most=3) if dice.pick(1, 1, 1, 0) else (),
        ports=dice.pick(
            (core.EndpointPort(name="http", port=8000), core.EndpointPort(name="dns", port=8003, protocol="UDP")),
            (core.EndpointPort(name="http", port=8000),),
            (core.EndpointPort(name="http", port=8000), core.EndpointPort(name="alt", port=8001, protocol=None)),
            (core.EndpointPort(name=dice.pick("", None), port=8002),),
            (core.EndpointPort(name="http", port=None),),
            (core.EndpointPort(name="quic", port=8004, protocol="UDP"),),
        ),
    )


class Slot(NamedTuple):
    """An object that may be there."""

    kind: str
    name: Name


_MAKERS: dict[str, tuple[Callable[[Dice, Name], KubeObject], tuple[Name, ...]]] = {
    "GatewayClass": (gateway_class, (Name("", "ours"), Name("", "theirs"))),
    "Gateway": (
        gateway,
        (Name("shop", "front"), Name("shop", "side"), Name("pay", "front"), Name("pay", "side")),
    ),
    "ListenerSet": (listener_set, (Name("shop", "extra"), Name("shop", "more"), Name("pay", "extra"))),
    "HTTPRoute": (
        http_route,
        (Name("shop", "r1"), Name("shop", "r2"), Name("shop", "r3"), Name("pay", "r1"), Name("pay", "r2")),
    ),
    "GRPCRoute": (grpc_route, (Name("shop", "r1"), Name("shop", "calls"), Name("pay", "calls"))),
    "TLSRoute": (streams.tls_route(_parent), streams.TLS_ROUTES),
    "TCPRoute": (streams.tcp_route(_parent), streams.TCP_ROUTES),
    "UDPRoute": (streams.udp_route(_parent), streams.UDP_ROUTES),
    "ReferenceGrant": (reference_grant, (Name("pay", "g1"), Name("pay", "g2"), Name("shop", "g1"))),
    "Namespace": (namespace, (Name("", "shop"), Name("", "pay"))),
    "Service": (service, (Name("shop", "web"), Name("shop", "api"), Name("pay", "web"))),
    "EndpointSlice": (
        endpoint_slice,
        (Name("shop", "web-1"), Name("shop", "web-2"), Name("shop", "api-1"), Name("pay", "web-1")),
    ),
    **backends.MAKERS,
    **secrets.MAKERS,
}

POOLS: dict[Slot, tuple[KubeObject | None, ...]] = {
    Slot(kind, name): (
        *[None] * ABSENT,
        *(make(Dice(f"{kind} {name} {variant}", STRANGEST * variant / VARIANTS), name) for variant in range(VARIANTS)),
    )
    for kind, make, names in (*((kind, *made) for kind, made in _MAKERS.items()), *fleets.MAKERS, *tenants.MAKERS)
    for name in names
}
SLOTS = tuple(POOLS)

_TABLES = tuple(
    (FLEET, type_url, f"{transport}/{address}:{port}")
    for transport in ("udp", "tcp")
    for type_url in (LISTENER, ROUTE)
    for address in POOL.addresses[:2]
    for port in (80, 8080)
)
ANSWERED: tuple[ListenerKey | Blame, ...] = (
    *(
        ListenerKey(slot.kind, *slot.name, f"l{number}")
        for slot in SLOTS
        if slot.kind == "Gateway"
        for number in range(2)
    ),
    *tenants.ANSWERED,
    *(Blame(*table, NOBODY) for table in _TABLES),
    *(
        Blame(*_TABLES[-1], ObjectKey(slot.kind, *slot.name))
        for slot in SLOTS
        if slot.kind in {"Gateway", "HTTPRoute", "GRPCRoute", "TLSRoute", "TCPRoute", "UDPRoute", "Tenant"}
    ),
)
"""What Envoys may have acknowledged or rejected, be it there or not."""
DELIVERED = (None, Delivery(None, ("slow",)), Delivery(0), Delivery(1), Delivery(1, ("slow",)))
REJECTED = (None, *(Rejection(words, nodes) for words in ("no", "never") for nodes in (("a",), ("a", "b"))))


class Edit(NamedTuple):
    """A slot gets a new state, both by number."""

    slot: int
    state: int

    def __repr__(self) -> str:
        slot = SLOTS[self.slot]
        return f"{slot.kind} {slot.name}: {POOLS[slot][self.state]}"


class Answer(NamedTuple):
    """Envoys answer to a resource, both by number."""

    resource: int
    answer: int


Step = Sequence[Edit] | Answer
Objects = dict[Slot, KubeObject]

_states = st.integers(0, ABSENT + VARIANTS - 1)
_edits = st.builds(Edit, st.integers(0, len(SLOTS) - 1), _states)
_answers = st.builds(Answer, st.integers(0, len(ANSWERED) - 1), st.integers(0, len(DELIVERED) - 1))
_beginnings = st.tuples(*(st.builds(Edit, st.just(number), _states) for number in range(len(SLOTS))))
histories: st.SearchStrategy[tuple[Step, list[Step]]] = st.tuples(
    _beginnings, st.lists(st.lists(_edits, min_size=1, max_size=5) | _answers, max_size=6)
)
"""A whole world at once, then steps: some slots change together, or Envoys answer."""


def world(number: int) -> Objects:
    """Choose a world by its number: the same number gives the same one."""
    dice = Random(number)  # noqa: S311
    states = {slot: dice.choice(pool) for slot, pool in POOLS.items()}
    return {slot: state for slot, state in states.items() if state is not None}


def reconciler(pool: Pool = POOL) -> Reconciler:
    """Make a Reconciler with the surroundings of these worlds."""
    return Reconciler(Surroundings(pool=pool, probe=probe, schemas=replace(OUR_SCHEMAS, in_cluster=True)))


def settled(objects: Objects, pool: Pool = POOL) -> Reconciler:
    """Give a Reconciler all of a world at once."""
    made = reconciler(pool)
    assert not load(made, objects).failures
    return made


def load(into: Reconciler, objects: Objects) -> Outcome:
    """Hand in objects in the order in which they are given."""
    return into.objects((slot.kind, slot.name, state) for slot, state in objects.items())


def take(into: Reconciler, step: Step) -> Outcome:
    """Do one step of a history."""
    return finished(taking(into, step))


def taking(into: Reconciler, step: Step) -> Steps[Outcome]:
    """Do one step of a history, with room for others in between."""
    served: list[Mapping[ResourceKey, Resource | None]] = []
    outcome = yield from _taking(into, step, served.append)
    assert served == [outcome.resources], "what is served before statuses are known is what the round comes to"
    return outcome


def _taking(into: Reconciler, step: Step, serve: Serve) -> Steps[Outcome]:
    if isinstance(step, Answer):
        about = ANSWERED[step.resource]
        if isinstance(about, Blame):
            return into.answers_in_steps({}, {about: REJECTED[step.answer]}, serve)
        return into.answers_in_steps({about: DELIVERED[step.answer]}, {}, serve)
    changes = ((*SLOTS[edit.slot], POOLS[SLOTS[edit.slot]][edit.state]) for edit in step)
    return into.objects_in_steps(changes, serve)
