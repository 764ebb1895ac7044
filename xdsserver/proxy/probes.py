"""The listener of an Envoy in a pod that answers probes and scrapes: two paths of the admin interface, to be read only.

Envoy opens it with all others, when it has its first configuration. So who is answered at all speaks to an Envoy that
can serve.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from envoy.config.cluster.v3.cluster_pb2 import Cluster
from envoy.config.core.v3.address_pb2 import Address, Pipe
from envoy.config.endpoint.v3.endpoint_components_pb2 import Endpoint, LbEndpoint, LocalityLbEndpoints
from envoy.config.endpoint.v3.endpoint_pb2 import ClusterLoadAssignment
from envoy.config.listener.v3.listener_components_pb2 import Filter, FilterChain
from envoy.config.listener.v3.listener_pb2 import Listener
from envoy.config.route.v3.route_components_pb2 import HeaderMatcher, Route, RouteAction, RouteMatch, VirtualHost
from envoy.config.route.v3.route_pb2 import RouteConfiguration
from envoy.extensions.filters.http.router.v3.router_pb2 import Router
from envoy.extensions.filters.network.http_connection_manager.v3.http_connection_manager_pb2 import (
    HttpConnectionManager,
    HttpFilter,
)
from envoy.type.matcher.v3.string_pb2 import StringMatcher
from google.protobuf import any_pb2, duration_pb2

if TYPE_CHECKING:
    from google.protobuf.message import Message

PROBES: Final = "probes"
"""Name of the listener, and of its statistics."""

ADMIN_CLUSTER: Final = "xdsserver_admin"
"""Name of the static cluster of the admin interface; translation must not name a cluster so."""

PATHS: Final = ("/ready", "/stats/prometheus")


def probes_listener(address: Address) -> Listener:
    """Return the listener; everything but GET of `PATHS` is answered 404."""
    get = HeaderMatcher(name=":method", string_match=StringMatcher(exact="GET"))
    routes = [
        Route(match=RouteMatch(path=path, headers=[get]), route=RouteAction(cluster=ADMIN_CLUSTER)) for path in PATHS
    ]
    manager = HttpConnectionManager(
        stat_prefix=PROBES,
        route_config=RouteConfiguration(
            name=PROBES, virtual_hosts=[VirtualHost(name=PROBES, domains=["*"], routes=routes)]
        ),
        http_filters=[HttpFilter(name="envoy.filters.http.router", typed_config=_any(Router()))],
        # Anybody in the cluster may connect; nobody may hold anything for long.
        request_headers_timeout=duration_pb2.Duration(seconds=5),
        stream_idle_timeout=duration_pb2.Duration(seconds=10),
    )
    manager.common_http_protocol_options.idle_timeout.FromSeconds(60)
    connections = Filter(name="envoy.filters.network.http_connection_manager", typed_config=_any(manager))
    return Listener(
        name=PROBES,
        stat_prefix=PROBES,
        address=address,
        filter_chains=[FilterChain(filters=[connections])],
        # Probes must be answered also where clients hold all connections that there may be.
        ignore_global_conn_limit=True,
    )


def admin_cluster(socket: str) -> Cluster:
    """Return the cluster that leads to the admin interface at a socket."""
    endpoint = Endpoint(address=Address(pipe=Pipe(path=socket)))
    return Cluster(
        name=ADMIN_CLUSTER,
        type=Cluster.STATIC,
        connect_timeout=duration_pb2.Duration(seconds=1),
        load_assignment=ClusterLoadAssignment(
            cluster_name=ADMIN_CLUSTER,
            endpoints=[LocalityLbEndpoints(lb_endpoints=[LbEndpoint(endpoint=endpoint)])],
        ),
    )


def _any(message: Message) -> any_pb2.Any:
    packed = any_pb2.Any()
    packed.Pack(message)
    return packed
