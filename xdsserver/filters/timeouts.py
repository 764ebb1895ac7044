"""Field `timeouts` of a rule: how long a request may take, and each try of it (HTTPRouteTimeouts)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from xdsserver.gatewayapi.durations import EXAMPLE, milliseconds
from xdsserver.model.routing import Filter

if TYPE_CHECKING:
    from envoy.config.route.v3.route_components_pb2 import WeightedCluster

    from xdsserver.filters.slices import ListenerFacts, Target
    from xdsserver.objects.httproute import HTTPRouteRule
    from xdsserver.objects.meta import ObjectKey

STREAM_IDLE_MS: Final = 300_000
"""How long a stream may be idle where its route does not say otherwise: the limit of the connection manager."""


@dataclass(frozen=True, slots=True)
class Settings:
    """Limits in milliseconds; 0 is no limit, and `idle_ms` None leaves the limit of the connection manager."""

    total_ms: int
    per_try_ms: int
    idle_ms: int | None


class Timeouts:
    """The slice; see `slices.RuleField`."""

    type = "timeouts"
    features: tuple[str, ...] = ("HTTPRouteRequestTimeout", "HTTPRouteBackendTimeout")

    def parse(self, rule: HTTPRouteRule, _owner: ObjectKey, _position: int) -> Filter | str | None:
        """Refuse what is no duration, and a try that may take longer than the request that it is a part of."""
        spec = rule.timeouts
        if spec is None or (spec.request is None and spec.backend_request is None):
            return None
        request_ms = milliseconds(spec.request or "0s")
        try_ms = milliseconds(spec.backend_request or "0s")
        if request_ms is None:
            return f"request {spec.request!r} is not a duration; {EXAMPLE}"
        if try_ms is None:
            return f"backendRequest {spec.backend_request!r} is not a duration; {EXAMPLE}"
        if 0 < request_ms < try_ms:
            return (
                f"backendRequest {spec.backend_request} is longer than request {spec.request}, which holds all tries; "
                "make it no longer than that"
            )
        explicit = request_ms if spec.request is not None else try_ms
        idle_ms = _idle(explicit, max(request_ms, try_ms))
        if rule.retry is not None and rule.retry.attempts != 0:
            return Filter(self.type, Settings(request_ms, try_ms, idle_ms))
        # The one try is all there is. Envoy's limit of a try ends where an answer begins, that of the whole covers the
        # answer to its end, as backendRequest must.
        return Filter(self.type, Settings(try_ms or request_ms, 0, idle_ms))

    def on_route(self, filter_: Filter, target: Target) -> None:
        """Limit what is forwarded; what Envoy answers itself needs no limit."""
        if not target.forwards:
            return
        settings: Settings = filter_.settings
        action = target.route.route
        action.timeout.FromMilliseconds(settings.total_ms)
        if settings.per_try_ms:
            action.retry_policy.per_try_timeout.FromMilliseconds(settings.per_try_ms)
        if settings.idle_ms is not None:
            action.idle_timeout.FromMilliseconds(settings.idle_ms)

    def per_share(self, _filter: Filter, /) -> bool:
        """Not for one backend: it is of the whole rule."""
        return False

    def on_share(self, filter_: Filter, share: WeightedCluster.ClusterWeight, _listener: ListenerFacts, /) -> None:
        """Never called."""

    def http_filter(self) -> None:
        """Need nothing in the chain: Envoy's router counts the time."""


def _idle(explicit_ms: int, longest_ms: int) -> int | None:
    """Keep the limit of idle streams from cutting what was allowed to take longer; 0 is without end."""
    if explicit_ms == 0:
        return 0
    return longest_ms if longest_ms > STREAM_IDLE_MS else None
