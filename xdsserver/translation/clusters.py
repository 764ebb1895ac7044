"""Clusters and their endpoints."""

from __future__ import annotations

from typing import TYPE_CHECKING

from envoy.config.cluster.v3.cluster_pb2 import Cluster as EnvoyCluster
from envoy.config.core.v3.extension_pb2 import TypedExtensionConfig
from envoy.config.endpoint.v3.endpoint_pb2 import ClusterLoadAssignment
from envoy.extensions.network.dns_resolver.cares.v3.cares_dns_resolver_pb2 import CaresDnsResolverConfig
from envoy.extensions.upstreams.http.v3.http_protocol_options_pb2 import HttpProtocolOptions

from xdsserver.model.backends import FromDns, FromSlices, Nowhere
from xdsserver.translation.edge import BUFFER, CONNECT_TIMEOUT, CONNECTIONS_AT_ONCE, SESSIONS_AT_ONCE, with_defaults
from xdsserver.translation.sources import ads_of_endpoints
from xdsserver.translation.upstream_tls import transport_socket
from xdsserver.xds.resource import Resource

if TYPE_CHECKING:
    from collections.abc import Mapping

    from envoy.config.endpoint.v3.endpoint_components_pb2 import LocalityLbEndpoints

    from xdsserver.model.backends import Cluster, Endpoints
    from xdsserver.model.routing import BackendProtocol

_RETRIES_AT_ONCE = 1024
"""How many requests to a cluster may be waiting for another try or be in one: as many as it may have requests at all.

Envoy's own 3 would answer with the failure what a rule wants tried again, as soon as there is some traffic.
"""


def _http() -> EnvoyCluster:
    out = with_defaults(EnvoyCluster(), (CONNECT_TIMEOUT, BUFFER))
    out.circuit_breakers.thresholds.add().max_retries.value = _RETRIES_AT_ONCE
    return out


def _datagrams() -> EnvoyCluster:
    out = with_defaults(EnvoyCluster(), (SESSIONS_AT_ONCE,))
    # The backends of a route are its localities (`datagrams.py`), weighted as its backendRefs are.
    out.common_lb_config.locality_weighted_lb_config.SetInParent()
    return out


_HTTP = _http()
_CONNECTIONS = with_defaults(EnvoyCluster(), (CONNECT_TIMEOUT, BUFFER, CONNECTIONS_AT_ONCE))
_PASSED_ON: Mapping[str, EnvoyCluster] = {"tcp": _CONNECTIONS, "tls": _CONNECTIONS, "udp": _datagrams()}
"""What clusters have in common, by what is spoken; made once, as there are many clusters."""

_HTTP_OPTIONS = "envoy.extensions.upstreams.http.v3.HttpProtocolOptions"
"""The key under which a cluster says how it speaks HTTP."""


def cluster(cluster_: Cluster) -> Resource:
    """Translate a cluster; its endpoints are a resource of their own, so that they can change without it."""
    name = str(cluster_.key)
    out = EnvoyCluster()
    out.CopyFrom(_PASSED_ON.get(cluster_.key.protocol, _HTTP))
    out.name = name
    _speak(out, cluster_.key.protocol)
    if cluster_.tls is not None:
        out.transport_socket.CopyFrom(transport_socket(cluster_.tls, cluster_.key.protocol))
    endpoints = None
    match cluster_.discovery:
        case FromSlices(key):
            endpoints = str(key)
            out.type = EnvoyCluster.EDS
            out.eds_cluster_config.service_name = endpoints
            out.eds_cluster_config.eds_config.CopyFrom(ads_of_endpoints())
            # EndpointSlices say who is ready; an endpoint that left must not serve on because a health check says so.
            out.ignore_health_on_host_removal = True
        case FromDns(hostname, port):
            # As a client reaches a name: one address at a time, the next one where it refuses. As endpoints of their
            # own (STRICT_DNS) an address that nobody listens on, such as ::1 of localhost, would fail its share.
            out.type = EnvoyCluster.LOGICAL_DNS
            # A name that does not resolve must not hold back other clusters or listeners while Envoy starts.
            out.wait_for_warm_on_init.value = False
            out.dns_lookup_family = EnvoyCluster.ALL
            out.typed_dns_resolver_config.CopyFrom(_NO_SEARCH)
            out.load_assignment.cluster_name = name
            _add(out.load_assignment, hostname, port)
        case Nowhere():
            out.type = EnvoyCluster.STATIC
            out.load_assignment.cluster_name = name
    return Resource.of(out, name, endpoints=endpoints)


def _speak(out: EnvoyCluster, protocol: BackendProtocol) -> None:
    options = HttpProtocolOptions()
    match protocol:
        case "http1" | "tcp" | "tls" | "udp":
            return
        case "http2":
            options.explicit_http_config.http2_protocol_options.SetInParent()
        case "auto":
            options.auto_config.http_protocol_options.SetInParent()
            options.auto_config.http2_protocol_options.SetInParent()
    out.typed_extension_protocol_options[_HTTP_OPTIONS].Pack(options, deterministic=True)


def _resolver() -> TypedExtensionConfig:
    """Resolve names as they are: `db` must not become `db.default.svc.cluster.local` because of where Envoy runs."""
    settings = CaresDnsResolverConfig()
    settings.dns_resolver_options.no_default_search_domain = True
    out = TypedExtensionConfig(name="envoy.network.dns_resolver.cares")
    out.typed_config.Pack(settings, deterministic=True)
    return out


_NO_SEARCH = _resolver()


def load_assignment(endpoints: Endpoints) -> Resource:
    """Translate the endpoints of one port of one backend."""
    out = ClusterLoadAssignment(cluster_name=str(endpoints.key))
    for member in endpoints.members:
        _add(out, member.address, member.port)
    return Resource.of(out, out.cluster_name)


def _add(assignment: ClusterLoadAssignment, address: str, port: int) -> None:
    add_endpoint(assignment.endpoints[0] if assignment.endpoints else assignment.endpoints.add(), address, port)


def add_endpoint(locality: LocalityLbEndpoints, address: str, port: int) -> None:
    """Add an endpoint to a locality."""
    added = locality.lb_endpoints.add()
    added.endpoint.address.socket_address.address = address
    added.endpoint.address.socket_address.port_value = port
