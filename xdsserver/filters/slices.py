"""What a filter is: how it is parsed, and what it adds to an Envoy route or to the share of one backend."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol, TypeVar

if TYPE_CHECKING:
    from envoy.config.route.v3.route_components_pb2 import Route, WeightedCluster

    from xdsserver.model.routing import Filter
    from xdsserver.objects.httproute import HTTPRouteFilter


S_contra = TypeVar("S_contra", contravariant=True)


class RouteFilter(Protocol[S_contra]):
    """One type of filter. `settings` is always what `parse` put into its Filter; nobody else looks into it."""

    type: str
    """The `type` by which users name it."""
    features: tuple[str, ...]
    """The features of the Gateway API that it makes whole."""

    def parse(self, spec: HTTPRouteFilter) -> Filter | str:
        """Give the settings, or say what is wrong with them and what to write instead."""

    def on_route(self, settings: S_contra, route: Route) -> None:
        """Apply it to all requests of a rule."""

    def on_share(self, settings: S_contra, share: WeightedCluster.ClusterWeight) -> None:
        """Apply it to the requests that one backend gets; called once for each filter of it, in their order."""
