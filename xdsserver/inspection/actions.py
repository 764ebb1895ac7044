"""What the action of an Envoy route does with a request: whom it goes to as what, or what Envoy answers."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import re2
from envoy.config.route.v3.route_components_pb2 import RedirectAction, RouteAction

from xdsserver.inspection.answers import Share
from xdsserver.inspection.reach import UNAVAILABLE, reach
from xdsserver.inspection.requests import WELL_KNOWN_PORTS, without_port
from xdsserver.model.routing import MILLION

if TYPE_CHECKING:
    from collections.abc import Iterator

    from envoy.config.route.v3.route_components_pb2 import Route, RouteMatch, WeightedCluster

    from xdsserver.inspection.requests import Arrived
    from xdsserver.pipeline import Pipeline

_CORS = "envoy.filters.http.cors"

_REDIRECTS = {
    RedirectAction.MOVED_PERMANENTLY: 301,
    RedirectAction.FOUND: 302,
    RedirectAction.SEE_OTHER: 303,
    RedirectAction.TEMPORARY_REDIRECT: 307,
    RedirectAction.PERMANENT_REDIRECT: 308,
}

_NOT_FOUND = {RouteAction.INTERNAL_SERVER_ERROR: 500, RouteAction.NOT_FOUND: 404}
"""By `cluster_not_found_response_code`; of all others 503."""


def shares_of(pipeline: Pipeline, fleet: str, route: Route, request: Arrived) -> Iterator[Share]:
    """Give what becomes of the requests of a route, in millionths of them."""
    match route.WhichOneof("action"):
        case "direct_response":
            status = route.direct_response.status
            yield Share(MILLION, "answer", _WORDS.get(route.name) or _WORDS_BY_STATUS.get(status, ""), status=status)
        case "redirect":
            location = _location(route, request)
            status = _REDIRECTS[route.redirect.response_code]
            yield Share(MILLION, "redirect", "a filter of the rule sends clients elsewhere", status, location=location)
        case _:
            yield from _forwarded(pipeline, fleet, route, request)


_WORDS = {
    "no-route": "no rule under this hostname matches",
    "filter-not-found": "a filter of the listener cannot be had, and must not be left out",
    "misdirected": "the client has connected for another hostname; it asks again on a new connection",
}
"""Of routes that are nobody's, by their names."""

_WORDS_BY_STATUS = {
    500: "the rule has no backend that can be had, or a filter of it cannot be had",
    503: "the rule has no backend that can be had, or a filter of it cannot be had",
}


def _forwarded(pipeline: Pipeline, fleet: str, route: Route, request: Arrived) -> Iterator[Share]:
    action = route.route
    path = _rewritten(route, request)
    host = action.host_rewrite_literal or request.authority
    weighted = action.weighted_clusters.clusters
    total = sum(one.weight.value for one in weighted)
    clusters: list[tuple[str, int, WeightedCluster.ClusterWeight | None]] = (
        [(one.name, MILLION * one.weight.value // total, one) for one in weighted]
        if weighted
        else [(action.cluster, MILLION, None)]
    )
    for name, ppm, weight in clusters:
        if _answers_preflight(route, weight, request):
            yield Share(ppm, "answer", "the CORS filter answers preflights itself", status=200)
            continue
        sent = replace(_to_cluster(pipeline, fleet, action, name), ppm=ppm)
        if sent.kind == "backend":
            sent = replace(sent, path=path, host=(weight.host_rewrite_literal if weight is not None else "") or host)
        yield sent


def _to_cluster(pipeline: Pipeline, fleet: str, action: RouteAction, name: str) -> Share:
    backend, wrong = reach(pipeline, fleet, name)
    if backend is None:
        return Share(MILLION, "answer", wrong, _NOT_FOUND.get(action.cluster_not_found_response_code, UNAVAILABLE))
    if wrong:
        return Share(MILLION, "answer", wrong, UNAVAILABLE, backend=backend)
    return Share(MILLION, "backend", "", backend=backend)


def _answers_preflight(route: Route, weight: WeightedCluster.ClusterWeight | None, request: Arrived) -> bool:
    """Whether it is what browsers ask before a request to another origin, and a policy is there to answer."""
    asks = request.values("origin") and request.values("access-control-request-method")
    if request.method != "OPTIONS" or not asks:
        return False
    return _CORS in route.typed_per_filter_config or (weight is not None and _CORS in weight.typed_per_filter_config)


def _rewritten(route: Route, request: Arrived) -> str:
    """Give path and query as the backend gets them."""
    action = route.route
    path = request.path
    if action.path_rewrite:
        # A format string, in which `%` is doubled.
        path = action.path_rewrite.replace("%%", "%")
    elif action.prefix_rewrite:
        path = action.prefix_rewrite + path[len(_prefix(route.match)) :]
    elif action.HasField("regex_rewrite"):
        path = re2.sub(action.regex_rewrite.pattern.regex, action.regex_rewrite.substitution, path)
    return path + request.target[len(request.path) :]


def _location(route: Route, request: Arrived) -> str:
    """Give where a redirect leads, put together as Envoy does."""
    to = route.redirect
    scheme = to.scheme_redirect or request.scheme
    host = to.host_redirect or request.authority
    if not to.host_redirect:
        bare = without_port(host)
        default = f":{WELL_KNOWN_PORTS[request.scheme]}"
        if to.port_redirect or (scheme != request.scheme and host[len(bare) :] == default):
            host = bare
    port = f":{to.port_redirect}" if to.port_redirect else ""
    path = request.path
    if to.path_redirect:
        path = to.path_redirect
    elif to.prefix_rewrite:
        path = to.prefix_rewrite + path[len(_prefix(route.match)) :]
    elif to.HasField("regex_rewrite"):
        path = re2.sub(to.regex_rewrite.pattern.regex, to.regex_rewrite.substitution, path)
    return f"{scheme}://{host}{port}{path}{request.target[len(request.path) :]}"


def _prefix(match: RouteMatch) -> str:
    return match.path_separated_prefix or match.prefix
