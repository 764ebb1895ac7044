"""Classes and Gateways that are ours, and their listeners, narrow, so that other changes of a Gateway wake no route."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from xdsserver.gatewayapi.addresses import Inside, asked_inside, asks_inside
from xdsserver.gatewayapi.conditions import Problem
from xdsserver.gatewayapi.default_gateways import scope
from xdsserver.gatewayapi.features import tells_scope
from xdsserver.gatewayapi.fleets import class_parameters, fleet_terms, gateway_parameters, placement
from xdsserver.gatewayapi.gateways import port_claim
from xdsserver.infrastructure.marks import service_name
from xdsserver.model.addresses import is_network
from xdsserver.model.fleets import PerService, Placement
from xdsserver.model.places import EVERYWHERE, Bind, PortKey, Promised, Refusal
from xdsserver.objects.meta import GATEWAY_GROUP, Name
from xdsserver.pipeline.rows import (
    Serving,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from xdsserver.gatewayapi.fleets import BadTerms, FleetTerms, NamedFleet
    from xdsserver.gatewayapi.listeners import Listener
    from xdsserver.model.places import Binding, ListenerKey, PortClaim
    from xdsserver.objects.envoyfleet import EnvoyFleet
    from xdsserver.objects.gateway import Gateway
    from xdsserver.objects.gatewayclass import GatewayClass
    from xdsserver.objects.servicecidr import ServiceCIDR
    from xdsserver.pipeline.story import Pipeline
    from xdsserver.tables import Read


def to_our_classes(tables: Pipeline, _read: Read, key: Name, class_: GatewayClass) -> Mapping[Name, GatewayClass]:
    return {key: class_} if class_.spec.controller_name in tables.options.controllers else {}


def class_of(key: Name, gateway: Gateway) -> tuple[Name, Name]:
    return key, Name("", gateway.spec.gateway_class_name)


def controllers_of(tables: Pipeline, read: Read, gateways: Iterable[Name]) -> dict[Name, str]:
    uses = (use for name in dict.fromkeys(gateways) for use in read(tables.classes_of, name) or ())
    found = ((name, read(tables.our_classes, class_name)) for name, class_name in uses)
    return {name: class_.spec.controller_name for name, class_ in found if class_ is not None}


def to_our_gateways(tables: Pipeline, read: Read, key: Name, gateway: Gateway) -> Mapping[Name, Gateway]:
    accepted = read(tables.accepted_classes, Name("", gateway.spec.gateway_class_name))
    return {key: gateway} if accepted else {}


def to_fleet_terms(_read: Read, key: Name, fleet: EnvoyFleet) -> Mapping[Name, FleetTerms | BadTerms]:
    return {key: fleet_terms(fleet)}


def to_class_parameters(
    tables: Pipeline, read: Read, key: Name, class_: GatewayClass
) -> Mapping[Name, NamedFleet | Problem]:
    found = class_parameters(class_, lambda name: read(tables.fleet_terms, name))
    return {} if found is None else {key: found}


def to_accepted_classes(tables: Pipeline, read: Read, key: Name, _class: GatewayClass) -> Mapping[Name, bool]:
    found: NamedFleet | Problem | None = read(tables.class_parameters, key)
    return {} if isinstance(found, Problem) else {key: True}


def to_placements(tables: Pipeline, read: Read, key: Name, gateway: Gateway) -> Mapping[Name, Placement | Problem]:
    own = gateway_parameters(gateway, lambda name: read(tables.fleet_terms, name))
    of_class = read(tables.class_parameters, Name("", gateway.spec.gateway_class_name))
    return {key: placement(key, own, of_class, tables.options.placement)}


SERVICES: Final = "Service"
"""Whose networks are told: all that a ServiceCIDR speaks of."""


def networks_of_services(_services: str, members: Sequence[tuple[Name, ServiceCIDR]]) -> tuple[str, ...]:
    return tuple(sorted({cidr for _, row in members for cidr in row.spec.cidrs if is_network(cidr)}))


def to_inside(tables: Pipeline, read: Read, key: Name, gateway: Gateway) -> Mapping[Name, Inside]:
    """Say what a Gateway can have inside the cluster, where that matters to it."""
    if not asks_inside(gateway) and not _is_inside(read(tables.placements, key)):
        return {}
    networks = read(tables.service_networks, SERVICES)
    if networks is None or not tells_scope(read(tables.installed, GATEWAY_GROUP)):
        return {}
    own = Name(key.namespace, service_name(key))
    service = read(tables.services, own)
    taken = {
        address: holder
        for address in asked_inside(gateway)
        for holder in read(tables.holders_of_addresses, address) or ()
        if holder != own
    }
    address = "" if service is None or service.spec.cluster_ip == "None" else service.spec.cluster_ip
    return {key: Inside(networks, address, taken)}


def _is_inside(placed: Placement | Problem | None) -> bool:
    """Whether the address of its Service is what a Gateway gets anyway."""
    return (
        isinstance(placed, Placement)
        and isinstance(placed.exposure, PerService)
        and placed.exposure.type == "ClusterIP"
    )


def to_claimants(tables: Pipeline, read: Read, key: Name, gateway: Gateway) -> Mapping[Name, PortClaim]:
    placed = read(tables.placements, key)
    inside = read(tables.inside, key) or Inside()
    claim = port_claim(gateway, placed, inside) if placed is not None else None
    return {} if claim is None else {key: claim}


def port_of(_key: ListenerKey, listener: Listener) -> PortKey | None:
    return PortKey(listener.gateway, listener.port, listener.transport) if listener.accepted else None


def to_claims(tables: Pipeline, read: Read, key: PortKey, _count: int) -> Mapping[PortKey, PortClaim]:
    claim = read(tables.claimants, key.gateway)
    return {} if claim is None else {key: claim}


def address_of(key: PortKey, binding: Binding) -> tuple[Name, str] | None:
    match binding:
        # It is the status that writes down what is promised.
        case (Bind() as bind) | Promised(bind):
            return None if bind.ip == EVERYWHERE else (key.gateway, bind.ip)
        case Refusal():
            return None


def to_default_scopes(_read: Read, key: Name, gateway: Gateway) -> Mapping[Name, str]:
    found = scope(gateway.spec.default_scope)
    return {} if found is None else {key: found}


def to_binds(tables: Pipeline, read: Read, key: ListenerKey, listener: Listener) -> Mapping[ListenerKey, Serving]:
    binding = read(tables.bindings, PortKey(listener.gateway, listener.port, listener.transport))
    if not listener.accepted or not isinstance(binding, Bind):
        return {}
    return {key: Serving(binding, listener.hostname, listener.protocol, listener.profile)}
