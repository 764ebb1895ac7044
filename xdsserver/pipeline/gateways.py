"""Classes and Gateways that are ours, and their listeners, narrow, so that other changes of a Gateway wake no route."""

from __future__ import annotations

from typing import TYPE_CHECKING

from xdsserver.gatewayapi.classes import class_problems
from xdsserver.gatewayapi.default_gateways import scope
from xdsserver.gatewayapi.gateways import port_claim
from xdsserver.infrastructure.gateway_service import Opened, gateway_service
from xdsserver.model.places import Bind, PortKey, Promised, Refusal
from xdsserver.objects.meta import Name
from xdsserver.pipeline.rows import (
    Serving,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from xdsserver.effects import Intended
    from xdsserver.gatewayapi.listeners import Listener
    from xdsserver.model.places import Binding, ListenerKey, PortClaim
    from xdsserver.objects.gateway import Gateway
    from xdsserver.objects.gatewayclass import GatewayClass
    from xdsserver.objects.meta import ObjectKey
    from xdsserver.pipeline.story import Pipeline
    from xdsserver.tables import Read


def to_our_classes(tables: Pipeline, _read: Read, key: Name, class_: GatewayClass) -> Mapping[Name, GatewayClass]:
    return {key: class_} if class_.spec.controller_name in tables.options.controllers else {}


def to_our_gateways(tables: Pipeline, read: Read, key: Name, gateway: Gateway) -> Mapping[Name, Gateway]:
    accepted = read(tables.accepted_classes, Name("", gateway.spec.gateway_class_name))
    return {key: gateway} if accepted else {}


def to_controllers(tables: Pipeline, read: Read, key: Name, gateway: Gateway) -> Mapping[Name, str]:
    class_ = read(tables.our_classes, Name("", gateway.spec.gateway_class_name))
    return {} if class_ is None else {key: class_.spec.controller_name}


def controllers_of(tables: Pipeline, read: Read, gateways: Iterable[Name]) -> dict[Name, str]:
    found = {name: read(tables.controllers, name) for name in gateways}
    return {name: controller for name, controller in found.items() if controller is not None}


def to_accepted_classes(_read: Read, key: Name, class_: GatewayClass) -> Mapping[Name, bool]:
    return {} if class_problems(class_) else {key: True}


def to_claimants(_read: Read, key: Name, gateway: Gateway) -> Mapping[Name, PortClaim]:
    claim = port_claim(gateway)
    return {} if claim is None else {key: claim}


def port_of(_key: ListenerKey, listener: Listener) -> PortKey | None:
    return PortKey(listener.gateway, listener.port, listener.transport) if listener.accepted else None


def to_claims(tables: Pipeline, read: Read, key: PortKey, _count: int) -> Mapping[PortKey, PortClaim]:
    claim = read(tables.claimants, key.gateway)
    return {} if claim is None else {key: claim}


def address_of(key: PortKey, binding: Binding) -> tuple[Name, str] | None:
    match binding:
        case Bind():
            return key.gateway, binding.ip
        case Promised():
            # It is the status that writes it down.
            return key.gateway, binding.bind.ip
        case Refusal():
            return None


def to_gateway_services(tables: Pipeline, read: Read, key: Name, gateway: Gateway) -> Mapping[ObjectKey, Intended]:
    ports, address = [], None
    for claim in read(tables.claims_of, key) or ():
        binding = read(tables.bindings, claim)
        bound = binding if isinstance(binding, Bind) else None
        ports.append(Opened(claim.port, claim.transport, bound.port if bound is not None else 0))
        address = bound.ip if bound is not None else address
    return gateway_service(gateway, address, ports)


def to_default_scopes(_read: Read, key: Name, gateway: Gateway) -> Mapping[Name, str]:
    found = scope(gateway.spec.default_scope)
    return {} if found is None else {key: found}


def to_binds(tables: Pipeline, read: Read, key: ListenerKey, listener: Listener) -> Mapping[ListenerKey, Serving]:
    binding = read(tables.bindings, PortKey(listener.gateway, listener.port, listener.transport))
    if not listener.accepted or not isinstance(binding, Bind):
        return {}
    return {key: Serving(binding, listener.hostname, listener.protocol)}
