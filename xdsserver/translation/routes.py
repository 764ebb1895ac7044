"""Envoy routes: one for each match of each rule, as bytes that a virtual host is joined from."""

from __future__ import annotations

from dataclasses import dataclass, field
from itertools import chain
from typing import TYPE_CHECKING, Any, NamedTuple

from envoy.config.route.v3.route_components_pb2 import Route, RouteAction, WeightedCluster
from envoy.type.v3.percent_pb2 import FractionalPercent

from xdsserver.filters.registry import BY_TYPE
from xdsserver.filters.slices import Target
from xdsserver.gatewayapi.precedence import precedence
from xdsserver.model.routing import MILLION, Forward, Respond, unserved
from xdsserver.translation.matches import route_match
from xdsserver.translation.split import split
from xdsserver.xds.protobuf import length_prefix

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from xdsserver.filters.slices import ListenerFacts
    from xdsserver.gatewayapi.rules import ResolvedRule
    from xdsserver.model.places import ListenerKey
    from xdsserver.model.routing import Action, ClusterKey, Filter, Hosts, RequestMatch, Rule, Share
    from xdsserver.objects.meta import ObjectKey
    from xdsserver.translation.split import Variant

_ROUTES = 3
"""Field number of VirtualHost.routes."""

_MISSING = "backend-not-found"
"""A cluster that never exists: requests of its share get the answer of `cluster_not_found_response_code`."""

_NOT_FOUND = {500: RouteAction.INTERNAL_SERVER_ERROR, 503: RouteAction.SERVICE_UNAVAILABLE}
"""Statuses as `cluster_not_found_response_code` has them."""


class RouteKey(NamedTuple):
    """One Envoy route: a match of a rule of a route object, under one hostname of one listener.

    `turn` counts the routes that a rule is split into, which share a match.
    """

    listener: ListenerKey
    hostname: str
    owner: ObjectKey
    rule: int
    match: int
    turn: int


@dataclass(frozen=True, slots=True)
class EnvoyRoute:
    """A serialised Envoy route, what it is sorted by, and the clusters that it names.

    `asked` is the match as its user wrote it; None for one that a filter needs.
    """

    order: tuple[Any, ...]
    asked: RequestMatch | None
    wire: bytes
    clusters: frozenset[str]


class RoutePiece(NamedTuple):
    """Neighbours in the order of routes, as bytes of VirtualHost.routes."""

    wire: bytes
    clusters: frozenset[str]
    members: Sequence[tuple[RouteKey, EnvoyRoute]]


@dataclass(frozen=True, slots=True)
class RouteList:
    """The routes of one hostname of one listener in their order, as bytes of VirtualHost.routes.

    `pieces` are what it was joined from; the names of routes in the bytes say whose they are, so that equal bytes have
    members of equal owners.
    """

    wire: bytes
    clusters: frozenset[str]
    pieces: Sequence[RoutePiece] = field(default=(), compare=False, repr=False)

    @property
    def members(self) -> Iterator[tuple[RouteKey, EnvoyRoute]]:
        """All routes, in their order."""
        return (member for piece in self.pieces for member in piece.members)


def envoy_routes(
    listener: ListenerKey, facts: ListenerFacts, hosts: Hosts, resolved: ResolvedRule
) -> Iterator[tuple[RouteKey, EnvoyRoute]]:
    """Translate one rule for one hostname."""
    rule = resolved.rule
    if rule is None:
        return
    name = _name(rule)
    variants = [(variant, _action(rule, variant, facts), _named(variant)) for variant in split(rule)]
    for number, match in enumerate(rule.matches):
        order = precedence(hosts.original, match, rule, resolved.created)
        asked = match.in_order() if number < len(rule.matches) - rule.added else None
        for turn, (variant, action, (answered, forwarded)) in enumerate(variants):
            route = Route(name=f"{name}/{number}")
            route.match.CopyFrom(route_match(match))
            if variant.drawn.stop < MILLION:
                route.match.runtime_fraction.default_value.numerator = variant.drawn.stop
                route.match.runtime_fraction.default_value.denominator = FractionalPercent.MILLION
            route.MergeFrom(action)
            target = Target(route, match, facts, hosts.effective, variant.drawn)
            for filter_ in variant.filters:
                BY_TYPE[filter_.type].on_route(filter_, target)
            _ask_by_name(route, variant.action)
            key = RouteKey(listener, hosts.effective, rule.owner, rule.position, number, turn)
            body = route.SerializeToString(deterministic=True)
            clusters = forwarded if route.HasField("route") else answered
            yield key, EnvoyRoute((*order, turn), asked, length_prefix(_ROUTES, len(body)) + body, clusters)


