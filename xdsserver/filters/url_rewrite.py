"""URLRewrite: what a backend gets to see as hostname and path (HTTPURLRewriteFilter)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, assert_never

from xdsserver.filters.path_modifier import FullPath, NewPrefix, parse_path, replace_prefix
from xdsserver.model.routing import Filter

if TYPE_CHECKING:
    from envoy.config.route.v3.route_components_pb2 import WeightedCluster

    from xdsserver.filters.slices import ListenerFacts, Target
    from xdsserver.model.routing import RequestMatch
    from xdsserver.objects.httproute import HTTPRouteFilter


@dataclass(frozen=True, slots=True)
class Settings:
    """The new hostname and the new path, each unless it stays."""

    hostname: str | None
    path: FullPath | NewPrefix | None


class URLRewrite:
    """The slice; see `slices.RouteFilter`. On a backend it has the last word over that of its rule, part by part."""

    type = "URLRewrite"
    features: tuple[str, ...] = ("HTTPRouteBackendURLRewrite", "HTTPRouteHostRewrite", "HTTPRoutePathRewrite")
    repeatable = False
    excludes: tuple[str, ...] = ("RequestRedirect",)

    def parse(self, spec: HTTPRouteFilter, matches: tuple[RequestMatch, ...], /) -> Filter | str:
        """Refuse a path that is none, and a new prefix where a match has none."""
        asked = spec.url_rewrite
        if asked is None:
            return "urlRewrite is missing; give a hostname or a path"
        path = None if asked.path is None else parse_path(asked.path, matches)
        if isinstance(path, str):
            return f"urlRewrite.{path}"
        return Filter(self.type, Settings(asked.hostname, path))

    def per_share(self, filter_: Filter, /) -> bool:
        """Envoy can rewrite the hostname for one weighted cluster, but not the path."""
        return filter_.settings.path is None

    def on_route(self, filter_: Filter, target: Target) -> None:
        """Apply it to all requests of a route; one that answers itself sends nothing on."""
        if not target.forwards:
            return
        settings: Settings = filter_.settings
        out = target.route.route
        if settings.hostname is not None:
            out.host_rewrite_literal = settings.hostname
        match settings.path:
            case FullPath(path):
                out.ClearField("prefix_rewrite")
                out.ClearField("regex_rewrite")
                # A format string, in which `%` begins a command.
                out.path_rewrite = path.replace("%", "%%")
            case NewPrefix() as change:
                out.ClearField("path_rewrite")
                replace_prefix(change, target.match.path, out)
            case None:
                pass
            case never:
                assert_never(never)

    def on_share(self, filter_: Filter, share: WeightedCluster.ClusterWeight, _listener: ListenerFacts, /) -> None:
        """Rewrite the hostname of the requests that one backend gets."""
        share.host_rewrite_literal = filter_.settings.hostname or share.host_rewrite_literal

    def http_filter(self) -> None:
        """Need nothing in the chain: Envoy's router rewrites."""
