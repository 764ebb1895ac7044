"""What must be true of any set of resources that is served to a fleet, whatever users wrote.

These are Envoy's rules for what fits together; what the resources should say is for the golden cases.
"""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING

from envoy.config.cluster.v3.cluster_pb2 import Cluster
from envoy.config.endpoint.v3.endpoint_pb2 import ClusterLoadAssignment
from envoy.config.listener.v3.listener_pb2 import Listener
from envoy.config.route.v3.route_pb2 import RouteConfiguration
from envoy.extensions.common.matching.v3.extension_matcher_pb2 import ExtensionWithMatcherPerRoute
from envoy.extensions.filters.http.composite.v3.composite_pb2 import ExecuteFilterAction
from envoy.extensions.filters.http.ext_authz.v3.ext_authz_pb2 import ExtAuthz
from envoy.extensions.filters.network.http_connection_manager.v3.http_connection_manager_pb2 import (
    HttpConnectionManager,
)

from xdsserver.xds.resource import CLUSTER, ENDPOINTS, LISTENER, ROUTE

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from envoy.config.route.v3.route_components_pb2 import RouteAction
    from google.protobuf.any_pb2 import Any

    from xdsserver.pipeline import ResourceKey
    from xdsserver.xds.resource import Resource

NEVER_THERE = "backend-not-found"
"""The cluster whose absence answers for the share of a backend that cannot be found."""


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
            assert set().union(*resource.clusters) == named - {NEVER_THERE}
            assert named - {NEVER_THERE} <= names[fleet, CLUSTER]
            domains = [domain.lower() for host in routes.virtual_hosts for domain in host.domains]
            assert len(domains) == len(set(domains))
            assert domains, "a listener that answers for no hostname"
        elif type_url == LISTENER:
            listener = Listener.FromString(resource.body)
            assert listener.name == name
            assert connection_manager(listener).rds.route_config_name in names[fleet, ROUTE]
        elif type_url == CLUSTER:
            cluster = Cluster.FromString(resource.body)
            assert cluster.name == name
            if cluster.type == Cluster.EDS:
                assert cluster.eds_cluster_config.service_name == resource.endpoints
                assert resource.endpoints in names[fleet, ENDPOINTS]
            else:
                assert resource.endpoints is None
        else:
            assert type_url == ENDPOINTS
            assert ClusterLoadAssignment.FromString(resource.body).cluster_name == name


def named_clusters(routes: RouteConfiguration) -> set[str]:
    """Give the clusters that requests can be sent to, those that filters ask included."""
    found: set[str] = set()
    for host in routes.virtual_hosts:
        found.update(_asked(host.typed_per_filter_config))
        for route in host.routes:
            found.update(_asked(route.typed_per_filter_config))
            if route.HasField("route"):
                found.update(_clusters(route.route))
    return found


def _clusters(action: RouteAction) -> Iterator[str]:
    if action.cluster:
        yield action.cluster
    yield from (mirror.cluster for mirror in action.request_mirror_policies)
    for share in action.weighted_clusters.clusters:
        yield share.name
        yield from _asked(share.typed_per_filter_config)


def _asked(settings: Mapping[str, Any]) -> Iterator[str]:
    """Give the clusters of services that filters ask, by the settings of one route, share or virtual host."""
    for packed in settings.values():
        per_route, execute, auth = ExtensionWithMatcherPerRoute(), ExecuteFilterAction(), ExtAuthz()
        if packed.Unpack(per_route):
            assert per_route.xds_matcher.on_no_match.action.typed_config.Unpack(execute)
            assert execute.typed_config.typed_config.Unpack(auth)
            yield auth.grpc_service.envoy_grpc.cluster_name or auth.http_service.server_uri.cluster


def connection_manager(listener: Listener) -> HttpConnectionManager:
    """Unpack the connection manager of a plain HTTP listener."""
    manager = HttpConnectionManager()
    assert listener.filter_chains[0].filters[0].typed_config.Unpack(manager)
    return manager
