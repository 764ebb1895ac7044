"""What must be true of any set of resources that is served to a fleet, whatever users wrote.

These are Envoy's rules for what fits together; what the resources should say is for the golden cases.
"""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING, Any

from envoy.config.cluster.v3.cluster_pb2 import Cluster
from envoy.config.endpoint.v3.endpoint_pb2 import ClusterLoadAssignment
from envoy.config.listener.v3.listener_pb2 import Listener
from envoy.config.route.v3.route_components_pb2 import WeightedCluster
from envoy.config.route.v3.route_pb2 import RouteConfiguration
from envoy.extensions.filters.network.http_connection_manager.v3.http_connection_manager_pb2 import (
    HttpConnectionManager,
)
from envoy.extensions.filters.network.tcp_proxy.v3.tcp_proxy_pb2 import TcpProxy
from envoy.extensions.transport_sockets.tls.v3.secret_pb2 import Secret
from envoy.extensions.transport_sockets.tls.v3.tls_pb2 import DownstreamTlsContext, UpstreamTlsContext
from google.protobuf.any_pb2 import Any as AnyMessage
from google.protobuf.descriptor_pool import Default
from google.protobuf.message import Message
from google.protobuf.message_factory import GetMessageClass

from xdsserver.translation.chains import NOWHERE
from xdsserver.xds.resource import CLUSTER, ENDPOINTS, LISTENER, ROUTE, SECRET

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from xdsserver.pipeline import ResourceKey
    from xdsserver.xds.resource import Resource

NEVER_THERE = frozenset({"backend-not-found", "cors-answers-only"})
"""Clusters whose absence answers: for the share of a backend that cannot be found, for a rule that has none."""


def assert_fits_together(resources: Mapping[ResourceKey, Resource]) -> None:
    """Require that all names lead somewhere within their fleet, and that no RouteConfiguration repeats a domain."""
    names: dict[tuple[str, str], set[str]] = defaultdict(set)
    for fleet, type_url, name in resources:
        names[fleet, type_url].add(name)
    for (fleet, type_url, name), resource in resources.items():
        assert (resource.type_url, resource.name) == (type_url, name)
        if type_url == ROUTE:
            routes = RouteConfiguration.FromString(resource.body)
            assert routes.name == name
            named = named_clusters(routes)
            # It may wait for one more: that of a filter which has nothing to do where a rule answers by itself.
            assert named - NEVER_THERE <= set().union(*resource.clusters) <= names[fleet, CLUSTER]
            domains = [domain.lower() for host in routes.virtual_hosts for domain in host.domains]
            assert len(domains) == len(set(domains))
            assert domains, "a listener that answers for no hostname"
        elif type_url == LISTENER:
            listener = Listener.FromString(resource.body)
            assert listener.name == name
            assert route_tables(listener) <= names[fleet, ROUTE]
            assert certificates(listener) <= names[fleet, SECRET]
            passed_on = named_clusters(listener) - {NOWHERE}
            assert passed_on == set().union(*resource.clusters) <= names[fleet, CLUSTER]
        elif type_url == SECRET:
            assert Secret.FromString(resource.body).name == name
        elif type_url == CLUSTER:
            cluster = Cluster.FromString(resource.body)
            assert cluster.name == name
            if cluster.type == Cluster.EDS:
                assert cluster.eds_cluster_config.service_name == resource.endpoints
                assert resource.endpoints in names[fleet, ENDPOINTS]
            else:
                assert resource.endpoints is None
            assert shown_certificates(cluster) <= names[fleet, SECRET]
        else:
            assert type_url == ENDPOINTS
            assert ClusterLoadAssignment.FromString(resource.body).cluster_name == name


def named_clusters(message: Message) -> set[str]:
    """Give the clusters that requests, copies of them, or questions about them can be sent to."""
    return set(_named(message))


def _named(message: Message) -> Iterator[str]:
    """Look into every part, those of filters too, which are packed."""
    if isinstance(message, WeightedCluster.ClusterWeight | TcpProxy.WeightedCluster.ClusterWeight):
        yield message.name
    for field, value in message.ListFields():
        if field.name in ("cluster", "cluster_name"):
            yield value
        elif field.message_type is not None:
            for part in _parts(value):
                yield from _named(part)


def _parts(value: Any) -> Iterator[Message]:  # noqa: ANN401 (one message, or many of them, or a map of them)
    match value:
        case AnyMessage():
            packed = GetMessageClass(Default().FindMessageTypeByName(value.TypeName()))()
            assert value.Unpack(packed)
            yield packed
        case Message():
            yield value
        case _:
            members = value.values() if hasattr(value, "values") else value
            for one in members:
                if isinstance(one, Message):
                    yield from _parts(one)


def route_tables(listener: Listener) -> set[str]:
    """Give the route tables that its filter chains ask for."""
    found = set()
    for chain in listener.filter_chains:
        for one in chain.filters:
            manager = HttpConnectionManager()
            if one.typed_config.Unpack(manager):
                found.add(manager.rds.route_config_name)
    return found


def certificates(listener: Listener) -> set[str]:
    """Give the certificates that its filter chains ask for, and the authorities of those of clients."""
    found: set[str] = set()
    for chain in listener.filter_chains:
        context = DownstreamTlsContext()
        if chain.transport_socket.typed_config.Unpack(context):
            common = context.common_tls_context
            combined = common.combined_validation_context.validation_context_sds_secret_config
            found.update(one.name for one in common.tls_certificate_sds_secret_configs)
            found.update({common.validation_context_sds_secret_config.name, combined.name} - {""})
    return found


def shown_certificates(cluster: Cluster) -> set[str]:
    """Give the certificates that a cluster shows to its backends."""
    context = UpstreamTlsContext()
    if not cluster.transport_socket.typed_config.Unpack(context):
        return set()
    return {one.name for one in context.common_tls_context.tls_certificate_sds_secret_configs}
