"""How virtual hosts are spread over RouteConfigurations: one for each filter chain, shared by all plain HTTP.

This module alone decides it; everybody else asks for the name or hands in virtual hosts.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from http import HTTPStatus
from typing import TYPE_CHECKING, NamedTuple

from envoy.config.route.v3.route_components_pb2 import VirtualHost
from envoy.config.route.v3.route_pb2 import RouteConfiguration

from xdsserver.translation.prerouting import everything_else, filter_clusters, run_before_routes
from xdsserver.xds.fragments import NOBODY, Assembly, Fragment, Section
from xdsserver.xds.protobuf import length_prefix
from xdsserver.xds.resource import ROUTE, Resource

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from envoy.config.route.v3.route_components_pb2 import Route

    from xdsserver.model.places import ChainKey
    from xdsserver.model.routing import PreRouting
    from xdsserver.objects.meta import ObjectKey
    from xdsserver.translation.routes import RouteKey, RouteList

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
    """A serialised virtual host, the clusters that it names, and what it was joined from."""

    wire: bytes
    clusters: frozenset[str]
    parts: HostParts = field(compare=False, repr=False)


class HostOwner(NamedTuple):
    """The Gateway whose listener a virtual host stands for, and whether that listener asks for the hostname itself."""

    gateway: ObjectKey
    itself: bool


@dataclass(frozen=True, slots=True)
class HostParts:
    """A virtual host in its pieces: `settings` are what its listener asks for, the same in all of its virtual hosts."""

    owner: HostOwner | None
    head: bytes
    lists: tuple[RouteList, ...] = ()
    tail: bytes = b""
    clusters: frozenset[str] = frozenset()
    settings: bytes = b""


def route_configuration_name(chain: ChainKey) -> str:
    """Name the RouteConfiguration that the connection manager of a filter chain asks for."""
    return str(chain)


def host(hostname: str, owner: HostOwner, lists: Iterable[RouteList], pre_routing: PreRouting | None) -> Host:
    """Join a virtual host from the routes of its own hostname and of those that cover it, most specific first.

    Envoy chooses one virtual host and never falls through to another, so what less specific hostnames answer must be in
    here too. `pre_routing` is that of the listener, None where it has no filters.
    """
    head = VirtualHost(name=hostname, domains=[hostname]).SerializeToString(deterministic=True)
    if pre_routing is None:
        return _joined(HostParts(owner, head, tuple(lists)))
    settings = VirtualHost()
    run_before_routes(settings, pre_routing)
    before = settings.SerializeToString(deterministic=True)
    last = everything_else(pre_routing).SerializeToString(deterministic=True)
    tail = length_prefix(_ROUTES, len(last)) + last
    clusters = frozenset(map(str, filter_clusters(pre_routing)))
    lists = tuple(lists) if pre_routing.whole else ()
    return _joined(HostParts(owner, head + before, lists, tail, clusters, before + tail))


def _joined(parts: HostParts) -> Host:
    lists, clusters = parts.lists, parts.clusters
    body = b"".join((parts.head, *(one.wire for one in lists), parts.tail))
    # Most hosts have one list, whose set is shared.
    shared = len(lists) == 1 and not clusters
    clusters = lists[0].clusters if shared else clusters.union(*(one.clusters for one in lists))
    return Host(length_prefix(_VIRTUAL_HOSTS, len(body)) + body, clusters, parts)


def routes_of(host_: Host) -> Iterator[tuple[RouteKey | None, Route]]:
    """Give the routes of a virtual host in the order in which Envoy tries them, with whose each is."""
    parts = host_.parts
    yield from ((None, route) for route in VirtualHost.FromString(parts.head).routes)
    for one in parts.lists:
        routes = VirtualHost.FromString(one.wire).routes
        yield from ((key, route) for (key, _), route in zip(one.members, routes, strict=True))
    yield from ((None, route) for route in VirtualHost.FromString(parts.tail).routes)


def listed_domains(host_: Host) -> frozenset[str]:
    """Give the hostnames that a virtual host answers for."""
    return frozenset(VirtualHost.FromString(host_.parts.head).domains)


def misdirected(hostnames: Iterable[str]) -> Host:
    """Answer 421 for hostnames that another filter chain serves: the client has connected for a different one.

    A client that reuses a connection for another host of its certificate opens a new one then (RFC 9110, 15.5.20).
    """
    out = VirtualHost(name="misdirected", domains=sorted(hostnames))
    route = out.routes.add(name="misdirected")
    route.match.prefix = ""
    route.direct_response.status = HTTPStatus.MISDIRECTED_REQUEST
    return _joined(HostParts(None, out.SerializeToString(deterministic=True)))


class HostPiece(NamedTuple):
    """Virtual hosts that stand side by side, as bytes of RouteConfiguration.virtual_hosts, with their clusters."""

    wire: bytes
    clusters: Iterable[frozenset[str]]
    members: Sequence[tuple[HostKey, Host]]


def host_piece(members: Sequence[tuple[HostKey, Host]]) -> HostPiece:
    """Join virtual hosts that stand side by side."""
    # Hosts share few sets of clusters.
    clusters = dict.fromkeys([one.clusters for _, one in members])
    return HostPiece(b"".join([one.wire for _, one in members]), clusters, members)


def route_configuration(chain: ChainKey, pieces: Sequence[HostPiece]) -> Resource:
    """Join the RouteConfiguration of a filter chain from its virtual hosts."""
    pieces = tuple(pieces)
    head = RouteConfiguration(name=route_configuration_name(chain)).SerializeToString(deterministic=True)
    body = b"".join([head, *[piece.wire for piece in pieces], _TAIL])
    clusters = tuple(dict.fromkeys(one for piece in pieces for one in piece.clusters))
    resource = Resource.of_bytes(ROUTE, route_configuration_name(chain), body, clusters=clusters)

    def parts() -> Assembly:
        return Assembly(head, tuple(_section(*one) for piece in pieces for one in piece.members), _TAIL)

    return resource.joined_from(parts)


def _section(key: HostKey, host_: Host) -> Section:
    """Say whose the pieces of a virtual host are: routes their owners', the rest that of the Gateway."""
    parts = host_.parts
    fragments = tuple(
        Fragment(route.owner, route.hostname, (_rank(route.hostname), found.order, route), found.wire, found.clusters)
        for one in parts.lists
        for route, found in one.members
    )
    gateway, itself = (parts.owner.gateway, parts.owner.itself) if parts.owner is not None else (NOBODY, True)
    return Section(
        key.hostname,
        gateway,
        _VIRTUAL_HOSTS,
        head=parts.head,
        fragments=fragments,
        tail=parts.tail,
        clusters=parts.clusters,
        settings=parts.settings,
        bare=itself,
        closed=_closed(key.hostname) if gateway else b"",
    )


def _rank(hostname: str) -> tuple[int, bool]:
    """Order hostnames that cover one another: the most specific first."""
    return -hostname.count("."), hostname.startswith("*")


def _closed(hostname: str) -> bytes:
    """Give a virtual host that answers with an error, so that no other answers in its place."""
    out = VirtualHost(name=hostname, domains=[hostname])
    route = out.routes.add(name="rejected")
    route.match.prefix = ""
    route.direct_response.status = HTTPStatus.INTERNAL_SERVER_ERROR
    return out.SerializeToString(deterministic=True)


def _tail() -> bytes:
    """Give the fields behind the virtual hosts.

    A Host header may carry a port, and reaches the backend as it is. Of edits of one header the one closest to the
    backend wins.
    """
    settings = RouteConfiguration(ignore_port_in_host_matching=True, most_specific_header_mutations_wins=True)
    return settings.SerializeToString(deterministic=True)


_TAIL = _tail()
