"""RequestRedirect: send the client elsewhere (HTTPRequestRedirectFilter)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, assert_never

from envoy.config.route.v3.route_components_pb2 import RedirectAction

from xdsserver.filters.path_modifier import FullPath, NewPrefix, parse_path, replace_prefix
from xdsserver.model.routing import Filter

if TYPE_CHECKING:
    from collections.abc import Mapping

    from envoy.config.route.v3.route_components_pb2 import WeightedCluster

    from xdsserver.filters.slices import ListenerFacts, Target
    from xdsserver.model.routing import RequestMatch
    from xdsserver.objects.httproute import HTTPRouteFilter

_CODES = {
    301: RedirectAction.MOVED_PERMANENTLY,
    302: RedirectAction.FOUND,
    303: RedirectAction.SEE_OTHER,
    307: RedirectAction.TEMPORARY_REDIRECT,
    308: RedirectAction.PERMANENT_REDIRECT,
}

_WELL_KNOWN: Mapping[str, int] = {"http": 80, "https": 443}
"""The port that a Location does not name, by scheme."""


@dataclass(frozen=True, slots=True)
class Settings:
    """Where to, each part unless it stays as it was asked for, and with which status."""

    scheme: str | None
    hostname: str | None
    port: int | None
    path: FullPath | NewPrefix | None
    status: int


class RequestRedirect:
    """The slice; see `slices.RouteFilter`. On a backend it answers that share of the requests."""

    type = "RequestRedirect"
    features: tuple[str, ...] = (
        "HTTPRoute303RedirectStatusCode",
        "HTTPRoute307RedirectStatusCode",
        "HTTPRoute308RedirectStatusCode",
        "HTTPRoutePathRedirect",
        "HTTPRoutePortRedirect",
        "HTTPRouteSchemeRedirect",
    )
    repeatable = False
    excludes: tuple[str, ...] = ("URLRewrite",)

    def parse(self, spec: HTTPRouteFilter, matches: tuple[RequestMatch, ...], /) -> Filter | str:
        """Refuse values that a later release of the API may know, a path that is none, a new prefix without an old."""
        asked = spec.request_redirect
        if asked is None:
            return "requestRedirect is missing; say where to"
        if asked.scheme not in (None, *_WELL_KNOWN):
            return f"requestRedirect.scheme: {asked.scheme} is not supported; use {' or '.join(_WELL_KNOWN)}"
        status = 302 if asked.status_code is None else asked.status_code
        if status not in _CODES:
            return f"requestRedirect.statusCode: {status} is not supported; use one of {', '.join(map(str, _CODES))}"
        path = None if asked.path is None else parse_path(asked.path, matches)
        if isinstance(path, str):
            return f"requestRedirect.{path}"
        return Filter(self.type, Settings(asked.scheme, asked.hostname, asked.port, path, status))

    def per_share(self, _filter: Filter, /) -> bool:
        """Envoy redirects in place of forwarding."""
        return False

    def on_route(self, filter_: Filter, target: Target) -> None:
        """Redirect instead of what the route did."""
        settings: Settings = filter_.settings
        out = RedirectAction(response_code=_CODES[settings.status])
        if settings.scheme is not None:
            out.scheme_redirect = settings.scheme
        match settings.path:
            case FullPath(path):
                out.path_redirect = path
            case NewPrefix() as change:
                replace_prefix(change, target.match.path, out)
            case None:
                pass
            case never:
                assert_never(never)
        _set_authority(out, settings, target)
        target.route.redirect.CopyFrom(out)

    def on_share(self, filter_: Filter, share: WeightedCluster.ClusterWeight, _listener: ListenerFacts, /) -> None:
        """Never called: no share has a redirect."""

    def http_filter(self) -> None:
        """Need nothing in the chain: Envoy's router redirects."""


def _set_authority(out: RedirectAction, settings: Settings, target: Target) -> None:
    """Say hostname and port: the port asked for, else that of the scheme asked for, else the listener's.

    The well-known port of the scheme should not be written (HTTPRequestRedirectFilter.port), and Envoy writes what it
    is told and else keeps that of Host. A hostname that is told has none. Where it is not known, what Host has is
    right on a listener with a well-known port; on another one a port has to be told, and be it the well-known one.
    """
    listener = target.listener
    port = settings.port or (_WELL_KNOWN[settings.scheme] if settings.scheme else listener.port)
    hostname = settings.hostname or (None if "*" in target.hostname else target.hostname)
    if hostname is not None:
        out.host_redirect = hostname
    well_known = port == _WELL_KNOWN[settings.scheme or listener.scheme]
    if not well_known or (hostname is None and listener.port != _WELL_KNOWN[listener.scheme]):
        out.port_redirect = port
