"""Envoy routes: one for each match of each rule, as bytes that a virtual host is joined from."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, NamedTuple

from envoy.config.route.v3.route_components_pb2 import Route, WeightedCluster

from xdsserver.filters.registry import BY_TYPE
from xdsserver.gatewayapi.precedence import precedence
from xdsserver.model.routing import Forward, Respond
from xdsserver.translation.matches import route_match
from xdsserver.xds.protobuf import length_prefix

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from xdsserver.gatewayapi.rules import ResolvedRule
    from xdsserver.model.places import ListenerKey
    from xdsserver.model.routing import ClusterKey, Filter, Hosts, Rule, Share
    from xdsserver.objects.meta import ObjectKey

_ROUTES = 3
"""Field number of VirtualHost.routes."""

_MISSING = "backend-not-found"
"""A cluster that never exists: requests of its share get the answer of `cluster_not_found_response_code`."""


class RouteKey(NamedTuple):
    """One Envoy route: a match of a rule of a route object, under one hostname of one listener."""

    listener: ListenerKey
    hostname: str
    owner: ObjectKey
    rule: int
    match: int


@dataclass(frozen=True, slots=True)
class EnvoyRoute:
    """A serialised Envoy route, what it is sorted by among its like, and the clusters that it names."""

    order: tuple[Any, ...]
    wire: bytes
    clusters: frozenset[str]


@dataclass(frozen=True, slots=True)
class RouteList:
    """The routes of one hostname of one listener in their order, as bytes of VirtualHost.routes."""

    wire: bytes
    clusters: frozenset[str]


def envoy_routes(listener: ListenerKey, hosts: Hosts, resolved: ResolvedRule) -> Iterator[tuple[RouteKey, EnvoyRoute]]:
    """Translate one rule for one hostname."""
    rule = resolved.rule
    if rule is None:
        return
    clusters = frozenset(str(cluster) for cluster in used_clusters(rule))
    action = _action(rule)
    for number, match in enumerate(rule.matches):
        route = Route(name=f"{rule.owner.kind}/{rule.owner.namespace}/{rule.owner.name}/rule/{rule.position}/{number}")
        route.match.CopyFrom(route_match(match))
        route.MergeFrom(action)
        key = RouteKey(listener, hosts.effective, rule.owner, rule.position, number)
        order = precedence(hosts.original, match, rule, resolved.created)
        body = route.SerializeToString(deterministic=True)
        yield key, EnvoyRoute(order, length_prefix(_ROUTES, len(body)) + body, clusters)


def route_list(_group: object, members: Sequence[tuple[RouteKey, EnvoyRoute]]) -> RouteList:
    """Join routes that are in their order already."""
    return RouteList(
        b"".join([route.wire for _, route in members]),
        frozenset[str]().union(*{route.clusters for _, route in members}),
    )


def used_clusters(rule: Rule) -> Iterator[ClusterKey]:
    """Give the clusters that a rule sends requests to."""
    if isinstance(rule.action, Forward):
        yield from (share.cluster for share in rule.action.shares if share.cluster is not None)


def _action(rule: Rule) -> Route:
    """Give all of a route but its name and match; it is the same for all matches of a rule."""
    route = Route()
    for_all = rule.filters
    match rule.action:
        case Respond(status):
            route.direct_response.status = status
        case Forward(shares):
            for_all, shares = _in_order(rule.filters, shares)
            _forward(route, shares)
    for filter_ in for_all:
        BY_TYPE[filter_.type].on_route(filter_.settings, route)
    return route


def _in_order(filters: tuple[Filter, ...], shares: tuple[Share, ...]) -> tuple[tuple[Filter, ...], tuple[Share, ...]]:
    """Give the filters that a route applies, and the shares with those that go before their own.

    Envoy edits for a share first and for its route after, so that the route would have the last word. Where a backend
    has a filter of a type that its rule has too, the rule's becomes the first of each share.
    """
    types = {filter_.type for share in shares for filter_ in share.filters}
    moved = tuple(filter_ for filter_ in filters if filter_.type in types)
    if not moved:
        return filters, shares
    for_all = tuple(filter_ for filter_ in filters if filter_.type not in types)
    return for_all, tuple(
        replace(share, filters=(*moved, *share.filters)) if share.cluster else share for share in shares
    )


def _forward(route: Route, shares: tuple[Share, ...]) -> None:
    # Envoy's own default is 15 s; the specification has none (HTTPRouteTimeouts.request).
    route.route.timeout.SetInParent()
    first = shares[0]
    if len(shares) == 1 and first.cluster is not None and not first.filters:
        route.route.cluster = str(first.cluster)
        return
    for share in shares:
        route.route.weighted_clusters.clusters.append(_weight(share))
    if any(share.cluster is None for share in shares):
        # Also answers for a cluster that is not there yet, which make-before-break keeps from being named.
        route.route.cluster_not_found_response_code = route.route.INTERNAL_SERVER_ERROR


def _weight(share: Share) -> WeightedCluster.ClusterWeight:
    out = WeightedCluster.ClusterWeight(name=str(share.cluster) if share.cluster else _MISSING)
    out.weight.value = share.weight
    for filter_ in share.filters:
        BY_TYPE[filter_.type].on_share(filter_.settings, out)
    return out
