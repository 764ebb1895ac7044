"""Kubernetes objects that Gateways and fleets owe, and the addresses that Gateways have by them."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Literal, assert_never

from xdsserver.effects import Kept
from xdsserver.gatewayapi.addresses import Inside, only_inside, wanted_inside
from xdsserver.gatewayapi.conditions import Problem
from xdsserver.infrastructure.dataplane import Owner
from xdsserver.infrastructure.gateway_service import Given, Opened, gateway_service
from xdsserver.infrastructure.identity import object_name, selector
from xdsserver.infrastructure.marks import Marked, gateway_owner, service_name
from xdsserver.infrastructure.service_exposure import (
    MAX_ADDRESSES,
    Asked,
    ServedPort,
    exposing_service,
    fleet_service,
    in_the_way,
    mirrored_slices,
    written_in_service,
)
from xdsserver.model.fleets import AddressPool, HostPorts, PerService, Placement
from xdsserver.model.places import Bind, Promised, Refusal
from xdsserver.objects.envoyfleet import FLEET_GROUP
from xdsserver.objects.kinds import OWNED
from xdsserver.objects.meta import Name, ObjectKey

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from xdsserver.effects import Intended
    from xdsserver.infrastructure.allocation import Written
    from xdsserver.model.places import Binding, PortKey
    from xdsserver.objects.core import EndpointSlice, Service
    from xdsserver.objects.envoyfleet import EnvoyFleet
    from xdsserver.objects.gateway import Gateway
    from xdsserver.pipeline.story import Pipeline
    from xdsserver.tables import Read


def to_written_services(_read: Read, key: Name, service: Service) -> Mapping[Name, Written]:
    found = written_in_service(key, service)
    return {} if found is None else {found[0]: found[1]}


def gateway_of_port(key: PortKey, binding: Binding) -> Name | None:
    return None if isinstance(binding, Refusal) else key.gateway


def served_ports(_gateway: Name, members: Sequence[tuple[PortKey, Binding]]) -> tuple[ServedPort, ...]:
    return tuple(ServedPort(key.port, _bind(binding)) for key, binding in members if not isinstance(binding, Refusal))


def _bind(binding: Bind | Promised) -> Bind:
    return binding.bind if isinstance(binding, Promised) else binding


def to_marked(_read: Read, key: Name, gateway: Gateway) -> Mapping[Name, Marked]:
    infrastructure = gateway.spec.infrastructure
    labels, annotations = (infrastructure.labels, infrastructure.annotations) if infrastructure else ({}, {})
    return {key: Marked(key, gateway.metadata.uid, tuple(sorted(labels.items())), tuple(sorted(annotations.items())))}


def to_gateway_services(
    tables: Pipeline, read: Read, key: Name, gateway: Gateway
) -> Mapping[ObjectKey, Intended | Kept]:
    """What is not decided for a while is kept, whatever the reason: another Service would get another address.

    When the Gateway is deleted, what it owns goes with it.
    """
    owed = ObjectKey("Service", key.namespace, service_name(key))
    match read(tables.placements, key):
        case None:
            return {owed: Kept()} if _may_be_ours(tables, read, gateway) else {}
        case Problem():
            return {owed: Kept()}
        case Placement() as placed:
            found = _services(tables, read, gateway, placed)
            # Where ports of nodes lead to the Gateway there is no Service; else it has its address as long as it lives.
            return found if isinstance(placed.exposure, HostPorts) else {owed: Kept(), **found}
        case never:
            assert_never(never)


def _services(tables: Pipeline, read: Read, gateway: Gateway, placed: Placement) -> Mapping[ObjectKey, Intended | Kept]:
    key = gateway.name
    marked = read(tables.marked, key)
    if marked is None:
        return {}
    cluster_ip = wanted_inside(gateway, read(tables.inside, key) or Inside())
    if isinstance(placed.exposure, AddressPool):
        return _found_by_pods(tables, read, marked, cluster_ip or "")
    exposure = _exposure(tables, read, gateway, placed)
    ports, claim = read(tables.ports_of, key), read(tables.claimants, key)
    if exposure is None or ports is None or claim is None:
        return {}
    asked = Asked(exposure, claim.addresses, _pods(placed, key), cluster_ip or "")
    return {ObjectKey("Service", key.namespace, service_name(key)): exposing_service(marked, asked, ports)}


def _exposure(tables: Pipeline, read: Read, gateway: Gateway, placed: Placement) -> PerService | None:
    """Say how a Service leads to a Gateway from which pods of its fleet are dialled; None where none does."""
    inside = wanted_inside(gateway, read(tables.inside, gateway.name) or Inside())
    match placed.exposure:
        case AddressPool():
            return None
        case HostPorts():
            # Their addresses are those of nodes, which pods find as everybody does, unless they want one of the
            # cluster.
            return None if inside is None else PerService("ClusterIP")
        case PerService() as exposure:
            return exposure if inside is None or not only_inside(gateway) else PerService("ClusterIP")
        case never:
            assert_never(never)


def _found_by_pods(tables: Pipeline, read: Read, marked: Marked, cluster_ip: str) -> Mapping[ObjectKey, Intended]:
    ports, given = [], Given(cluster_ip=cluster_ip)
    for claim in read(tables.claims_of, marked.gateway) or ():
        match read(tables.bindings, claim):
            case Bind() as bind:
                given = replace(given, address=bind.ip, served=True)
                ports.append(Opened(claim.port, claim.transport, bind.port))
            case Promised(bind):
                given = replace(given, address=bind.ip)
                ports.append(Opened(claim.port, claim.transport))
            case _:
                ports.append(Opened(claim.port, claim.transport))
    return gateway_service(marked, given, ports)


def _may_be_ours(tables: Pipeline, read: Read, gateway: Gateway) -> bool:
    """Whether a Gateway that nobody serves now is of a class of ours, or of one that is not there."""
    name = Name("", gateway.spec.gateway_class_name)
    return read(tables.gateway_classes, name) is None or read(tables.our_classes, name) is not None


def _pods(placed: Placement, gateway: Name) -> Mapping[str, str] | None:
    """Give the labels by which a Service selects the pods of its fleet; None where they are in another namespace."""
    owner = _selected(placed, gateway)
    return None if owner is None or owner.name.namespace != gateway.namespace else selector(owner)


def _selected(placed: Placement, gateway: Name) -> Owner | None:
    """Give the owner of the pods of a fleet by its name alone; None where no EnvoyFleet tells of pods."""
    if placed.dedicated:
        return gateway_owner(gateway, "")
    return None if placed.of is None else fleet_owner(placed.of, "")


def fleet_owner(fleet: Name, uid: str) -> Owner:
    return Owner(f"{FLEET_GROUP}/v1alpha1", "EnvoyFleet", fleet, uid)


def to_mirrored_slices(
    tables: Pipeline, read: Read, key: Name, placed: Placement | Problem
) -> Mapping[ObjectKey, Intended | Kept]:
    gateway = read(tables.our_gateways, key)
    if isinstance(placed, Problem) or gateway is None or _pods(placed, key) is not None:
        return {}
    if _exposure(tables, read, gateway, placed) is None:
        return {}
    marked, ports = read(tables.marked, key), read(tables.ports_of, key)
    if marked is None or ports is None:
        return {}
    found = (
        one for name, pods in _slices(tables, read, placed, key) for one in mirrored_slices(marked, ports, name, pods)
    )
    return {_key(one): one for one in found}


def _slices(tables: Pipeline, read: Read, placed: Placement, gateway: Name) -> Iterator[tuple[str, EndpointSlice]]:
    """Give the EndpointSlices that tell the pods of a fleet: those of its own Service, or of the Gateway's."""
    owner = _selected(placed, gateway)
    if owner is None:
        return
    service = ObjectKey("Service", owner.name.namespace, object_name(owner))
    for name in read(tables.slices_of, service) or ():
        row = read(tables.endpoint_slices, name)
        if row is not None:
            yield name.name, row


