"""What Envoy gets: bytes by fleet, type and name."""

from __future__ import annotations

from typing import TYPE_CHECKING

from xdsserver.gatewayapi.last_good import LastGood
from xdsserver.model.certificates import ServerCertificate
from xdsserver.model.places import Awaited
from xdsserver.objects.meta import Name
from xdsserver.pipeline.rows import HTTP_PROTOCOLS
from xdsserver.translation.clusters import cluster
from xdsserver.translation.downstream_tls import certificate, secrets_of
from xdsserver.translation.layout import route_configuration_name
from xdsserver.translation.listeners import listener_name
from xdsserver.xds.resource import LISTENER, ROUTE, SECRET

if TYPE_CHECKING:
    from collections.abc import Mapping

    from xdsserver.model.backends import Cluster
    from xdsserver.model.places import Bind, ChainKey, ListenerKey
    from xdsserver.pipeline.rows import (
        FleetCluster,
        ResourceKey,
        Serving,
    )
    from xdsserver.pipeline.story import Pipeline
    from xdsserver.tables import Read
    from xdsserver.xds.resource import Resource


def to_awaited(tables: Pipeline, read: Read, key: ListenerKey, serving: Serving) -> Mapping[ListenerKey, Awaited]:
    """An Envoy acknowledges a listener before it has its routes and certificates, and opens it when it has them."""
    name = Name(key.namespace, key.parent)
    parent = read(tables.gateways, name) if key.kind == "Gateway" else read(tables.listener_sets, name)
    tls = read(tables.terminations, key)
    if parent is None or (tls is not None and tls.termination is None):
        return {}
    fleet = serving.bind.fleet
    found = [(fleet, LISTENER, listener_name(serving.bind))]
    if serving.protocol in HTTP_PROTOCOLS:
        found.append((fleet, ROUTE, route_configuration_name(serving.chain)))
    if tls is not None and tls.termination is not None and _asks_for_secrets(tables, read, key, serving):
        found.extend((fleet, SECRET, name) for name in secrets_of(tls.termination))
    listener = read(tables.listeners, key)
    reached = listener is None or read(tables.unreached, listener.gateway) is None
    return {key: Awaited(parent.metadata.generation, tuple(found), parent.metadata.uid, reached)}


def _asks_for_secrets(tables: Pipeline, read: Read, key: ListenerKey, serving: Serving) -> bool:
    """Connections that are only closed need no certificate, so that no Envoy asks for it."""
    passing_on = read(tables.passing_on, key)
    return serving.protocol in HTTP_PROTOCOLS or passing_on is not None


def to_cluster_resources(_read: Read, key: FleetCluster, cluster_: Cluster) -> Mapping[ResourceKey, Resource]:
    resource = cluster(cluster_)
    return {(key[0], resource.type_url, resource.name): resource}


def to_listener_resources(_read: Read, bind: Bind, resource: Resource) -> Mapping[ResourceKey, Resource]:
    return {(bind.fleet, resource.type_url, resource.name): resource}


def to_route_resources(_read: Read, chain: ChainKey, resource: Resource) -> Mapping[ResourceKey, Resource]:
    return {(chain.bind.fleet, resource.type_url, resource.name): resource}


def to_certificate_resources(
    tables: Pipeline, read: Read, key: tuple[str, Name], _count: int
) -> Mapping[ResourceKey, Resource]:
    fleet, secret = key
    found = read(tables.certificates, secret)
    match found:
        case ServerCertificate():
            resource = certificate(secret, found)
        case LastGood(certificate=before):
            resource = certificate(secret, before)
        case _:
            return {}
    return {(fleet, resource.type_url, resource.name): resource}
