"""Clusters while something uses them, and endpoints while a cluster reads them."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from typing import TYPE_CHECKING

from xdsserver.gatewayapi.backends.endpoints import endpoints
from xdsserver.gatewayapi.backendtlspolicies import in_force
from xdsserver.gatewayapi.streams import L4_KINDS, shares
from xdsserver.model.backends import Cluster, FromDns, FromSlices, Nowhere, ShareOfEndpoints
from xdsserver.model.routing import EndpointsKey
from xdsserver.objects.meta import Name, ObjectKey
from xdsserver.pipeline.rows import (
    NO_PORT,
)
from xdsserver.pipeline.rules import rules_at, rules_of
from xdsserver.translation.clusters import load_assignment
from xdsserver.translation.datagrams import weighted_load_assignment
from xdsserver.translation.prerouting import filter_clusters
from xdsserver.translation.routes import used_clusters

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from xdsserver.gatewayapi.backends.kinds import Backend, Kind, Port
    from xdsserver.gatewayapi.listenerfilters import ResolvedListenerFilters
    from xdsserver.model.backends import Discovery, Endpoints, UpstreamTls
    from xdsserver.model.places import ListenerKey
    from xdsserver.model.routing import ClusterKey, Hosts
    from xdsserver.objects.core import EndpointSlice
    from xdsserver.pipeline.rows import (
        ClusterUse,
        FleetCluster,
        ResourceKey,
    )
    from xdsserver.pipeline.story import Pipeline
    from xdsserver.tables import Read
    from xdsserver.xds.resource import Resource


def to_route_cluster_uses(
    tables: Pipeline, read: Read, key: tuple[ListenerKey, ObjectKey], _hosts: tuple[Hosts, ...]
) -> Mapping[ClusterUse, bool]:
    listener, route = key
    serving = read(tables.binds, listener)
    if serving is None or route.kind in L4_KINDS:
        return {}
    rules = (resolved.rule for resolved in rules_at(tables, read, listener, route))
    used = {cluster_ for rule in rules if rule is not None for cluster_ in used_clusters(rule)}
    return {(serving.bind.fleet, cluster_, listener, route): True for cluster_ in used}


def to_listener_cluster_uses(
    tables: Pipeline, read: Read, key: ListenerKey, found: ResolvedListenerFilters
) -> Mapping[ClusterUse, bool]:
    serving = read(tables.binds, key)
    if serving is None:
        return {}
    gateway = ObjectKey(key.kind, key.namespace, key.parent)
    return {(serving.bind.fleet, one, key, gateway): True for one in filter_clusters(found.pre_routing)}


def to_clusters(tables: Pipeline, read: Read, key: FleetCluster, _count: int) -> Mapping[FleetCluster, Cluster]:
    cluster_ = key[1]
    target = ObjectKey(*cluster_[:3])
    backend = read(tables.backends, target)
    transport = "UDP" if cluster_.protocol == "udp" else "TCP"
    port = read(tables.ports, (target, (cluster_.port, transport))) or NO_PORT
    discovery: Discovery = FromSlices(EndpointsKey(*cluster_[:4], transport))
    if backend is not None and backend.hostname:
        discovery = FromDns(backend.hostname, port.target or cluster_.port)
    tls = _tls(tables, read, cluster_, backend, port)
    return {key: Cluster(cluster_, Nowhere()) if isinstance(tls, Nowhere) else Cluster(cluster_, discovery, tls)}


def _tls(
    tables: Pipeline, read: Read, cluster_: ClusterKey, backend: Backend | None, port: Port
) -> UpstreamTls | Nowhere | None:
    """Give the TLS towards a backend; whoever asks for one that cannot be had does not want plain text instead."""
    if cluster_.protocol in ("tls", "udp"):
        return None
    tls = backend.tls if backend is not None else None
    policy = in_force(read, tables.policies, ObjectKey(*cluster_[:3]), port.name)
    if policy is not None:
        verified = read(tables.verifications, policy)
        tls = verified.tls if verified is not None else None
        if tls is None:
            return Nowhere()
    if tls is None or tls.certificate is not None or not cluster_.gateway:
        return tls
    shown = read(tables.client_certificates, Name(*cluster_.gateway.split("/")))
    return Nowhere() if shown is None or shown.secret is None else replace(tls, certificate=shown.secret)


def to_endpoint_uses(
    _read: Read, key: FleetCluster, cluster_: Cluster
) -> Mapping[tuple[str, EndpointsKey, ClusterKey], bool]:
    match cluster_.discovery:
        case FromSlices(wanted):
            return {(key[0], wanted, key[1]): True}
        case FromDns() | Nowhere():
            return {}


def to_endpoint_resources(
    tables: Pipeline, read: Read, key: tuple[str, EndpointsKey], _count: int
) -> Mapping[ResourceKey, Resource]:
    fleet, wanted = key
    if wanted.kind == "UDPRoute":
        resource = weighted_load_assignment(wanted, _shares(tables, read, ObjectKey(*wanted[:3])))
    else:
        resource = load_assignment(endpoints_behind(tables, read, wanted))
    return {(fleet, resource.type_url, resource.name): resource}


def _shares(tables: Pipeline, read: Read, route: ObjectKey) -> Iterator[ShareOfEndpoints]:
    """Give the backends of a route for datagrams, each once; what cannot be had has no name and no endpoints."""
    weights: Counter[ClusterKey | None] = Counter()
    for share in shares(rules_of(tables, read, route)):
        weights[share.cluster] += share.weight
    for backend, weight in weights.items():
        if backend is None:
            yield ShareOfEndpoints("", weight, ())
        else:
            found = endpoints_behind(tables, read, EndpointsKey(*backend[:4], "UDP"))
            yield ShareOfEndpoints(str(backend), weight, found.members)


def endpoints_behind(tables: Pipeline, read: Read, wanted: EndpointsKey) -> Endpoints:
    port = read(tables.ports, (ObjectKey(*wanted[:3]), (wanted.port, wanted.transport)))
    found = slices_behind(tables, read, wanted) if port is not None else ()
    return endpoints(wanted, port or NO_PORT, found)


def slices_behind(tables: Pipeline, read: Read, wanted: EndpointsKey) -> Iterator[EndpointSlice]:
    target = ObjectKey(*wanted[:3])
    backend = read(tables.backends, target)
    members = tuple(ObjectKey("Service", *one) for one in backend.members) if backend is not None else ()
    owned = (one for owner in members or (target,) for one in read(tables.slices_of, owner) or ())
    slices = (read(tables.endpoint_slices, one) for one in owned)
    return (one for one in slices if one is not None)


def owner_by_label(kind: Kind) -> Callable[[Name, EndpointSlice], ObjectKey | None]:
    def owner(key: Name, slice_: EndpointSlice) -> ObjectKey | None:
        name = slice_.metadata.labels.get(kind.label)
        return ObjectKey(kind.name, key.namespace, name) if name else None

    return owner
