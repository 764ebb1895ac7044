"""ExternalAuth: ask a service whether a request may go on, before a backend gets it (HTTPExternalAuthFilter).

It fails closed. A service that cannot be reached, is late or answers an error lets nothing through, and where the
reference leads nowhere nobody is asked and requests get 500.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from envoy.config.core.v3.config_source_pb2 import ApiVersion
from envoy.extensions.filters.http.ext_authz.v3.ext_authz_pb2 import ExtAuthz
from envoy.type.v3.http_status_pb2 import StatusCode

from xdsserver.filters.positions import fill, position
from xdsserver.model.routing import BackendUse, Filter

if TYPE_CHECKING:
    from envoy.config.route.v3.route_components_pb2 import WeightedCluster
    from envoy.extensions.filters.network.http_connection_manager.v3.http_connection_manager_pb2 import HttpFilter
    from envoy.type.matcher.v3.string_pb2 import ListStringMatcher

    from xdsserver.filters.slices import Configured, ListenerFacts, Target
    from xdsserver.model.routing import RequestMatch
    from xdsserver.objects.gateway import ExternalAuth as Spec
    from xdsserver.objects.httproute import HTTPRouteFilter

_POSITION = "xdsserver.external_auth"

_TIMEOUT_S = 5
"""How long the service may take. Envoy's own default for gRPC, 0.2 s, fails requests while a service warms up."""

_NOT_COPIED = (
    "content-length|transfer-encoding|connection|keep-alive|proxy-connection|proxy-authenticate|te|trailer|upgrade"
)
"""Headers that belong to the message or the connection of the service's own answer (RFC 9110, 7.6.1).

Copied into a request they would say where it ends, which lets the next one be smuggled in.
"""


@dataclass(frozen=True, slots=True)
class Grpc:
    """The service speaks Envoy's ext_authz protocol; it gets these headers, or all where there are none."""

    headers: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Http:
    """The service is asked at the path of the request with `prefix` before it.

    It gets `headers` besides those that it always gets. The backend gets those of its answer that are named in
    `answer_headers`, or all where that is empty.
    """

    prefix: str
    headers: tuple[str, ...]
    answer_headers: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Settings:
    """How the service is asked, and how large a body it gets (0: none at all)."""

    protocol: Grpc | Http
    body_bytes: int


class ExternalAuth:
    """The slice; see `slices.RouteFilter` and `slices.ListenerFilter`."""

    type = "ExternalAuth"
    features: tuple[str, ...] = ()
    repeatable = False
    # There is one position for it in the chain: of two, on a rule and on its backend, one would go unasked.
    excludes: tuple[str, ...] = ("ExternalAuth",)

    def parse(self, spec: HTTPRouteFilter, _matches: tuple[RequestMatch, ...], /) -> Filter | str:
        """Understand the settings; where `grpc` or `http` is missing its defaults are meant."""
        auth = spec.external_auth
        if auth is None:
            return "externalAuth is missing; say which service is asked"
        match auth.protocol:
            case "GRPC":
                protocol: Grpc | Http = Grpc(auth.grpc.allowed_headers if auth.grpc else ())
            case "HTTP":
                protocol = _http(auth)
            case other:
                return f"externalAuth.protocol: {other} is not supported; use HTTP or GRPC"
        settings = Settings(protocol, auth.forward_body.max_size if auth.forward_body else 0)
        use = BackendUse(auth.backend_ref, "externalAuth.backendRef", http2=isinstance(protocol, Grpc))
        return Filter(self.type, settings, (use,))

    def per_share(self, _filter: Filter, /) -> bool:
        """Envoy's position knows which weighted cluster was chosen, and does what stands there."""
        return True

    def on_route(self, filter_: Filter, target: Target) -> None:
        """Ask about all requests of a route, those that it answers itself included."""
        fill(target.route, _POSITION, _ext_authz(filter_))

    def on_share(self, filter_: Filter, share: WeightedCluster.ClusterWeight, _listener: ListenerFacts, /) -> None:
        """Ask about the requests that one backend gets."""
        fill(share, _POSITION, _ext_authz(filter_))

    def http_filter(self) -> HttpFilter:
        """Stand in the chain; routes that do not ask skip it."""
        return position(_POSITION)

    def before_routing(self, filter_: Filter, name: str, out: Configured) -> None:
        """Ask about every request of a virtual host, and choose its route again when the answer edits the request."""
        ext_authz = _ext_authz(filter_)
        ext_authz.clear_route_cache = True
        fill(out, name, ext_authz)


def _http(auth: Spec) -> Http:
    if auth.http is None:
        return Http("", (), ())
    return Http(_prefix(auth.http.path or ""), auth.http.allowed_headers, auth.http.allowed_response_headers)


def _prefix(path: str) -> str:
    """Clean a path that is put before others: absolute, and nothing in it that leads elsewhere or doubles a slash."""
    return "".join(f"/{part}" for part in path.split("/") if part not in ("", ".", ".."))


def _ext_authz(filter_: Filter) -> ExtAuthz:
    """Say it in Envoy's terms; all that is not set here fails closed by itself."""
    settings: Settings = filter_.settings
    out = ExtAuthz(transport_api_version=ApiVersion.V3)
    # A service that cannot say anything is not one that says no: whoever asks may try again.
    out.status_on_error.code = StatusCode.ServiceUnavailable
    # Envoy's own rules besides: Host, scheme and method stay, and so do its own headers.
    out.decoder_header_mutation_rules.disallow_expression.regex = f"(?i){_NOT_COPIED}"
    if settings.body_bytes:
        # A larger body is answered with 413. The field also says that it is cut; half a body is nothing to judge by.
        out.with_request_body.max_request_bytes = settings.body_bytes
    match settings.protocol:
        case Grpc(headers):
            out.grpc_service.envoy_grpc.cluster_name = str(filter_.clusters[0])
            out.grpc_service.timeout.seconds = _TIMEOUT_S
            if headers:
                _add(out.allowed_headers, headers)
        case Http(prefix, headers, answer_headers):
            service = out.http_service
            # Only the cluster counts; Envoy keeps the Host of the request.
            service.server_uri.uri = "http://external-auth"
            service.server_uri.cluster = str(filter_.clusters[0])
            service.server_uri.timeout.seconds = _TIMEOUT_S
            service.path_prefix = prefix
            # Host, method, path and Content-Length go without saying.
            _add(out.allowed_headers, ("authorization", *headers))
            copied = service.authorization_response.allowed_upstream_headers
            if answer_headers:
                _add(copied, answer_headers)
            else:
                # All but the pseudo header that holds the status.
                copied.patterns.add().safe_regex.regex = "[^:].*"
    return out


def _add(out: ListStringMatcher, names: tuple[str, ...]) -> None:
    for name in dict.fromkeys(name.lower() for name in names):
        out.patterns.add(exact=name, ignore_case=True)
