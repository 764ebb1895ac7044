"""Listeners as their parents write them: what each may serve, and which siblings it cannot be told from."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

from xdsserver.gatewayapi.conditions import ACCEPTED, CONFLICTED, RESOLVED_REFS, Problem
from xdsserver.gatewayapi.hostnames import ANY, normal
from xdsserver.model.places import ListenerKey
from xdsserver.model.profiles import Profile
from xdsserver.objects.meta import GATEWAY_GROUP, ObjectKey

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from xdsserver.objects.gateway import GatewayListener, ListenerTLS, RouteNamespaces
    from xdsserver.objects.meta import Name


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
    "TLS": Protocol(("TLSRoute",), "TCP", "TLS"),
    "TCP": Protocol(("TCPRoute",), "TCP", "TCP"),
    "UDP": Protocol(("UDPRoute",), "UDP", "UDP"),
}
"""The protocols that are supported."""


@dataclass(frozen=True, slots=True)
class Listener:
    """A listener as routes and sockets see it; what else its parent holds (labels, generation) is not in here.

    `gateway`: the Gateway on whose addresses it is, which is its parent or that of the ListenerSet that is its parent;
    `hostname`: any where the connections of a port name no host, whatever was written (Listener.hostname);
    `kinds`: names of the route kinds that may attach (all of the Gateway API's group); `problems`: what spoils it;
    `profile`: what the owner of the Gateway asks for, which the others on a plain-text port may overrule.
    """

    key: ListenerKey
    gateway: Name
    port: int
    protocol: str
    hostname: str
    kinds: tuple[str, ...]
    namespaces: RouteNamespaces
    tls: ListenerTLS | None = None
    problems: tuple[Problem, ...] = ()
    profile: Profile = Profile.EDGE

    @property
    def parent(self) -> ObjectKey:
        """The object that holds it."""
        return ObjectKey(self.key.kind, self.key.namespace, self.key.parent)

    @property
    def transport(self) -> str:
        """What it runs over: "TCP" or "UDP"."""
        known = PROTOCOLS.get(self.protocol)
        return known.transport if known is not None else "TCP"

    @property
    def family(self) -> str:
        """Those with whom it can share a port; of an unsupported protocol nobody."""
        known = PROTOCOLS.get(self.protocol)
        return known.family if known is not None else ""

    @property
    def accepted(self) -> bool:
        """Whether it can serve at all; only then it takes part in what Envoy gets."""
        return not any(problem.condition in (ACCEPTED, CONFLICTED) for problem in self.problems)


class Rank(NamedTuple):
    """Which parent comes first where listeners of several are merged (ListenerSetSpec.listeners).

    The Gateway itself, then its ListenerSets by age, then by `namespace/name`.
    """

    of_a_set: bool = False
    created: str = ""
    name: str = ""


@dataclass(frozen=True, slots=True)
class Siblings:
    """Which listeners of its own parent a listener cannot be told from: names, and other protocols of its port."""

    same_place: tuple[str, ...] = ()
    protocols: tuple[str, ...] = ()


ALONE = Siblings()
"""Of a listener that claims nothing, or something of its own."""


@dataclass(frozen=True, slots=True)
class Candidate:
    """A listener before it is known what other parents have on its Gateway."""

    listener: Listener
    rank: Rank
    siblings: Siblings


@dataclass(frozen=True, slots=True)
class ListenerParent:
    """Who holds listeners: an object, the Gateway that they are merged into, and which of them are marked as S3."""

    key: ObjectKey
    gateway: Name
    rank: Rank
    s3: frozenset[str] = frozenset()


def candidates(parent: ListenerParent, specs: Iterable[GatewayListener]) -> tuple[Candidate, ...]:
    """Split a parent into its listeners, in their order, each with the siblings that it cannot be told from.

    A listener that is not accepted (an unsupported protocol) claims nothing, so it stands in nobody's way.
    """
    found = [_listener(parent, spec) for spec in specs]
    same: dict[tuple[int, str, str, str], list[str]] = defaultdict(list)
    at_port: dict[tuple[int, str], dict[str, None]] = defaultdict(dict)
    for one in found:
        if one.accepted:
            same[one.port, one.transport, one.family, one.hostname].append(one.key.name)
            at_port[one.port, one.transport][one.protocol] = None

    def siblings(one: Listener) -> Siblings:
        if not one.accepted:
            return ALONE
        rivals = (name for name in same[one.port, one.transport, one.family, one.hostname] if name != one.key.name)
        others = (other for other in at_port[one.port, one.transport] if PROTOCOLS[other].family != one.family)
        return Siblings(tuple(rivals), tuple(sorted(others)))

    return tuple(Candidate(one, parent.rank, siblings(one)) for one in found)


def _listener(parent: ListenerParent, spec: GatewayListener) -> Listener:
    kinds, problems = _kinds(spec)
    return Listener(
        key=ListenerKey(*parent.key, spec.name),
        gateway=parent.gateway,
        port=spec.port,
        protocol=spec.protocol,
        hostname=ANY if spec.protocol in ("TCP", "UDP") else normal(spec.hostname),
        kinds=kinds,
        namespaces=spec.allowed_routes.namespaces,
        tls=spec.tls,
        problems=(*problems, *_unfilterable(spec)),
        profile=Profile.S3 if spec.name in parent.s3 else Profile.EDGE,
    )


def _unfilterable(spec: GatewayListener) -> tuple[Problem, ...]:
    """Refuse filters where there are no requests: without them the listener would be open (GEP-5224).

    The schema of Gateway has this rule too, that of ListenerSet has not.
    """
    protocol = PROTOCOLS.get(spec.protocol)
    if protocol is None or "HTTPRoute" in protocol.kinds or spec.filters is None or not spec.filters.requests:
        return ()
    message = f"listener {spec.name}: filters.requests: a listener of protocol {spec.protocol} has none; remove them"
    return (Problem(ACCEPTED, "UnsupportedValue", message),)


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
