"""What runs before a route is chosen: a position in the chain for each filter of a listener, filled by virtual hosts.

Listeners share a connection manager and are told apart by their virtual hosts, so these hold the filters, and end with
a route for everything: Envoy asks a virtual host for its filters by way of a route, and they run also where none
matches.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from envoy.config.route.v3.route_components_pb2 import Route

from xdsserver.filters.positions import position
from xdsserver.filters.registry import BEFORE_ROUTING

if TYPE_CHECKING:
    from collections.abc import Iterator

    from envoy.config.route.v3.route_components_pb2 import VirtualHost
    from envoy.extensions.filters.network.http_connection_manager.v3.http_connection_manager_pb2 import HttpFilter

    from xdsserver.model.routing import ClusterKey, PreRouting


def positions(count: int) -> Iterator[HttpFilter]:
    """Give the positions of a chain that must hold `count` filters of a listener.

    There is always one, so that the first filter of a listener changes no Listener: it holds for the next request also
    of connections that are open already.
    """
    return (position(_name(number)) for number in range(max(1, count)))


def run_before_routes(out: VirtualHost, pre_routing: PreRouting) -> None:
    """Have the filters of a listener run for all requests of one of its virtual hosts."""
    for number, filter_ in enumerate(pre_routing.filters):
        BEFORE_ROUTING[filter_.type].before_routing(filter_, _name(number), out)


def everything_else(pre_routing: PreRouting) -> Route:
    """Answer what no route matches, or all of it where a filter cannot be had."""
    out = Route(name="no-route" if pre_routing.whole else "filter-not-found")
    out.match.prefix = ""
    out.direct_response.status = 404 if pre_routing.whole else 500
    return out


def filter_clusters(pre_routing: PreRouting) -> Iterator[ClusterKey]:
    """Give the clusters that filters of a listener send requests to."""
    return (cluster for filter_ in pre_routing.filters for cluster in filter_.clusters if cluster is not None)


def _name(number: int) -> str:
    return f"xdsserver.listener_filters.{number}"