def to_fleet_services(_read: Read, key: Name, fleet: EnvoyFleet) -> Mapping[ObjectKey, Intended | Kept]:
    """Tell apart the pods of a fleet that many share; for addresses of nodes they need not be known."""
    if fleet.spec.mode == "Dedicated" or fleet.spec.exposure.type == "AddressPool":
        return {}
    owner = fleet_owner(key, fleet.metadata.uid)
    return {ObjectKey("Service", key.namespace, object_name(owner)): fleet_service(owner)}


def to_kept_workloads(tables: Pipeline, read: Read, key: Name, gateway: Gateway) -> Mapping[ObjectKey, Intended | Kept]:
    """The Envoys of a Gateway that nobody serves for a while stay, as its Service does."""
    placed = read(tables.placements, key)
    if not isinstance(placed, Problem) and (placed is not None or not _may_be_ours(tables, read, gateway)):
        return {}
    name = object_name(gateway_owner(key, ""))
    return {ObjectKey(kind, key.namespace, name): Kept() for kind in _WORKLOAD_KINDS}


_WORKLOAD_KINDS = ("ConfigMap", *(kind.name for kind in OWNED))


def _key(intended: Intended) -> ObjectKey:
    metadata = intended.document["metadata"]
    return ObjectKey(intended.document["kind"], metadata["namespace"], metadata["name"])


