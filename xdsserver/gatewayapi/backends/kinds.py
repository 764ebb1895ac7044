"""What all kinds of backends have in common: the form that references and clusters see."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Iterable

    from xdsserver.gatewayapi.conditions import Problem
    from xdsserver.model.backends import UpstreamTls
    from xdsserver.model.routing import Filter, HttpVersion
    from xdsserver.objects.meta import Name


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind that references may name, and the rules that it has for them.

    `label` is the one by which EndpointSlices say whose they are, empty where none does. With `own_port` a reference
    must name no port, and without `granted` no ReferenceGrant leads to one in another namespace.
    """

    group: str
    name: str
    label: str = ""
    own_port: bool = False
    granted: bool = True


@dataclass(frozen=True, slots=True)
class Backend:
    """A backend as it is reached, whatever its ports.

    With `hostname` Envoy resolves that, otherwise its endpoints come from slices: its own, or those of the Services
    that are its `members`. `host` is the Host that it is asked with where that is not the client's. Its `filters` go
    before those of a reference. With `problem` it leads nowhere, and the words say why.
    """

    hostname: str = ""
    members: tuple[Name, ...] = ()
    host: str = ""
    tls: UpstreamTls | None = None
    filters: tuple[Filter, ...] = ()
    problem: Problem | None = None


@dataclass(frozen=True, slots=True)
class Port:
    """One port of a backend.

    `name` is that by which slices know it, and `target` the number of the endpoints where slices have no say in it.
    `spoken` is None where the backend leaves it to the route, and `refusal` says why HTTP cannot be spoken. With
    `secure` that is over TLS only.
    """

    name: str = ""
    transport: str = "TCP"
    target: int | None = None
    spoken: HttpVersion | None = None
    refusal: str = ""
    secure: bool = False


H2C = "kubernetes.io/h2c"
WS = "kubernetes.io/ws"
WSS = "kubernetes.io/wss"
"""Application protocols of a port (KEP-3726): HTTP/2 by prior knowledge, WebSocket, WebSocket over TLS."""


class PortSpec(Protocol):
    """A port as a Service and a ServiceImport write it."""

    @property
    def port(self) -> int:
        """The number that references name."""

    @property
    def name(self) -> str:
        """What slices call it."""

    @property
    def protocol(self) -> str:
        """The transport."""

    @property
    def app_protocol(self) -> str | None:
        """What is spoken on it."""


PortPlace = tuple[int, str]
"""A port by its number and its transport."""


def numbered(ports: Iterable[PortSpec]) -> dict[PortPlace, Port]:
    """Give ports by number and transport."""
    return {(port.port, port.protocol): _port(port) for port in ports}


def _port(spec: PortSpec) -> Port:
    spoken: HttpVersion | None = "http2" if spec.app_protocol == H2C else None
    # A WebSocket begins as a request of HTTP/1.1.
    spoken = "http1" if spec.app_protocol == WSS else spoken
    return Port(spec.name, spec.protocol, spoken=spoken, refusal=_refusal(spec), secure=spec.app_protocol == WSS)


def _refusal(spec: PortSpec) -> str:
    """Say why a port cannot carry HTTP; an appProtocol that is not of Kubernetes means nothing here."""
    protocol = spec.app_protocol or ""
    if protocol.startswith("kubernetes.io/") and protocol not in (H2C, WS, WSS):
        return f"appProtocol {protocol} is not supported; use {H2C} or {WS}, or leave it out for HTTP/1.1"
    return ""
