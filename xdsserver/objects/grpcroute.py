"""GRPCRoute (gateway.networking.k8s.io/v1)."""

from xdsserver.objects.httproute import (
    HTTPHeaderFilter,
    HTTPRequestMirrorFilter,
    ParentReference,
    SessionPersistence,
)
from xdsserver.objects.meta import BackendObjectReference, KubeObject, LocalObjectReference, Part


class GRPCMethodMatch(Part):
    """Match on the service and the method; what is not given may be any."""

    type: str | None = "Exact"
    service: str | None = None
    method: str | None = None


class GRPCHeaderMatch(Part):
    """Match on one header."""

    name: str
    value: str
    type: str | None = "Exact"


class GRPCRouteMatch(Part):
    """All parts must match."""

    method: GRPCMethodMatch | None = None
    headers: tuple[GRPCHeaderMatch, ...] = ()


class GRPCRouteFilter(Part):
    """One filter; the field named by `type` holds its settings."""

    type: str
    request_header_modifier: HTTPHeaderFilter | None = None
    response_header_modifier: HTTPHeaderFilter | None = None
    request_mirror: HTTPRequestMirrorFilter | None = None
    extension_ref: LocalObjectReference | None = None


class GRPCBackendRef(BackendObjectReference):
    """A backend, its share of the traffic, and filters for that share."""

    weight: int | None = 1
    filters: tuple[GRPCRouteFilter, ...] = ()


class GRPCRouteRule(Part):
    """Any of `matches` leads to the filters and backends of the rule; without one all requests do."""

    name: str | None = None
    matches: tuple[GRPCRouteMatch, ...] = ()
    filters: tuple[GRPCRouteFilter, ...] = ()
    backend_refs: tuple[GRPCBackendRef, ...] = ()
    session_persistence: SessionPersistence | None = None


class GRPCRouteSpec(Part):
    """GRPCRoute.spec."""

    parent_refs: tuple[ParentReference, ...] = ()
    hostnames: tuple[str, ...] = ()
    rules: tuple[GRPCRouteRule, ...] = ()
    use_default_gateways: str | None = None


class GRPCRoute(KubeObject):
    """Which gRPC requests go to which backends."""

    spec: GRPCRouteSpec
