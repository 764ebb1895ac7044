"""How virtual hosts are spread over RouteConfigurations: one for each filter chain, shared by all plain HTTP.

This module alone decides it; everybody else asks for the name or hands in virtual hosts.
"""

from __future__ import annotations

from dataclasses import dataclass
from http import HTTPStatus
from typing import TYPE_CHECKING, NamedTuple

from envoy.config.route.v3.route_components_pb2 import VirtualHost
from envoy.config.route.v3.route_pb2 import RouteConfiguration

from xdsserver.translation.prerouting import everything_else, filter_clusters, run_before_routes
from xdsserver.xds.protobuf import length_prefix
from xdsserver.xds.resource import ROUTE, Resource

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from xdsserver.model.places import ChainKey
    from xdsserver.model.routing import PreRouting
    from xdsserver.translation.routes import RouteList

_VIRTUAL_HOSTS = 2
"""Field number of RouteConfiguration.virtual_hosts."""

_ROUTES = 3
"""Field number of VirtualHost.routes."""


class HostKey(NamedTuple):
    """A virtual host: a hostname (or wildcard, or `*`) behind a filter chain; empty for those that stand elsewhere."""

    chain: ChainKey
    hostname: str


@dataclass(frozen=True, slots=True)
class Host:
    """A serialised virtual host and the clusters that it names."""

    wire: bytes
    clusters: frozenset[str]


def route_configuration_name(chain: ChainKey) -> str:
    """Name the RouteConfiguration that the connection manager of a filter chain asks for."""
    return str(chain)


def host(hostname: str, lists: Iterable[RouteList], pre_routing: PreRouting | None) -> Host:
    """Join a virtual host from the routes of its own hostname and of those that cover it, most specific first.

    Envoy chooses one virtual host and never falls through to another, so what less specific hostnames answer must be in
    here too. `pre_routing` is that of the listener, None where it has no filters.
    """
    head = VirtualHost(name=hostname, domains=[hostname])
    tail = b""
    clusters = frozenset[str]()
    if pre_routing is not None:
        run_before_routes(head, pre_routing)
        last = everything_else(pre_routing).SerializeToString(deterministic=True)
        tail = length_prefix(_ROUTES, len(last)) + last
        clusters = frozenset(map(str, filter_clusters(pre_routing)))
        lists = lists if pre_routing.whole else ()
    lists = tuple(lists)
    body = b"".join((head.SerializeToString(deterministic=True), *(one.wire for one in lists), tail))
    # Most hosts have one list, whose set is shared.
    shared = len(lists) == 1 and not clusters
    clusters = lists[0].clusters if shared else clusters.union(*(one.clusters for one in lists))
    return Host(length_prefix(_VIRTUAL_HOSTS, len(body)) + body, clusters)


def misdirected(hostnames: Iterable[str]) -> Host:
    """Answer 421 for hostnames that another filter chain serves: the client has connected for a different one.

    A client that reuses a connection for another host of its certificate opens a new one then (RFC 9110, 15.5.20).
    """
    out = VirtualHost(name="misdirected", domains=sorted(hostnames))
    route = out.routes.add(name="misdirected")
    route.match.prefix = ""
    route.direct_response.status = HTTPStatus.MISDIRECTED_REQUEST
    body = out.SerializeToString(deterministic=True)
    return Host(length_prefix(_VIRTUAL_HOSTS, len(body)) + body, frozenset())


def route_configuration(chain: ChainKey, members: Sequence[tuple[HostKey, Host]]) -> Resource:
    """Join the RouteConfiguration of a filter chain from its virtual hosts."""
    head = RouteConfiguration(name=route_configuration_name(chain)).SerializeToString(deterministic=True)
    body = b"".join([head, *[one.wire for _, one in members], _TAIL])
    # Hosts share few sets of clusters.
    clusters = tuple(dict.fromkeys([one.clusters for _, one in members]))
    return Resource.of_bytes(ROUTE, route_configuration_name(chain), body, clusters=clusters)


def _tail() -> bytes:
    """Give the fields behind the virtual hosts.

    A Host header may carry a port, and reaches the backend as it is. Of edits of one header the one closest to the
    backend wins.
    """
    settings = RouteConfiguration(ignore_port_in_host_matching=True, most_specific_header_mutations_wins=True)
    return settings.SerializeToString(deterministic=True)


_TAIL = _tail()
