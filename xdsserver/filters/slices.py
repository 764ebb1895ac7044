"""What a slice is: how a filter or a field of a rule is parsed, and what it adds to a route or to a share of it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from xdsserver.model.routing import MILLION

if TYPE_CHECKING:
    from collections.abc import MutableMapping

    from envoy.config.route.v3.route_components_pb2 import Route, WeightedCluster
    from envoy.extensions.filters.network.http_connection_manager.v3.http_connection_manager_pb2 import HttpFilter
    from google.protobuf.any_pb2 import Any

    from xdsserver.model.routing import Filter, RequestMatch
    from xdsserver.objects.httproute import HTTPRouteFilter, HTTPRouteRule
    from xdsserver.objects.meta import ObjectKey


@dataclass(frozen=True, slots=True)
class ListenerFacts:
    """What a filter may need to know of the listener that its route is on: the port that the user wrote, the scheme."""

    port: int
    scheme: str


@dataclass(frozen=True, slots=True)
class Target:
    """The Envoy route that a filter is applied to; it is complete but for the filters behind this one.

    `drawn` says which requests it gets where its rule is split: Envoy draws one number for each, in millionths, and all
    that is decided by chance for a request is decided by this one number.
    """

    route: Route
    match: RequestMatch
    listener: ListenerFacts
    hostname: str
    """The hostname under which it answers; may be a wildcard, or `*` for any."""
    drawn: range = range(MILLION)

    @property
    def forwards(self) -> bool:
        """Whether its requests go to a backend; where not, writing to `route.route` would undo the answer."""
        return self.route.HasField("route")


class Configured(Protocol):
    """What of Envoy's can say how HTTP filters treat its requests: a virtual host, a route, a share of one."""

    @property
    def typed_per_filter_config(self) -> MutableMapping[str, Any]:
        """Settings by the name that a filter has in the chain."""


class Slice(Protocol):
    """What is applied to Envoy routes. The settings of the Filters it gets are what its own `parse` made."""

    type: str
    """What users call it: the `type` of a filter, the name of a field."""
    features: tuple[str, ...]
    """The features of the Gateway API that it makes whole."""

    def per_share(self, filter_: Filter, /) -> bool:
        """Tell whether Envoy can apply it to one weighted cluster; where it cannot, a rule is split by backends."""

    def on_route(self, filter_: Filter, target: Target) -> None:
        """Apply it to all requests of a route, behind the filters that stand before it."""

    def on_share(self, filter_: Filter, share: WeightedCluster.ClusterWeight, listener: ListenerFacts, /) -> None:
        """Apply it to the requests that one backend gets; called once for each filter of it, in their order.

        Never called where it is not `per_share`.
        """

    def http_filter(self) -> HttpFilter | None:
        """Give what must stand in the chain of every connection manager, without effect on routes that do not ask."""


class RouteFilter(Slice, Protocol):
    """One type of filter."""

    repeatable: bool
    """Whether a rule may have it more than once (HTTPRouteRule.filters: not, unless the filter says so)."""
    excludes: tuple[str, ...]
    """Types that no request may get besides this one; naming it on one side is enough."""

    def parse(self, spec: HTTPRouteFilter, matches: tuple[RequestMatch, ...], /) -> Filter | str:
        """Give the settings, or say what is wrong with them, or with the matches of the rule, and what to write."""


class RuleField(Slice, Protocol):
    """One field of a rule besides its matches, filters and backendRefs."""

    def parse(
        self, rule: HTTPRouteRule, owner: ObjectKey, position: int, /
    ) -> Filter | tuple[Filter, ...] | str | None:
        """Give what applies to the whole rule, or a tuple: for each backendRef its own; None where nothing is asked.

        Or say what is wrong and what to write. The rule is the one at this position of the route `owner`.
        """


class ListenerFilter(Protocol):
    """One type of filter that listeners may have too: it runs before a route is chosen (GEP-5224)."""

    type: str
    """The `type` by which users name it."""

    def parse(self, spec: HTTPRouteFilter, matches: tuple[RequestMatch, ...], /) -> Filter | str:
        """Give the settings, or say what is wrong with them; there are no matches here."""

    def before_routing(self, filter_: Filter, name: str, out: Configured) -> None:
        """Apply it to every request of a virtual host, at the position of this name in the chain.

        What it changes of a request counts for the choice of a route, but for the host, which it must leave alone.
        """
