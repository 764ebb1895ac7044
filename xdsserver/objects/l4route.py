"""TLSRoute, TCPRoute and UDPRoute (gateway.networking.k8s.io/v1): whole connections to backends."""

from xdsserver.objects.httproute import ParentReference
from xdsserver.objects.meta import BackendObjectReference, KubeObject, Part


class L4BackendRef(BackendObjectReference):
    """A backend and its share of the connections."""

    weight: int | None = 1


class L4RouteRule(Part):
    """Where connections go; a route has one rule."""

    backend_refs: tuple[L4BackendRef, ...]
    name: str | None = None


class L4RouteSpec(Part):
    """TCPRoute.spec and UDPRoute.spec."""

    rules: tuple[L4RouteRule, ...]
    parent_refs: tuple[ParentReference, ...] = ()
    use_default_gateways: str | None = None


class TLSRouteSpec(Part):
    """TLSRoute.spec; the hostnames are compared with the name in the TLS handshake (SNI)."""

    hostnames: tuple[str, ...]
    rules: tuple[L4RouteRule, ...]
    parent_refs: tuple[ParentReference, ...] = ()
    use_default_gateways: str | None = None


class TLSRoute(KubeObject):
    """Which TLS connections go to which backends, by the name that clients ask for."""

    spec: TLSRouteSpec


class TCPRoute(KubeObject):
    """Which backends the connections of a port go to."""

    spec: L4RouteSpec


class UDPRoute(KubeObject):
    """Which backends the datagrams of a port go to."""

    spec: L4RouteSpec


L4Route = TLSRoute | TCPRoute | UDPRoute
