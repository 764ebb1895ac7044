"""XBackend: a name outside of the cluster, or pods by their labels, and how to connect to them (GEP-4894)."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from xdsserver.gatewayapi.backends.kinds import Backend, Kind, Port
from xdsserver.gatewayapi.backends.verification import verification
from xdsserver.gatewayapi.conditions import ACCEPTED, Problem
from xdsserver.objects.xbackend import XGATEWAY_GROUP

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from xdsserver.gatewayapi.backends.kinds import PortPlace
    from xdsserver.gatewayapi.backends.verification import Authorities
    from xdsserver.gatewayapi.clientcertificates import ClientCertificate
    from xdsserver.model.backends import UpstreamTls
    from xdsserver.model.routing import Filter, HttpVersion
    from xdsserver.objects.backendtlspolicy import BackendTLSValidation
    from xdsserver.objects.httproute import SessionPersistence
    from xdsserver.objects.meta import Name, SecretObjectReference
    from xdsserver.objects.xbackend import BackendTLS, XBackend, XBackendSpec

XBACKEND = Kind(XGATEWAY_GROUP, "XBackend", own_port=True, granted=False)

MAX_ANCESTORS = 32
"""`maxItems` of XBackend.status.ancestors."""

_SPOKEN: Mapping[str, HttpVersion] = {
    "HTTP11": "http1",
    "HTTP2": "http2",
    "H2C": "http2",
    "GRPC": "http2",
    # A WebSocket begins as a request of HTTP/1.1.
    "WSS": "http1",
}


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What an XBackend leans on; objects are of its own namespace.

    `services` gives those that select exactly these labels. `certificate` finds one to show to the backend. `session`
    understands a session persistence, or says what is wrong with it.
    """

    namespace: str
    authorities: Authorities
    certificate: Callable[[SecretObjectReference], ClientCertificate]
    services: Callable[[Mapping[str, str]], tuple[Name, ...]]
    session: Callable[[SessionPersistence], Filter | str]


def xbackend(row: XBackend, around: Surroundings) -> Backend:
    """Understand an XBackend, or say why it is not accepted: then no request is sent by half of what it asks for."""
    spec = row.spec
    found = _backend(spec, around)
    if isinstance(found, Problem):
        return Backend(problem=found)
    if spec.protocol in ("TCP", "MCP"):
        supported = ", ".join(("HTTP", *_SPOKEN))
        return Backend(problem=_unsupported(f"protocol: {spec.protocol} is not supported; use one of {supported}"))
    return found


def xbackend_ports(row: XBackend) -> dict[PortPlace, Port]:
    """Give its one port, which references do not name."""
    spec = row.spec
    spoken = _SPOKEN.get(spec.protocol or "")
    if spec.protocol == "HTTP" and _secure(spec):
        spoken = "auto"
    return {(0, "TCP"): Port(target=spec.port.number, spoken=spoken)}


def _backend(spec: XBackendSpec, around: Surroundings) -> Backend | Problem:
    tls = _tls(spec.tls, around) if spec.tls is not None else None
    if isinstance(tls, Problem):
        return tls
    sessions = () if spec.session_persistence is None else (around.session(spec.session_persistence),)
    for one in sessions:
        if isinstance(one, str):
            return _unsupported(f"sessionPersistence: {one}")
    filters = tuple(one for one in sessions if not isinstance(one, str))
    if spec.port.number is None:
        return _unsupported("port.number is missing; say which port to connect to")
    if spec.external_hostname is not None:
        hostname = spec.external_hostname.hostname
        if refusal := _no_hostname(hostname):
            return _unsupported(f"externalHostname.hostname: {refusal}")
        usual = spec.port.number == (443 if tls else 80)
        return Backend(
            hostname=hostname, host=hostname if usual else f"{hostname}:{spec.port.number}", tls=tls, filters=filters
        )
    if spec.endpoint_selector is None:
        return _unsupported(f"type: {spec.type} has no settings; use ExternalHostname or EndpointSelector with its own")
    members = around.services(spec.endpoint_selector.match_labels)
    if not members:
        return _unsupported(
            "endpointSelector: no Service of the namespace selects exactly these labels, and pods are known by the "
            "slices of Services; make a headless one with this selector"
        )
    return Backend(members=members, tls=tls, filters=filters)


def _secure(spec: XBackendSpec) -> bool:
    return spec.tls is not None and spec.tls.mode != "None"


def _no_hostname(hostname: str) -> str:
    """Say why a name is not one of the world outside (ExternalHostnameBackend.hostname)."""
    last = hostname.rpartition(".")[2]
    # As resolvers read it, a name whose last label is a number is an address, in however many parts.
    if last.isdigit() or last.startswith("0x"):
        return f"{hostname} is an address; use a name"
    if f".{hostname}".endswith(".cluster.local"):
        return f"{hostname} is a name of this cluster; refer to the Service itself"
    return ""


def _tls(tls: BackendTLS, around: Surroundings) -> UpstreamTls | Problem | None:
    match tls.mode:
        case "None":
            return None
        case "ServerOnly" | "ClientAndServer" if tls.validation is not None:
            server = _server(tls.validation, around)
            if isinstance(server, Problem) or tls.mode == "ServerOnly":
                return server
            return _with_client(server, tls, around)
        case "ServerOnly" | "ClientAndServer":
            return _unsupported("tls.validation is missing; say how the certificate of the backend is verified")
        case other:
            return _unsupported(f"tls.mode: {other} is not supported; use ServerOnly, ClientAndServer or None")


def _server(validation: BackendTLSValidation, around: Surroundings) -> UpstreamTls | Problem:
    found = verification(validation, around.authorities, field="tls.validation", namespace=around.namespace)
    if found.tls is not None:
        return found.tls
    return next(one for one in found.problems if one.condition == ACCEPTED)


def _with_client(server: UpstreamTls, tls: BackendTLS, around: Surroundings) -> UpstreamTls | Problem:
    """Add the certificate that the backend is shown."""
    if tls.client_certificate_ref is None:
        return _unsupported("tls.clientCertificateRef is missing; name the Secret of a certificate")
    found = around.certificate(tls.client_certificate_ref)
    if found.secret is None:
        first = found.problems[0]
        return Problem(ACCEPTED, first.reason, first.message)
    return replace(server, certificate=found.secret)


def _unsupported(words: str) -> Problem:
    return Problem(ACCEPTED, "UnsupportedValue", words)
