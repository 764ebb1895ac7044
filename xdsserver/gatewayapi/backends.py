"""Backends: what a backendRef leads to, and the endpoints of a Service."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from xdsserver.gatewayapi.conditions import RESOLVED_REFS, Problem
from xdsserver.gatewayapi.grants import permitted
from xdsserver.model.backends import Endpoint, Endpoints
from xdsserver.model.routing import ClusterKey
from xdsserver.objects.meta import Name, ObjectKey

if TYPE_CHECKING:
    from collections.abc import Iterable

    from xdsserver.gatewayapi.grants import Permission, Referrer
    from xdsserver.model.routing import BackendUse, EndpointsKey
    from xdsserver.objects.core import EndpointPort, EndpointSlice, Service
    from xdsserver.tables import Read, Table


H2C = "kubernetes.io/h2c"
WS = "kubernetes.io/ws"
"""Application protocols of a Service port that we speak (KEP-3726): HTTP/2 by prior knowledge, WebSocket."""


@dataclass(frozen=True, slots=True)
class ServiceKind:
    """What kind of Service it is; `external_name` is set for type ExternalName only."""

    type: str
    external_name: str


@dataclass(frozen=True, slots=True)
class PortKind:
    """One port of a Service: the name by which slices know it, its transport, and what is spoken on it."""

    name: str
    protocol: str
    app_protocol: str | None


@dataclass(frozen=True, slots=True)
class BackendTables:
    """Where a reference is looked up: grants counted by what they permit, Services, and their ports."""

    grants: Table[Permission, int]
    services: Table[Name, ServiceKind]
    ports: Table[tuple[Name, int], PortKind]


def service_kind(service: Service) -> ServiceKind:
    """Narrow a Service to what references to it need."""
    external = service.spec.external_name if service.spec.type == "ExternalName" else ""
    return ServiceKind(service.spec.type, external)


def service_ports(service: Service) -> dict[tuple[Name, int], PortKind]:
    """Give the ports of a Service by number; of a number given for TCP and UDP, TCP counts."""
    ports = sorted(service.spec.ports, key=lambda port: port.protocol != "TCP", reverse=True)
    return {(service.name, port.port): PortKind(port.name, port.protocol, port.app_protocol) for port in ports}


def resolve(read: Read, tables: BackendTables, referrer: Referrer, use: BackendUse) -> ClusterKey | Problem:
    """Find what a reference to a backend means (BackendObjectReference, ResolvedRefs).

    The grant is checked before existence. Words of a problem begin with the field of `use`. gRPC needs HTTP/2, whatever
    the Service says.
    """
    reference = use.reference
    target = ObjectKey(reference.kind, reference.namespace or referrer.namespace, reference.name)
    name = Name(target.namespace, target.name)

    def problem(reason: str, message: str) -> Problem:
        return Problem(RESOLVED_REFS, reason, f"{use.field}: {message}")

    if (reference.group, reference.kind) != ("", "Service"):
        return problem("InvalidKind", f"{reference.group or 'core'}/{reference.kind} is no backend; use a Service")
    if not permitted(read, tables.grants, referrer, reference.group, target):
        return problem(
            "RefNotPermitted",
            f"Service {name} is in another namespace; a ReferenceGrant in {target.namespace} must allow "
            f"{referrer.kind} of {referrer.namespace} to refer to it",
        )
    kind = read(tables.services, name)
    if kind is None:
        return problem("BackendNotFound", f"Service {name} does not exist")
    if reference.port is None:
        return problem("BackendNotFound", f"Service {name}: port is missing; a Service needs one")
    port = read(tables.ports, (name, reference.port))
    if port is None:
        if not kind.external_name:
            return problem("BackendNotFound", f"Service {name} has no port {reference.port}")
    elif (refusal := _protocol_problem(port)) is not None:
        return problem("UnsupportedProtocol", f"Service {name} port {reference.port}: {refusal}")
    speaks_http2 = use.http2 or referrer.kind == "GRPCRoute" or (port is not None and port.app_protocol == H2C)
    protocol = "http2" if speaks_http2 else "http1"
    return ClusterKey("Service", name.namespace, name.name, reference.port, protocol)


def _protocol_problem(port: PortKind) -> str | None:
    if port.protocol != "TCP":
        return f"protocol {port.protocol} cannot carry HTTP; use TCP"
    if port.app_protocol is not None and port.app_protocol.startswith("kubernetes.io/"):
        if port.app_protocol in (H2C, WS):
            return None
        return f"appProtocol {port.app_protocol} is not supported; use {H2C} or {WS}, or leave it out for HTTP/1.1"
    return None


def endpoints(key: EndpointsKey, port: PortKind, slices: Iterable[EndpointSlice]) -> Endpoints:
    """Collect the endpoints of one Service port from all its slices (EndpointSlice v1).

    A slice names the ports of a Service by the Service port's name, whatever their numbers. Endpoints that are ready
    count; where none is ready, those that still serve while they end are better than nobody (as kube-proxy has it).
    """
    ready: set[Endpoint] = set()
    ending: set[Endpoint] = set()
    for slice_ in slices:
        numbers = [one.port for one in slice_.ports if one.port is not None and _same_port(one, port)]
        if slice_.address_type == "FQDN" or not numbers:
            continue
        for member in slice_.endpoints:
            conditions = member.conditions
            if conditions.ready is not False and not conditions.terminating:
                found = ready
            elif conditions.serving and conditions.terminating:
                found = ending
            else:
                continue
            # All addresses of one endpoint mean the same pod (Endpoint.addresses).
            found.update(Endpoint(member.addresses[0], number) for number in numbers if member.addresses)
    return Endpoints(key, tuple(sorted(ready or ending, key=lambda one: (one.address, one.port))))


def _same_port(slice_port: EndpointPort, port: PortKind) -> bool:
    return (slice_port.name or "") == port.name and (slice_port.protocol or "TCP") == port.protocol
