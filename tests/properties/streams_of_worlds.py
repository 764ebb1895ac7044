"""TLSRoutes, TCPRoutes and UDPRoutes of worlds: whole connections, to backends of all kinds, well or wrong."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.properties import backends_of_worlds as backends
from tests.properties import secrets_of_worlds as secrets
from xdsserver.objects import gateway as gw
from xdsserver.objects import l4route as l4
from xdsserver.objects.meta import Name

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.properties.gateway_worlds import Dice
    from xdsserver.objects.httproute import ParentReference

HOSTNAMES = ("a.example.com", "*.example.com", "b.example.com", "other.test", "A.example.com")


def listeners(dice: Dice) -> tuple[gw.GatewayListener, ...]:
    """Make listeners for these routes, beside those for requests."""

    def one(name: str, port: int, protocol: str, tls: gw.ListenerTLS | None = None) -> gw.GatewayListener:
        namespaces = gw.RouteNamespaces(from_=dice.pick("All", "All", "Same"))
        return gw.GatewayListener(
            name=name,
            port=dice.pick(port, port, 80),
            protocol=protocol,
            hostname=dice.pick(None, *HOSTNAMES) if protocol == "TLS" else None,
            tls=tls,
            allowed_routes=gw.AllowedRoutes(namespaces=namespaces),
        )

    all_of_them = (
        one("names", 8443, "TLS", dice.any(gw.ListenerTLS(mode="Passthrough"), secrets.tls(dice))),
        one("more-names", 8443, "TLS", gw.ListenerTLS(mode="Passthrough")),
        one("streams", 53, "TCP"),
        one("datagrams", 53, "UDP"),
    )
    return dice.sample(all_of_them, least=dice.any(1, 2, 3, 4), most=4)


def _rule(dice: Dice, *ports: int) -> l4.L4RouteRule:
    def backend() -> l4.L4BackendRef:
        group, kind = backends.group_and_kind(dice)
        return l4.L4BackendRef(
            name=dice.pick("web", "web", "api", "missing"),
            namespace=dice.pick(None, None, "shop", "pay"),
            group=group,
            kind=kind,
            port=dice.pick(*ports, 8080, None),
            weight=dice.pick(1, 1, 3, 0, None),
        )

    return l4.L4RouteRule(backend_refs=dice.some(backend, least=1, most=3), name=dice.pick(None, None, "named"))


def tls_route(parent: Callable[[Dice], ParentReference]) -> Callable[[Dice, Name], l4.TLSRoute]:
    def make(dice: Dice, name: Name) -> l4.TLSRoute:
        return l4.TLSRoute(
            metadata=dice.metadata(name),
            spec=l4.TLSRouteSpec(
                hostnames=dice.sample(HOSTNAMES, least=1, most=3),
                rules=(_rule(dice, 80, 80, 53),),
                parent_refs=dice.some(lambda: parent(dice), least=1, most=2),
            ),
        )

    return make


def tcp_route(parent: Callable[[Dice], ParentReference]) -> Callable[[Dice, Name], l4.TCPRoute]:
    return lambda dice, name: l4.TCPRoute(metadata=dice.metadata(name), spec=_spec(dice, parent, 80, 80, 53))


def udp_route(parent: Callable[[Dice], ParentReference]) -> Callable[[Dice, Name], l4.UDPRoute]:
    return lambda dice, name: l4.UDPRoute(metadata=dice.metadata(name), spec=_spec(dice, parent, 53, 53, 80))


def _spec(dice: Dice, parent: Callable[[Dice], ParentReference], *ports: int) -> l4.L4RouteSpec:
    return l4.L4RouteSpec(
        rules=(_rule(dice, *ports),),
        parent_refs=dice.some(lambda: parent(dice), least=dice.pick(1, 0), most=2),
        use_default_gateways=dice.pick(None, None, "All", "None"),
    )


TLS_ROUTES = (Name("shop", "names"), Name("pay", "names"))
TCP_ROUTES = (Name("shop", "streams"), Name("pay", "streams"))
UDP_ROUTES = (Name("shop", "datagrams"), Name("pay", "datagrams"))
