"""References to backends: what they lead to, or why not."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from xdsserver.gatewayapi.backends.kinds import WS, WSS, Port
from xdsserver.gatewayapi.backends.registry import KINDS
from xdsserver.gatewayapi.backendtlspolicies import in_force
from xdsserver.gatewayapi.conditions import RESOLVED_REFS, Problem
from xdsserver.gatewayapi.grants import permitted
from xdsserver.model.routing import ClusterKey
from xdsserver.objects.meta import ObjectKey

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from xdsserver.gatewayapi.backends.kinds import Backend, Kind, PortPlace
    from xdsserver.gatewayapi.backendtlspolicies import Target
    from xdsserver.gatewayapi.grants import Permission, Referrer
    from xdsserver.model.routing import BackendProtocol, BackendUse, Filter, HttpVersion
    from xdsserver.objects.meta import BackendObjectReference, Name
    from xdsserver.tables import Read, Table


_PASSED_ON: Mapping[str, BackendProtocol] = {"TLSRoute": "tcp", "TCPRoute": "tcp", "UDPRoute": "udp"}
"""Kinds of routes for which it is nobody's business what is spoken to a backend."""

_TRANSPORTS = ("TCP", "UDP", "SCTP")


@dataclass(frozen=True, slots=True)
class BackendTables:
    """Where a reference is looked up.

    Grants are counted by what they permit; backends are of all kinds, with their ports and the policies of TLS that are
    in force for them.
    """

    grants: Table[Permission, int]
    backends: Table[ObjectKey, Backend]
    ports: Table[tuple[ObjectKey, PortPlace], Port]
    policies: Table[Target, Name]


@dataclass(frozen=True, slots=True)
class Found:
    """What a reference leads to; Host and filters are those that the backend itself has (`Backend`)."""

    cluster: ClusterKey
    host: str = ""
    filters: tuple[Filter, ...] = ()


def resolve(read: Read, tables: BackendTables, referrer: Referrer, use: BackendUse) -> Found | Problem:
    """Find what a reference to a backend means (BackendObjectReference, ResolvedRefs).

    The grant is checked before existence. Words of a problem begin with the field of `use`.
    """
    reference = use.reference

    def problem(reason: str, message: str) -> Problem:
        return Problem(RESOLVED_REFS, reason, f"{use.field}: {message}")

    kind = KINDS.get((reference.group, reference.kind))
    if kind is None:
        known = ", ".join(name for _, name in KINDS)
        return problem("InvalidKind", f"{reference.group or 'core'}/{reference.kind} is no backend; use one of {known}")
    target = ObjectKey(reference.kind, reference.namespace or referrer.namespace, reference.name)
    refusal = _forbidden(read, tables, referrer, kind, target)
    if refusal is not None:
        return problem("RefNotPermitted", refusal)
    backend = read(tables.backends, target)
    if backend is None:
        return problem("BackendNotFound", f"{target} does not exist")
    if backend.problem is not None:
        return problem("BackendNotAccepted", f"{target} is not accepted: {backend.problem.message}")
    number = _number(kind, reference)
    if isinstance(number, str):
        return problem("BackendNotFound", f"{target}: {number}")
    passed_on = _PASSED_ON.get(referrer.kind)
    transport = "UDP" if passed_on == "udp" else "TCP"
    if transport == "UDP" and backend.hostname:
        words = f"{target} is reached by a name, and {referrer.kind}s need endpoints; use a Service with EndpointSlices"
        return problem("UnsupportedProtocol", words)
    port = read(tables.ports, (target, (number, transport)))
    if port is None and not backend.hostname:
        others = [one for one in _TRANSPORTS if read(tables.ports, (target, (number, one))) is not None]
        return problem(*_no_port(target, number, others, f"{referrer.kind}s need {transport}"))
    port = port or Port()
    tls = port.secure and in_force(read, tables.policies, target, port.name) is not None
    protocol = passed_on or _http_version(port, http2=use.http2 or referrer.kind == "GRPCRoute", tls=tls)
    if isinstance(protocol, _Refused):
        return problem("UnsupportedProtocol", f"{target} port {number}{protocol.words}")
    return Found(ClusterKey(*target, number, protocol), backend.host, backend.filters)


def _no_port(target: ObjectKey, number: int, others: Sequence[str], need: str) -> tuple[str, str]:
    """Give reason and words for a port that is not there, or is there for other transports only."""
    port = f"port {number}" if number else "port"
    if others:
        return "UnsupportedProtocol", f"{target} {port} is of protocol {others[0]}, and {need}"
    return "BackendNotFound", f"{target} has no {port}"


@dataclass(frozen=True, slots=True)
class _Refused:
    words: str


def _http_version(port: Port, *, http2: bool, tls: bool) -> HttpVersion | _Refused:
    """Give what is spoken on a port, where somebody may need HTTP/2; `tls` tells of one that must be reached so."""
    if port.refusal:
        return _Refused(f": {port.refusal}")
    if port.secure and not tls:
        words = f": appProtocol {WSS} needs TLS, and nothing says how the backend is verified"
        return _Refused(f"{words}; make a BackendTLSPolicy, or use {WS}")
    if http2 and port.spoken == "http1":
        return _Refused(" speaks HTTP/1.1, and gRPC needs HTTP/2")
    return "http2" if http2 else port.spoken or "http1"


def _forbidden(read: Read, tables: BackendTables, referrer: Referrer, kind: Kind, target: ObjectKey) -> str | None:
    if not kind.granted and target.namespace != referrer.namespace:
        return f"{target} is in another namespace; make one in {referrer.namespace}, where the {referrer.kind} is"
    if not permitted(read, tables.grants, referrer, kind.group, target):
        return (
            f"{target} is in another namespace; a ReferenceGrant in {target.namespace} must allow "
            f"{referrer.kind} of {referrer.namespace} to refer to it"
        )
    return None


def _number(kind: Kind, reference: BackendObjectReference) -> int | str:
    """Give the port that is looked up, 0 for the only one of a kind that has one, or words."""
    if kind.own_port:
        return 0 if reference.port is None else "it has a port of its own; remove the port of the reference"
    return f"port is missing; a {kind.name} needs one" if reference.port is None else reference.port
