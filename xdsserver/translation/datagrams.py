"""Datagrams: the listener filter that passes them on, and the endpoints of a route, backend by backend.

Envoy's UDP proxy knows one cluster and no weights, so a UDPRoute has a cluster of its own in which each backend is a
locality with the weight of its backendRef (`docs/adr/0013-a-udproute-is-a-cluster.md`).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from envoy.config.endpoint.v3.endpoint_pb2 import ClusterLoadAssignment
from envoy.config.listener.v3.listener_components_pb2 import ListenerFilter
from envoy.extensions.filters.udp.udp_proxy.v3.route_pb2 import Route
from envoy.extensions.filters.udp.udp_proxy.v3.udp_proxy_pb2 import UdpProxyConfig

from xdsserver.translation.chains import NOWHERE, Chain
from xdsserver.translation.clusters import add_endpoint
from xdsserver.translation.edge import BACKEND_DATAGRAM, SESSION_IDLE, with_defaults
from xdsserver.xds.protobuf import length_prefix
from xdsserver.xds.resource import Resource

if TYPE_CHECKING:
    from collections.abc import Iterable

    from xdsserver.model.backends import ShareOfEndpoints
    from xdsserver.model.places import ChainKey
    from xdsserver.model.routing import ClusterKey, EndpointsKey

_LISTENER_FILTERS = 9
"""Field number of Listener.listener_filters."""

_DROPPING = ("255.255.255.255", 9)
"""The broadcast address and the port that discards: the kernel refuses to send there, so it never leaves the Envoy."""


def datagram_chain(key: ChainKey, cluster: ClusterKey | None) -> Chain:
    """Pass on the datagrams of a bind, or drop them where there is nobody to get them."""
    proxy = UdpProxyConfig(stat_prefix=f"udp_{key.bind.port}")
    with_defaults(proxy, (SESSION_IDLE, BACKEND_DATAGRAM))
    name = str(cluster) if cluster is not None else NOWHERE
    proxy.matcher.on_no_match.action.name = "route"
    proxy.matcher.on_no_match.action.typed_config.Pack(Route(cluster=name), deterministic=True)
    out = ListenerFilter(name="envoy.filters.udp_listener.udp_proxy")
    out.typed_config.Pack(proxy, deterministic=True)
    body = out.SerializeToString(deterministic=True)
    wire = length_prefix(_LISTENER_FILTERS, len(body)) + body
    return Chain(wire, frozenset((name,)) if cluster is not None else frozenset())


def weighted_load_assignment(key: EndpointsKey, shares: Iterable[ShareOfEndpoints]) -> Resource:
    """Translate the endpoints of a route; shares that nobody can take are dropped together.

    An endpoint that several backends have is there once, with the first of them, as Envoy would have it.
    """
    out = ClusterLoadAssignment(cluster_name=str(key))
    dropped = 0
    taken: set[tuple[str, int]] = set()
    for share in shares:
        if not share.members:
            dropped += share.weight
            continue
        own = [(one.address, one.port) for one in share.members if (one.address, one.port) not in taken]
        taken.update(own)
        if own:
            locality = out.endpoints.add()
            locality.locality.sub_zone = share.name
            locality.load_balancing_weight.value = share.weight
            for address, port in own:
                add_endpoint(locality, address, port)
    if dropped and out.endpoints:
        locality = out.endpoints.add()
        locality.locality.sub_zone = NOWHERE
        locality.load_balancing_weight.value = dropped
        add_endpoint(locality, *_DROPPING)
    return Resource.of(out, out.cluster_name)