def _named(variant: Variant) -> tuple[frozenset[str], frozenset[str]]:
    """Give the clusters that are named where the filters answer, and those where a backend does.

    Only these: what is not in the bytes of a route could change without them, and nobody would be told.
    """
    answered = frozenset(map(str, _filter_clusters(variant.filters, forwards=False)))
    if not isinstance(variant.action, Forward):
        return answered, answered
    forwarded = chain(_filter_clusters(variant.filters, forwards=True), _share_clusters(variant.action))
    return answered, frozenset(map(str, forwarded))


def envoy_route_count(rule: Rule) -> int:
    """Say how many Envoy routes a rule is for one hostname."""
    return len(rule.matches) * sum(1 for _ in split(rule))


def route_piece(members: Sequence[tuple[RouteKey, EnvoyRoute]]) -> RoutePiece:
    """Join neighbours that are in their order already."""
    return RoutePiece(
        b"".join([route.wire for _, route in members]),
        _all_of({route.clusters for _, route in members}),
        members,
    )


def route_list(_group: object, pieces: Sequence[RoutePiece]) -> RouteList:
    """Join all routes of a hostname."""
    return RouteList(
        b"".join([piece.wire for piece in pieces]), _all_of({piece.clusters for piece in pieces}), tuple(pieces)
    )


def _all_of(found: set[frozenset[str]]) -> frozenset[str]:
    """Unite sets of clusters; where they are all the same, it is shared."""
    return next(iter(found)) if len(found) == 1 else frozenset[str]().union(*found)


def used_clusters(rule: Rule) -> Iterator[ClusterKey]:
    """Give the clusters that a rule sends requests to, those of its filters included."""
    forwards = isinstance(rule.action, Forward)
    yield from _filter_clusters(rule.filters, forwards=forwards)
    if isinstance(rule.action, Forward):
        yield from _share_clusters(rule.action)


def _share_clusters(action: Forward) -> Iterator[ClusterKey]:
    for share in action.shares:
        if share.cluster is not None:
            yield share.cluster
        yield from _filter_clusters(share.filters, forwards=share.cluster is not None)


def _filter_clusters(filters: Iterable[Filter], *, forwards: bool) -> Iterator[ClusterKey]:
    """Give those of filters; what is answered without a backend is asked about, and copied to nobody."""
    for filter_ in filters:
        for use, cluster in zip(filter_.uses, filter_.clusters, strict=True):
            if cluster is not None and (forwards or use.required):
                yield cluster


def _name(rule: Rule) -> str:
    """Say whose route it is, as statistics and access logs show it, by the name of the rule too where it has one."""
    place = f"{rule.position}:{rule.name}" if rule.name else str(rule.position)
    return f"{rule.owner.kind}/{rule.owner.namespace}/{rule.owner.name}/rule/{place}"


def _action(rule: Rule, variant: Variant, facts: ListenerFacts) -> Route:
    """Give what happens to a request but for the filters; it is the same for all matches of a rule."""
    route = Route()
    match variant.action:
        case Respond(status):
            route.direct_response.status = status
        case Forward(shares):
            _forward(route, shares, unserved(rule.owner), facts)
    return route


def _forward(route: Route, shares: tuple[Share, ...], missing: int, facts: ListenerFacts) -> None:
    # Envoy's own default is 15 s; the specification has none (HTTPRouteTimeouts.request).
    route.route.timeout.SetInParent()
    first = shares[0]
    if len(shares) == 1 and first.cluster is not None and not first.filters:
        route.route.cluster = str(first.cluster)
        return
    for share in shares:
        route.route.weighted_clusters.clusters.append(_weight(share, facts))
    if any(share.cluster is None for share in shares):
        # Also answers for a cluster that is not there yet, which make-before-break keeps from being named.
        route.route.cluster_not_found_response_code = _NOT_FOUND[missing]


def _ask_by_name(route: Route, action: Action) -> None:
    """Ask backends that have a Host of their own by it, where no filter says another."""
    if not isinstance(action, Forward) or route.route.WhichOneof("host_rewrite_specifier") is not None:
        return
    if route.route.HasField("weighted_clusters"):
        for share, weight in zip(action.shares, route.route.weighted_clusters.clusters, strict=True):
            if share.host and not weight.host_rewrite_literal:
                weight.host_rewrite_literal = share.host
    elif route.HasField("route") and action.shares[0].host:
        route.route.host_rewrite_literal = action.shares[0].host


def _weight(share: Share, facts: ListenerFacts) -> WeightedCluster.ClusterWeight:
    out = WeightedCluster.ClusterWeight(name=str(share.cluster) if share.cluster else _MISSING)
    out.weight.value = share.weight
    for filter_ in share.filters:
        BY_TYPE[filter_.type].on_share(filter_, out, facts)
    return out
