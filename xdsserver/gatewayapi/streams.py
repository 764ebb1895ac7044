"""Whole connections: which of the routes of a listener gets those of a name or of a port."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from xdsserver.gatewayapi.hostnames import specificity
from xdsserver.model.routing import ClusterKey, Forward

if TYPE_CHECKING:
    from collections.abc import Sequence

    from xdsserver.gatewayapi.rules import ResolvedRule
    from xdsserver.model.routing import Hosts, Share
    from xdsserver.objects.meta import ObjectKey

L4_KINDS = frozenset({"TLSRoute", "TCPRoute", "UDPRoute"})


@dataclass(frozen=True, slots=True)
class Stream:
    """Where the connections go that a route gets; `order` is its rank among the routes that ask for the same.

    Without shares, or for a share without a cluster, connections are reset. The most specific hostname of its own wins,
    then the oldest route, then `namespace/name` (GatewayRouteHostnameIntersectionPrecedence, TLSRouteSpec.hostnames,
    TCPRouteSpec.rules).
    """

    order: tuple[Any, ...]
    owner: ObjectKey
    shares: tuple[Share, ...]

    @property
    def clusters(self) -> frozenset[ClusterKey]:
        """Those that it leads to; datagrams go to one of the route itself, in which the backends are."""
        found = frozenset(share.cluster for share in self.shares if share.cluster is not None)
        if found and self.owner.kind == "UDPRoute":
            return frozenset((ClusterKey(*self.owner, 0, "udp"),))
        return found


def stream(owner: ObjectKey, host: Hosts, rules: Sequence[ResolvedRule]) -> Stream | None:
    """Say where a route sends the connections that it gets under a hostname; it has one rule."""
    for resolved in rules:
        if resolved.rule is not None:
            characters, dots = specificity(host.original)
            order = (-characters, -dots, resolved.created, f"{owner.namespace}/{owner.name}")
            return Stream(order, owner, shares(rules))
    return None


def shares(rules: Sequence[ResolvedRule]) -> tuple[Share, ...]:
    """Give the shares of the one rule of a route; none where it leads nowhere."""
    action = next((resolved.rule.action for resolved in rules if resolved.rule is not None), None)
    return action.shares if isinstance(action, Forward) else ()


def first(_group: object, members: Sequence[tuple[object, Stream]]) -> Stream:
    """Give the one that gets the connections."""
    return members[0][1]
