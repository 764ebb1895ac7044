"""Envoy resources by hand, as small as they can be, and a backend that answers with its name."""

from __future__ import annotations

from contextlib import asynccontextmanager
from datetime import timedelta
from typing import TYPE_CHECKING

from aiohttp import web
from envoy.config.cluster.v3 import cluster_pb2
from envoy.config.core.v3 import config_source_pb2
from envoy.config.endpoint.v3 import endpoint_pb2
from envoy.config.listener.v3 import listener_pb2
from envoy.config.route.v3 import route_pb2
from envoy.extensions.filters.http.router.v3 import router_pb2
from envoy.extensions.filters.network.http_connection_manager.v3 import http_connection_manager_pb2 as manager_pb2

from xdsserver.xds.resource import Resource

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterable

FLEET = "edge"


def ads() -> config_source_pb2.ConfigSource:
    source = config_source_pb2.ConfigSource(resource_api_version=config_source_pb2.V3)
    source.ads.SetInParent()
    return source


def cluster(name: str, *, endpoints: str | None = None, connect_timeout_s: float = 1.0) -> Resource:
    message = cluster_pb2.Cluster(name=name, type=cluster_pb2.Cluster.EDS)
    message.connect_timeout.FromTimedelta(timedelta(seconds=connect_timeout_s))
    message.eds_cluster_config.eds_config.CopyFrom(ads())
    message.eds_cluster_config.service_name = endpoints or name
    return Resource.of(message, name, endpoints=endpoints or name)


def endpoints(name: str, port: int) -> Resource:
    message = endpoint_pb2.ClusterLoadAssignment(cluster_name=name)
    address = message.endpoints.add().lb_endpoints.add().endpoint.address.socket_address
    address.address, address.port_value = "127.0.0.1", port
    return Resource.of(message, name)


def listener(name: str, port: int, *, routes: str) -> Resource:
    manager = manager_pb2.HttpConnectionManager(stat_prefix=name)
    manager.rds.route_config_name = routes
    manager.rds.config_source.CopyFrom(ads())
    router = manager.http_filters.add(name="router")
    router.typed_config.Pack(router_pb2.Router())
    message = listener_pb2.Listener(name=name)
    message.address.socket_address.address = "127.0.0.1"
    message.address.socket_address.port_value = port
    network = message.filter_chains.add().filters.add(name="http")
    network.typed_config.Pack(manager)
    return Resource.of(message, name)


def routes(name: str, to: Iterable[str], *, regex: str | None = None) -> Resource:
    """Make a table: `/CLUSTER` goes to each of these clusters, everything else to the first."""
    targets = tuple(to)
    message = route_pb2.RouteConfiguration(name=name)
    host = message.virtual_hosts.add(name="all", domains=["*"])
    if regex is not None:
        bad = host.routes.add()
        bad.match.safe_regex.regex = regex
        bad.route.cluster = targets[0]
    for target in targets:
        entry = host.routes.add()
        entry.match.path = f"/{target}"
        entry.route.cluster = target
    rest = host.routes.add()
    rest.match.prefix = "/"
    rest.route.cluster = targets[0]
    return Resource.of(message, name, clusters=(frozenset(targets),))


def changes(*resources: Resource, fleet: str = FLEET) -> dict[tuple[str, str, str], Resource | None]:
    return {(fleet, resource.type_url, resource.name): resource for resource in resources}


def removals(*resources: Resource, fleet: str = FLEET) -> dict[tuple[str, str, str], Resource | None]:
    return {(fleet, resource.type_url, resource.name): None for resource in resources}


@asynccontextmanager
async def backend(name: str) -> AsyncIterator[int]:
    """Serve HTTP on a loopback port of its own; every answer is the name."""

    async def answer(_request: web.BaseRequest) -> web.Response:
        return web.Response(text=name)

    runner = web.ServerRunner(web.Server(answer))
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    try:
        port: int = runner.addresses[0][1]
        yield port
    finally:
        await runner.cleanup()
