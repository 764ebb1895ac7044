"""Gateway (gateway.networking.k8s.io/v1)."""

from collections.abc import Mapping

import msgspec

from xdsserver.objects.meta import (
    GATEWAY_GROUP,
    BackendObjectReference,
    KubeObject,
    LabelSelector,
    LocalObjectReference,
    ObjectReference,
    Part,
    SecretObjectReference,
)


class GatewayAddress(Part):
    """An address that the user asks for; without `value` one is allocated."""

    type: str | None = "IPAddress"
    value: str | None = None
    routability: str | None = None


class RouteGroupKind(Part):
    """A kind of route."""

    kind: str
    group: str | None = GATEWAY_GROUP


class RouteNamespaces(Part):
    """Whose routes may attach."""

    from_: str | None = msgspec.field(default="Same", name="from")
    selector: LabelSelector | None = None


class AllowedRoutes(Part):
    """Which routes a listener lets attach; kinds default to all that its protocol can serve."""

    namespaces: RouteNamespaces = RouteNamespaces()
    kinds: tuple[RouteGroupKind, ...] = ()


class ListenerTLS(Part):
    """How a listener handles TLS."""

    mode: str | None = "Terminate"
    certificate_refs: tuple[SecretObjectReference, ...] = ()
    options: Mapping[str, str] = {}


class ForwardBody(Part):
    """How much of a request body an external authorizer gets."""

    max_size: int = 0


class GrpcAuth(Part):
    """External authorization over gRPC."""

    allowed_headers: tuple[str, ...] = ()


class HttpAuth(Part):
    """External authorization over HTTP."""

    path: str | None = None
    allowed_headers: tuple[str, ...] = ()
    allowed_response_headers: tuple[str, ...] = ()


class ExternalAuth(Part):
    """A service that is asked before a request is forwarded."""

    protocol: str
    backend_ref: BackendObjectReference
    grpc: GrpcAuth | None = None
    http: HttpAuth | None = None
    forward_body: ForwardBody | None = None


class ListenerFilter(Part):
    """A filter that runs before a route is chosen (GEP-5224)."""

    type: str
    external_auth: ExternalAuth | None = None
    extension_ref: LocalObjectReference | None = None


class ListenerFilters(Part):
    """Filters of one listener."""

    requests: tuple[ListenerFilter, ...] = ()


class GatewayListener(Part):
    """One listener as the user wrote it."""

    name: str
    port: int
    protocol: str
    hostname: str | None = None
    tls: ListenerTLS | None = None
    allowed_routes: AllowedRoutes = AllowedRoutes()
    filters: ListenerFilters | None = None


class ListenerNamespaces(Part):
    """Whose ListenerSets may attach."""

    from_: str | None = msgspec.field(default="None", name="from")
    selector: LabelSelector | None = None


class AllowedListeners(Part):
    """Which ListenerSets a Gateway lets attach."""

    namespaces: ListenerNamespaces = ListenerNamespaces()


class GatewayInfrastructure(Part):
    """What the objects made for a Gateway carry, and where its parameters are."""

    labels: Mapping[str, str] = {}
    annotations: Mapping[str, str] = {}
    parameters_ref: LocalObjectReference | None = None


class FrontendValidation(Part):
    """How client certificates are checked."""

    ca_certificate_refs: tuple[ObjectReference, ...]
    mode: str | None = "AllowValidOnly"


class FrontendTLSConfig(Part):
    """TLS towards clients."""

    validation: FrontendValidation | None = None


class FrontendTLSPort(Part):
    """TLS towards clients on one port."""

    port: int
    tls: FrontendTLSConfig


class FrontendTLS(Part):
    """TLS towards clients: a default, and exceptions by port."""

    default: FrontendTLSConfig
    per_port: tuple[FrontendTLSPort, ...] = ()


class BackendTLS(Part):
    """TLS towards backends."""

    client_certificate_ref: SecretObjectReference | None = None


class GatewayTLS(Part):
    """TLS settings of a whole Gateway."""

    frontend: FrontendTLS | None = None
    backend: BackendTLS | None = None


class GatewaySpec(Part):
    """Gateway.spec."""

    gateway_class_name: str
    listeners: tuple[GatewayListener, ...]
    addresses: tuple[GatewayAddress, ...] = ()
    infrastructure: GatewayInfrastructure | None = None
    allowed_listeners: AllowedListeners | None = None
    tls: GatewayTLS | None = None
    default_scope: str | None = None


class Gateway(KubeObject):
    """Where traffic comes in: addresses and listeners."""

    spec: GatewaySpec