def to_ways_blocked(tables: Pipeline, read: Read, key: Name, placed: Placement | Problem) -> Mapping[Name, str]:
    """Tell of Gateways that can have no Service, where that is the only way to them."""
    if isinstance(placed, Problem) or not isinstance(placed.exposure, PerService):
        return {}
    words = in_the_way(key, read(tables.services, Name(key.namespace, service_name(key))))
    return {key: words} if words else {}


def to_unreached(tables: Pipeline, read: Read, key: Name, placed: Placement | Problem) -> Mapping[Name, Literal[True]]:
    """Tell of Gateways whose Service leads to no Envoy that is ready: an Envoy has its configuration before it is."""
    if isinstance(placed, Problem) or not isinstance(placed.exposure, PerService) or _selected(placed, key) is None:
        return {}
    slices = read(tables.slices_of, ObjectKey("Service", key.namespace, service_name(key))) or ()
    found = (row for name in slices if (row := read(tables.endpoint_slices, name)) is not None)
    # Unset is ready (EndpointConditions).
    if any(endpoint.conditions.ready is not False for row in found for endpoint in row.endpoints):
        return {}
    return {key: True}


# The addresses that clients dial.


def to_gateway_addresses(
    tables: Pipeline, read: Read, key: Name, placed: Placement | Problem
) -> Mapping[Name, tuple[str, ...]]:
    found = () if isinstance(placed, Problem) else _addresses(tables, read, key, placed)
    kept = tuple(dict.fromkeys(found))[:MAX_ADDRESSES]
    return {key: kept} if kept else {}


def _addresses(tables: Pipeline, read: Read, gateway: Name, placed: Placement) -> Iterable[str]:
    match placed.exposure:
        case AddressPool():
            return [address for _, address in read(tables.addresses_of, gateway) or ()]
        case HostPorts():
            return _nodes(tables, read, placed, gateway) if read(tables.ports_of, gateway) else ()
        case PerService() as exposure:
            return _of_service(tables, read, gateway, placed, exposure)
        case never:
            assert_never(never)


def _of_service(tables: Pipeline, read: Read, gateway: Name, placed: Placement, exposure: PerService) -> Iterable[str]:
    """What was asked for was found to be in the pool, or there would be no port (GatewaySpec.addresses)."""
    claim = read(tables.claimants, gateway)
    if claim is None or read(tables.written_services, gateway) is None or not read(tables.ports_of, gateway):
        return ()
    if claim.addresses:
        return claim.addresses
    name = Name(gateway.namespace, service_name(gateway))
    match exposure.type:
        case "LoadBalancer":
            return read(tables.ingress, name) or ()
        case "NodePort":
            return _nodes(tables, read, placed, gateway)
        case _:
            service = read(tables.services, name)
            return () if service is None or service.spec.cluster_ip in {"", "None"} else (service.spec.cluster_ip,)


def _nodes(tables: Pipeline, read: Read, placed: Placement, gateway: Name) -> list[str]:
    """Give addresses of the nodes on which pods of a fleet run, in an order of their own: some of many must do."""
    names = {
        endpoint.node_name
        for _, slice_ in _slices(tables, read, placed, gateway)
        for endpoint in slice_.endpoints
        if endpoint.node_name is not None
    }
    return sorted(address for name in names for address in read(tables.nodes, name) or ())
