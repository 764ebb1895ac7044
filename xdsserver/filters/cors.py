"""CORS: tell browsers which other origins may use a route, and answer their preflights here (HTTPCORSFilter).

A preflight is an OPTIONS request with `Origin` and `Access-Control-Request-Method`. It never reaches a backend: the
gateway has the last word for every path that has this filter (GEP-1767). An origin that is not allowed gets 200 without
`Access-Control-Allow-Origin`, which is what a browser refuses by.
"""

from __future__ import annotations

import re
from dataclasses import replace
from typing import TYPE_CHECKING

from envoy.config.route.v3.route_components_pb2 import RouteAction
from envoy.extensions.filters.http.cors.v3.cors_pb2 import Cors, CorsPolicy
from envoy.extensions.filters.network.http_connection_manager.v3.http_connection_manager_pb2 import HttpFilter
from envoy.type.matcher.v3.string_pb2 import StringMatcher

from xdsserver.model.routing import Filter, ValueMatch

if TYPE_CHECKING:
    from collections.abc import Iterator

    from envoy.config.route.v3.route_components_pb2 import Route, WeightedCluster

    from xdsserver.filters.slices import ListenerFacts, Target
    from xdsserver.model.routing import RequestMatch
    from xdsserver.objects.httproute import HTTPCORSFilter, HTTPRouteFilter

_NAME = "envoy.filters.http.cors"

_DEFAULT_PORTS = {"http": "80", "https": "443"}
_ANY_HOST = r"(?:[^/:\[\]]+|\[[^/\[\]]+\])"
"""A name, an IPv4 address, or an IPv6 address in brackets."""

_NOBODY = "cors-answers-only"
"""A cluster that never exists."""


class CrossOrigin:
    """The slice; see `slices.RouteFilter`."""

    type = "CORS"
    features: tuple[str, ...] = ("HTTPRouteCORS",)
    repeatable = False
    # Envoy looks at no origin where it redirects, and a browser follows no preflight that is redirected.
    excludes: tuple[str, ...] = ("RequestRedirect",)

    def parse(self, spec: HTTPRouteFilter, matches: tuple[RequestMatch, ...], /) -> Filter | str:
        """Take the settings as they are; a preflight leads to the rule for the method that it asks about too."""
        if spec.cors is None:
            return "cors is missing; say which origins are allowed"
        return Filter(self.type, spec.cors, matches=tuple(map(_preflight, filter(_asks_method, matches))))

    def per_share(self, _filter: Filter, /) -> bool:
        """Envoy's filter knows which weighted cluster was chosen, and takes the policy that stands there."""
        return True

    def on_route(self, filter_: Filter, target: Target) -> None:
        """Apply it to all requests of a route, to those that have no backend too."""
        if not target.forwards:
            _answer_as_a_cluster_would(target.route)
        target.route.typed_per_filter_config[_NAME].Pack(_policy(filter_.settings), deterministic=True)

    def on_share(self, filter_: Filter, share: WeightedCluster.ClusterWeight, _listener: ListenerFacts, /) -> None:
        """Apply it to the requests that one backend gets; of two the one of the backend stands."""
        share.typed_per_filter_config[_NAME].Pack(_policy(filter_.settings), deterministic=True)

    def http_filter(self) -> HttpFilter:
        """Stand in the chain, without effect on routes that have no policy."""
        out = HttpFilter(name=_NAME)
        out.typed_config.Pack(Cors(), deterministic=True)
        return out


def _asks_method(match: RequestMatch) -> bool:
    """Whether a preflight for what this matches would go elsewhere for its method alone.

    Where headers are asked for too, nobody can tell from a preflight whether they will be sent.
    """
    return match.method not in (None, "OPTIONS") and not match.headers


def _preflight(match: RequestMatch) -> RequestMatch:
    asked = ValueMatch("access-control-request-method", match.method or "")
    return replace(match, method="OPTIONS", headers=(asked, ValueMatch("origin", ".+", regex=True)))


def _answer_as_a_cluster_would(route: Route) -> None:
    """Answer 500 by way of a cluster that is not there: Envoy's filter passes over what is answered directly."""
    route.ClearField("direct_response")
    route.route.cluster = _NOBODY
    route.route.cluster_not_found_response_code = RouteAction.INTERNAL_SERVER_ERROR


def _policy(cors: HTTPCORSFilter) -> CorsPolicy:
    """Say it in Envoy's terms.

    Envoy echoes the origin always, and method and headers where `*` is allowed, so that a credentialed request never
    meets a wildcard. Headers to expose cannot be echoed: with credentials `*` would be the name of a header, so it is
    left out. A preflight that asks for no headers gets an empty list of them.
    """
    out = CorsPolicy(
        allow_origin_string_match=[match for one in cors.allow_origins for match in _origins(one)],
        allow_methods=", ".join(cors.allow_methods),
        allow_headers=", ".join(cors.allow_headers),
        expose_headers=", ".join(name for name in cors.expose_headers if name != "*" or not cors.allow_credentials),
        max_age=str(cors.max_age),
    )
    if cors.allow_credentials:
        out.allow_credentials.value = True
    # Without an allowed origin too: otherwise the backend would have a word in it.
    out.forward_not_matching_preflights.value = False
    return out


def _origins(text: str) -> Iterator[StringMatcher]:
    """Match an origin: any (`*`), or scheme, host with a wildcard for labels or for all of it, and port.

    The port that belongs to the scheme may be left out on either side.
    """
    if text == "*":
        yield StringMatcher(exact="*")
        return
    scheme, _, rest = text.lower().partition("://")
    host, _, port = rest.partition(":")
    default = _DEFAULT_PORTS.get(scheme, "")
    ports = ("", f":{default}") if port in ("", default) else (f":{port}",)
    if "*" in host:
        hosts = _ANY_HOST if host == "*" else re.escape(host).replace(r"\*", r"[^/:\[\]]+")
        out = StringMatcher()
        out.safe_regex.regex = f"(?i){re.escape(scheme)}://{hosts}(?:{'|'.join(ports)})"
        yield out
    else:
        for one in ports:
            yield StringMatcher(exact=f"{scheme}://{host}{one}", ignore_case=True)
