"""Whole connections: which of the routes of a listener gets those of a name or of a port."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from xdsserver.gatewayapi.hostnames import ANY, specificity
from xdsserver.model.routing import ClusterKey, Forward

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from xdsserver.gatewayapi.rules import ResolvedRule
    from xdsserver.model.places import ListenerKey
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


@dataclass(frozen=True, slots=True)
class Behind:
    """A name, or a port, of which a route gets no connections, and the route that gets them all."""

    listener: ListenerKey
    hostname: str
    instead: ObjectKey


def doubts(behind: Iterable[Behind]) -> tuple[str, ...]:
    """Say of each route that stands in front what it gets; once, however many names it is about."""
    found: dict[tuple[ListenerKey, ObjectKey], list[str]] = defaultdict(list)
    for one in behind:
        found[one.listener, one.instead].append(one.hostname)
    return tuple(_words(*key, *names) for key, names in found.items())


def _words(listener: ListenerKey, instead: ObjectKey, hostname: str, *more: str) -> str:
    name = "" if hostname == ANY else f" for {hostname}"
    further = f" and {len(more)} more" if more else ""
    return f"it gets nothing{name}{further} on listener {listener.name}: {instead} comes first"


def stream(owner: ObjectKey, host: Hosts, rules: Sequence[ResolvedRule], *, whole: bool) -> Stream | None:
    """Say where a route sends the connections that it gets under a hostname; it has one rule.

    TLS that does not end at the listener goes on `whole`: a BackendTLSPolicy would put it into another one.
    """
    for resolved in rules:
        if resolved.rule is not None:
            characters, dots = specificity(host.original)
            order = (-characters, -dots, resolved.created, f"{owner.namespace}/{owner.name}")
            found = shares(rules)
            return Stream(order, owner, tuple(map(_whole, found)) if whole else found)
    return None


def _whole(share: Share) -> Share:
    return share if share.cluster is None else replace(share, cluster=share.cluster._replace(protocol="tls"))


def shares(rules: Sequence[ResolvedRule]) -> tuple[Share, ...]:
    """Give the shares of the one rule of a route; none where it leads nowhere."""
    action = next((resolved.rule.action for resolved in rules if resolved.rule is not None), None)
    return action.shares if isinstance(action, Forward) else ()


def first(_group: object, members: Sequence[tuple[object, Stream]]) -> Stream:
    """Give the one that gets the connections."""
    return members[0][1]
