"""ResponseHeaderModifier: set, add and remove headers of the response (HTTPHeaderFilter)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from xdsserver.filters.header_edits import HeaderEdits
from xdsserver.model.routing import Filter

if TYPE_CHECKING:
    from envoy.config.route.v3.route_components_pb2 import WeightedCluster

    from xdsserver.filters.slices import ListenerFacts, Target
    from xdsserver.model.routing import RequestMatch
    from xdsserver.objects.httproute import HTTPRouteFilter


class ResponseHeaderModifier:
    """The slice; see `slices.RouteFilter`. The settings are HeaderEdits."""

    type = "ResponseHeaderModifier"
    features: tuple[str, ...] = ("HTTPRouteResponseHeaderModification",)
    repeatable = False
    excludes: tuple[str, ...] = ()

    def parse(self, spec: HTTPRouteFilter, _matches: tuple[RequestMatch, ...], /) -> Filter | str:
        """Refuse what Envoy refuses."""
        if spec.response_header_modifier is None:
            return "responseHeaderModifier is missing; say what to set, add or remove"
        edits = HeaderEdits.of(spec.response_header_modifier)
        for name in edits.refused():
            return f"responseHeaderModifier cannot change {name}; remove it"
        if (words := edits.unsound()) is not None:
            return f"responseHeaderModifier {words}"
        return Filter(self.type, edits)

    def per_share(self, _filter: Filter, /) -> bool:
        """Envoy edits headers for a route and for a weighted cluster alike."""
        return True

    def on_route(self, filter_: Filter, target: Target) -> None:
        """Apply it to all responses of a route, those that are made here included."""
        filter_.settings.apply(target.route.response_headers_to_add, target.route.response_headers_to_remove)

    def on_share(self, filter_: Filter, share: WeightedCluster.ClusterWeight, _listener: ListenerFacts, /) -> None:
        """Apply it to the responses of one backend."""
        filter_.settings.apply(share.response_headers_to_add, share.response_headers_to_remove)

    def http_filter(self) -> None:
        """Need nothing in the chain: Envoy's router edits headers."""
