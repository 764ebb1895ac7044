"""Backends: how a cluster finds its endpoints, and the endpoints."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from xdsserver.model.routing import ClusterKey, EndpointsKey


@dataclass(frozen=True, slots=True)
class FromSlices:
    """Endpoints come over EDS."""

    endpoints: EndpointsKey


@dataclass(frozen=True, slots=True)
class FromDns:
    """Envoy resolves a name."""

    hostname: str
    port: int


@dataclass(frozen=True, slots=True)
class Cluster:
    """A backend that a fleet reaches."""

    key: ClusterKey
    discovery: FromSlices | FromDns


@dataclass(frozen=True, slots=True)
class Endpoint:
    """One address and port that takes requests."""

    address: str
    port: int


@dataclass(frozen=True, slots=True)
class Endpoints:
    """All endpoints of one port of one backend, sorted."""

    key: EndpointsKey
    members: tuple[Endpoint, ...]
