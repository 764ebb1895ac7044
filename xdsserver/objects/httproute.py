"""HTTPRoute (gateway.networking.k8s.io/v1)."""

from xdsserver.objects.gateway import ExternalAuth
from xdsserver.objects.meta import (
    GATEWAY_GROUP,
    BackendObjectReference,
    KubeObject,
    LocalObjectReference,
    Part,
)


class ParentReference(Part):
    """Whom a route wants to attach to."""

    name: str
    group: str | None = GATEWAY_GROUP
    kind: str | None = "Gateway"
    namespace: str | None = None
    section_name: str | None = None
    port: int | None = None


class HTTPPathMatch(Part):
    """Match on the path."""

    type: str | None = "PathPrefix"
    value: str | None = "/"


class HTTPHeaderMatch(Part):
    """Match on one header."""

    name: str
    value: str
    type: str | None = "Exact"


class HTTPQueryParamMatch(Part):
    """Match on one query parameter."""

    name: str
    value: str
    type: str | None = "Exact"


class HTTPRouteMatch(Part):
    """All parts must match."""

    path: HTTPPathMatch = HTTPPathMatch()
    headers: tuple[HTTPHeaderMatch, ...] = ()
    query_params: tuple[HTTPQueryParamMatch, ...] = ()
    method: str | None = None


class HTTPHeader(Part):
    """A header name and its value."""

    name: str
    value: str


class HTTPHeaderFilter(Part):
    """Edits of headers: `set` replaces, `add` appends, `remove` deletes."""

    set: tuple[HTTPHeader, ...] = ()
    add: tuple[HTTPHeader, ...] = ()
    remove: tuple[str, ...] = ()


class HTTPPathModifier(Part):
    """A new path, whole or its matched prefix."""

    type: str
    replace_full_path: str | None = None
    replace_prefix_match: str | None = None


class HTTPRequestRedirectFilter(Part):
    """Answer with a redirect."""

    scheme: str | None = None
    hostname: str | None = None
    path: HTTPPathModifier | None = None
    port: int | None = None
    status_code: int | None = 302


class HTTPURLRewriteFilter(Part):
    """Rewrite what is sent to the backend."""

    hostname: str | None = None
    path: HTTPPathModifier | None = None


class Fraction(Part):
    """A share of requests."""

    numerator: int
    denominator: int | None = 100


class HTTPRequestMirrorFilter(Part):
    """Copy requests to a second backend."""

    backend_ref: BackendObjectReference
    percent: int | None = None
    fraction: Fraction | None = None


class HTTPCORSFilter(Part):
    """Cross-origin resource sharing."""

    allow_origins: tuple[str, ...] = ()
    allow_credentials: bool | None = None
    allow_methods: tuple[str, ...] = ()
    allow_headers: tuple[str, ...] = ()
    expose_headers: tuple[str, ...] = ()
    max_age: int = 5


class HTTPRouteFilter(Part):
    """One filter; the field named by `type` holds its settings."""

    type: str
    request_header_modifier: HTTPHeaderFilter | None = None
    response_header_modifier: HTTPHeaderFilter | None = None
    request_mirror: HTTPRequestMirrorFilter | None = None
    request_redirect: HTTPRequestRedirectFilter | None = None
    url_rewrite: HTTPURLRewriteFilter | None = None
    cors: HTTPCORSFilter | None = None
    external_auth: ExternalAuth | None = None
    extension_ref: LocalObjectReference | None = None


class HTTPBackendRef(BackendObjectReference):
    """A backend, its share of the traffic, and filters for that share."""

    weight: int | None = 1
    filters: tuple[HTTPRouteFilter, ...] = ()


class HTTPRouteTimeouts(Part):
    """Durations as in GEP-2257."""

    request: str | None = None
    backend_request: str | None = None


class HTTPRouteRetry(Part):
    """When and how often a request is tried again."""

    codes: tuple[int, ...] = ()
    attempts: int | None = 1
    backoff: str | None = None


class CookieConfig(Part):
    """The cookie that carries a session."""

    name: str | None = None
    path: str | None = "/"
    lifetime_type: str | None = "Session"


class SessionHeader(Part):
    """The header that carries a session."""

    name: str


class SessionPersistence(Part):
    """Requests of one session go to one endpoint (deprecated on routes)."""

    type: str | None = "Cookie"
    absolute_timeout: str | None = None
    cookie: CookieConfig | None = None
    header: SessionHeader | None = None


class HTTPRouteRule(Part):
    """Any of `matches` leads to the filters and backends of the rule."""

    name: str | None = None
    matches: tuple[HTTPRouteMatch, ...] = (HTTPRouteMatch(),)
    filters: tuple[HTTPRouteFilter, ...] = ()
    backend_refs: tuple[HTTPBackendRef, ...] = ()
    timeouts: HTTPRouteTimeouts | None = None
    retry: HTTPRouteRetry | None = None
    session_persistence: SessionPersistence | None = None


class HTTPRouteSpec(Part):
    """HTTPRoute.spec."""

    parent_refs: tuple[ParentReference, ...] = ()
    hostnames: tuple[str, ...] = ()
    rules: tuple[HTTPRouteRule, ...] = (HTTPRouteRule(),)
    use_default_gateways: str | None = None


class HTTPRoute(KubeObject):
    """Which requests go to which backends."""

    spec: HTTPRouteSpec
