"""Backends: how a cluster finds its endpoints, and the endpoints."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from xdsserver.model.routing import ClusterKey, EndpointsKey
    from xdsserver.objects.meta import Name


@dataclass(frozen=True, slots=True)
class FromSlices:
    """Endpoints come over EDS."""

    endpoints: EndpointsKey


@dataclass(frozen=True, slots=True)
class FromDns:
    """Envoy resolves a name, as it is: never within the domains that its own system would search."""

    hostname: str
    port: int


@dataclass(frozen=True, slots=True)
class Nowhere:
    """Nobody is reached: requests are answered with 503, connections are closed."""


Discovery = FromSlices | FromDns | Nowhere
"""How a cluster finds its endpoints."""


@dataclass(frozen=True, slots=True)
class SubjectName:
    """A name that the certificate of a backend may have: of a host (`DNS`, may be a wildcard) or a `URI`."""

    type: Literal["DNS", "URI"]
    value: str


@dataclass(frozen=True, slots=True)
class AuthoritiesFile:
    """Certificates of authorities in a file on the machine of the Envoy."""

    path: str


@dataclass(frozen=True, slots=True)
class UpstreamTls:
    """TLS towards a backend, which must show a certificate with one of the names.

    `authorities` are certificates in PEM, or where they are. `certificate` is the Secret of the one that is shown to
    the backend, None for none.
    """

    sni: str
    names: tuple[SubjectName, ...]
    authorities: str | AuthoritiesFile
    certificate: Name | None = None


@dataclass(frozen=True, slots=True)
class Cluster:
    """A backend that a fleet reaches; without `tls` in plain text."""

    key: ClusterKey
    discovery: Discovery
    tls: UpstreamTls | None = None


@dataclass(frozen=True, slots=True)
class Endpoint:
    """One address and port that takes requests."""

    address: str
    port: int


@dataclass(frozen=True, slots=True)
class ShareOfEndpoints:
    """What a backend has of the datagrams of a route: `weight` is above zero, and without members nobody takes it."""

    name: str
    weight: int
    members: tuple[Endpoint, ...]


@dataclass(frozen=True, slots=True)
class Endpoints:
    """All endpoints of one port of one backend, sorted."""

    key: EndpointsKey
    members: tuple[Endpoint, ...]
