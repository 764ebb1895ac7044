"""Which fleet serves a Gateway: what its parameters name, else those of its class, else the fleet of the settings."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple, assert_never

from xdsserver.gatewayapi.conditions import ACCEPTED, Problem, condition
from xdsserver.gatewayapi.statuses import FleetStatus
from xdsserver.model.addresses import AddressError, addresses
from xdsserver.model.fleets import AddressPool, HostPorts, PerService, Placement, dedicated_fleet, shared_fleet
from xdsserver.objects.envoyfleet import FLEET_GROUP
from xdsserver.objects.meta import Name

if TYPE_CHECKING:
    from xdsserver.model.fleets import Exposure
    from xdsserver.objects.envoyfleet import EnvoyFleet
    from xdsserver.objects.gateway import Gateway
    from xdsserver.objects.gatewayclass import GatewayClass

KIND = "EnvoyFleet"


@dataclass(frozen=True, slots=True)
class FleetTerms:
    """What an EnvoyFleet says of Gateways; what it says of pods is left out, so that it wakes none of them."""

    dedicated: bool
    exposure: Exposure


@dataclass(frozen=True, slots=True)
class BadTerms:
    """Why nothing can be served by an EnvoyFleet."""

    words: str


class NamedFleet(NamedTuple):
    """An EnvoyFleet by its name, and its terms."""

    name: Name
    terms: FleetTerms


Parameters = NamedFleet | Problem | None
"""What `parametersRef` leads to: an EnvoyFleet, or nowhere; None where there is none."""


TermsOf = Callable[[Name], "FleetTerms | BadTerms | None"]
"""Give the terms of an EnvoyFleet; None where there is none."""


def fleet_terms(fleet: EnvoyFleet) -> FleetTerms | BadTerms:
    """Narrow an EnvoyFleet down to what Gateways depend on."""
    asked = fleet.spec.exposure
    dedicated = fleet.spec.mode == "Dedicated"
    try:
        pool = addresses(asked.addresses)
    except AddressError as error:
        return BadTerms(f"spec.exposure.addresses: {error}")
    match asked.type:
        case "HostPort" if dedicated:
            return BadTerms("spec.exposure.type: HostPort needs mode Shared: a port of a node is opened once")
        case "HostPort":
            return FleetTerms(dedicated, HostPorts(tuple(sorted(asked.host_ports))))
        case "AddressPool" if not pool:
            return BadTerms("spec.exposure.addresses: AddressPool needs at least one")
        case "AddressPool":
            return FleetTerms(dedicated, AddressPool(pool))
        case "Service":
            service = asked.service
            exposure = (
                PerService(addresses=pool)
                if service is None
                else PerService(service.type, pool, service.external_traffic_policy, service.load_balancer_class)
            )
            return FleetTerms(dedicated, exposure)
        case other:
            return BadTerms(f"spec.exposure.type: {other} is not supported; use Service, HostPort or AddressPool")


def fleet_status(terms: FleetTerms | BadTerms, generation: int) -> FleetStatus:
    """Say whether Gateways can be served as an EnvoyFleet asks; who names it is told in the status of whoever does."""
    problems = (Problem(ACCEPTED, "Invalid", terms.words),) if isinstance(terms, BadTerms) else ()
    return FleetStatus((condition(ACCEPTED, "Accepted", "Gateways may name it", problems, generation),))


def class_parameters(class_: GatewayClass, terms_of: TermsOf) -> Parameters:
    """Follow the parametersRef of a class."""
    reference = class_.spec.parameters_ref
    if reference is None:
        return None
    if (reference.group, reference.kind) == (FLEET_GROUP, KIND) and not reference.namespace:
        message = f"spec.parametersRef.namespace: {KIND} {reference.name} is in a namespace; name it"
        return Problem(ACCEPTED, "InvalidParameters", message)
    named = _Reference(reference.group, reference.kind, reference.namespace or "", reference.name)
    return _follow("spec.parametersRef", named, terms_of)


def gateway_parameters(gateway: Gateway, terms_of: TermsOf) -> Parameters:
    """Follow the parametersRef of a Gateway, which leads into its own namespace."""
    infrastructure = gateway.spec.infrastructure
    if infrastructure is None or (reference := infrastructure.parameters_ref) is None:
        return None
    named = _Reference(reference.group, reference.kind, gateway.metadata.namespace, reference.name)
    return _follow("spec.infrastructure.parametersRef", named, terms_of)


def placement(gateway: Name, own: Parameters, of_class: Parameters, otherwise: Placement) -> Placement | Problem:
    """Place a Gateway: its own parameters stand in for those of its class as a whole (GatewayInfrastructure)."""
    match own if own is not None else of_class:
        case NamedFleet(name, terms):
            fleet = dedicated_fleet(gateway) if terms.dedicated else shared_fleet(name)
            return Placement(fleet, terms.exposure, name, terms.dedicated)
        case None:
            return otherwise
        case Problem() as problem:
            return problem
        case never:
            assert_never(never)


class _Reference(NamedTuple):
    group: str
    kind: str
    namespace: str
    name: str


def _follow(field: str, reference: _Reference, terms_of: TermsOf) -> NamedFleet | Problem:
    if (reference.group, reference.kind) != (FLEET_GROUP, KIND):
        message = (
            f"{field}: {reference.group}/{reference.kind} is not a kind of parameters; "
            f"name an {KIND} of {FLEET_GROUP}, or remove it"
        )
        return Problem(ACCEPTED, "InvalidParameters", message)
    name = Name(reference.namespace, reference.name)
    terms = terms_of(name)
    match terms:
        case None:
            return Problem(ACCEPTED, "InvalidParameters", f"{field}: no {KIND} {name}; create it, or name another")
        case BadTerms(words):
            return Problem(ACCEPTED, "InvalidParameters", f"{field}: {KIND} {name}: {words}")
        case FleetTerms():
            return NamedFleet(name, terms)
