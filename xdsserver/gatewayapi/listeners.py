"""Listeners of a Gateway: what each may serve, and which ones stand in each other's way."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from xdsserver.gatewayapi.conditions import ACCEPTED, CONFLICTED, RESOLVED_REFS, Problem
from xdsserver.gatewayapi.hostnames import ANY, normal
from xdsserver.model.places import ListenerKey
from xdsserver.objects.meta import GATEWAY_GROUP, Name

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from xdsserver.objects.gateway import Gateway, GatewayListener, ListenerTLS, RouteNamespaces


@dataclass(frozen=True, slots=True)
class Protocol:
    """What a protocol of listeners can serve: kinds of routes as status lists them, and what it runs over.

    Listeners of one `family` share a port: what they have in common tells Envoy which of them a client wants.
    """

    kinds: tuple[str, ...]
    transport: str
    family: str


PROTOCOLS: Mapping[str, Protocol] = {
    "HTTP": Protocol(("HTTPRoute", "GRPCRoute"), "TCP", "HTTP"),
    "HTTPS": Protocol(("HTTPRoute", "GRPCRoute"), "TCP", "TLS"),
}
"""The protocols that are supported."""


@dataclass(frozen=True, slots=True)
class Listener:
    """A listener as routes and sockets see it; what else its Gateway holds (labels, generation) is not in here.

    `kinds`: names of the route kinds that may attach (all of the Gateway API's group); `problems`: what spoils it.
    """

    key: ListenerKey
    port: int
    protocol: str
    hostname: str
    kinds: tuple[str, ...]
    namespaces: RouteNamespaces
    tls: ListenerTLS | None = None
    problems: tuple[Problem, ...] = ()

    @property
    def gateway(self) -> Name:
        """The Gateway that it belongs to."""
        return Name(self.key.namespace, self.key.parent)

    @property
    def transport(self) -> str:
        """What it runs over: "TCP" or "UDP"."""
        known = PROTOCOLS.get(self.protocol)
        return known.transport if known is not None else "TCP"

    @property
    def accepted(self) -> bool:
        """Whether it can serve at all; only then it takes part in what Envoy gets."""
        return not any(problem.condition in (ACCEPTED, CONFLICTED) for problem in self.problems)


def listeners(gateway: Gateway) -> tuple[Listener, ...]:
    """Split a Gateway into its listeners, each with its own problems and with those it has with its siblings."""
    return tuple(_without_conflicts([_listener(gateway.name, listener) for listener in gateway.spec.listeners]))


def _listener(gateway: Name, spec: GatewayListener) -> Listener:
    kinds, problems = _kinds(spec)
    return Listener(
        key=ListenerKey("Gateway", gateway.namespace, gateway.name, spec.name),
        port=spec.port,
        protocol=spec.protocol,
        hostname=normal(spec.hostname),
        kinds=kinds,
        namespaces=spec.allowed_routes.namespaces,
        tls=spec.tls,
        problems=problems,
    )


def _kinds(spec: GatewayListener) -> tuple[tuple[str, ...], tuple[Problem, ...]]:
    """Give the kinds that may attach: those asked for that the protocol can serve (ListenerStatus.supportedKinds)."""
    protocol = PROTOCOLS.get(spec.protocol)
    if protocol is None:
        known = ", ".join(PROTOCOLS)
        message = f"listener {spec.name}: protocol {spec.protocol} is not supported; supported: {known}"
        return (), (Problem(ACCEPTED, "UnsupportedProtocol", message),)
    served, asked = protocol.kinds, spec.allowed_routes.kinds
    if not asked:
        return served, ()
    good = tuple(kind for kind in served if any(_names(one.group, one.kind, kind) for one in asked))
    bad = [one for one in asked if not any(_names(one.group, one.kind, kind) for kind in served)]
    if not bad:
        return good, ()
    words = ", ".join(f"{one.group or 'core'}/{one.kind}" for one in bad)
    message = (
        f"listener {spec.name}: allowedRoutes.kinds names {words}, which a listener of protocol {spec.protocol} cannot "
        f"serve; it can serve {', '.join(served)}"
    )
    return good, (Problem(RESOLVED_REFS, "InvalidRouteKinds", message),)


def _names(group: str | None, kind: str, served: str) -> bool:
    return (GATEWAY_GROUP if group is None else group) == GATEWAY_GROUP and kind == served


def _without_conflicts(found: Iterable[Listener]) -> Iterable[Listener]:
    """Mark listeners that cannot be told apart: of one Gateway none of them is accepted (GatewaySpec.listeners).

    Listeners whose protocol is not supported claim nothing, so they stand in nobody's way.
    """
    same: dict[tuple[int, str, str], list[Listener]] = defaultdict(list)
    at_port: dict[tuple[int, str], list[Listener]] = defaultdict(list)
    found = list(found)
    for listener in found:
        if listener.accepted:
            same[listener.port, listener.transport, listener.hostname].append(listener)
            at_port[listener.port, listener.transport].append(listener)
    for listener in found:
        if not listener.accepted:
            yield listener
            continue
        rivals = same[listener.port, listener.transport, listener.hostname]
        family = PROTOCOLS[listener.protocol].family
        others = at_port[listener.port, listener.transport]
        mixed = sorted({one.protocol for one in others if PROTOCOLS[one.protocol].family != family})
        if mixed:
            message = (
                f"listener {listener.key.name}: port {listener.port} is also asked for with protocol "
                f"{', '.join(mixed)}, which cannot be told from {listener.protocol}; use another port"
            )
            yield replace(listener, problems=(*listener.problems, Problem(CONFLICTED, "ProtocolConflict", message)))
        elif len(rivals) > 1:
            same_place = ", ".join(rival.key.name for rival in rivals if rival is not listener)
            hostname = "no hostname" if listener.hostname == ANY else f"hostname {listener.hostname}"
            message = (
                f"listener {listener.key.name}: {same_place} has the same port {listener.port} and {hostname}; "
                "give each a hostname of its own"
            )
            yield replace(listener, problems=(*listener.problems, Problem(CONFLICTED, "HostnameConflict", message)))
        else:
            yield listener
