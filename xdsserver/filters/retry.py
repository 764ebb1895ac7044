"""Field `retry` of a rule: which failures are tried again, how often, and after what time (HTTPRouteRetry)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from envoy.extensions.retry.host.previous_hosts.v3.previous_hosts_pb2 import PreviousHostsPredicate

from xdsserver.gatewayapi.durations import EXAMPLE, milliseconds
from xdsserver.model.routing import Filter

if TYPE_CHECKING:
    from envoy.config.route.v3.route_components_pb2 import WeightedCluster

    from xdsserver.filters.slices import ListenerFacts, Target
    from xdsserver.objects.httproute import HTTPRouteRule
    from xdsserver.objects.meta import ObjectKey

_NEVER_PROCESSED: Final = ("connect-failure", "refused-stream", "reset-before-request", "unavailable")
"""Failures after which no backend has begun with the request, gRPC's UNAVAILABLE too: always worth another try."""

_OTHER_HOST_SELECTIONS: Final = 5
"""How often another endpoint is drawn where one that failed comes up again; then that one has to do."""

_MAX_ATTEMPTS: Final = 2**32 - 1
"""What Envoy's field can hold."""


@dataclass(frozen=True, slots=True)
class Settings:
    """How often again, after which status codes, and from which interval on.

    `resets` says whether a broken connection counts too, though the backend may have begun with the request.
    """

    attempts: int
    codes: tuple[int, ...]
    backoff_ms: int | None
    resets: bool


class Retry:
    """The slice; see `slices.RuleField`."""

    type = "retry"
    features: tuple[str, ...] = ("HTTPRouteRetryCodes", "HTTPRouteRetryConnectionError")

    def parse(self, rule: HTTPRouteRule, _owner: ObjectKey, _position: int) -> Filter | str | None:
        """Give nothing for 0 attempts: Envoy tries nothing again unless it is told to."""
        spec = rule.retry
        if spec is None:
            return None
        backoff_ms = None if spec.backoff is None else milliseconds(spec.backoff)
        if spec.backoff is not None and backoff_ms is None:
            return f"backoff {spec.backoff!r} is not a duration; {EXAMPLE}"
        attempts = 1 if spec.attempts is None else spec.attempts
        if attempts == 0:
            return None
        try_ms = milliseconds((rule.timeouts and rule.timeouts.backend_request) or "0s")
        settings = Settings(
            attempts=min(attempts, _MAX_ATTEMPTS),
            codes=tuple(sorted(set(spec.codes))),
            backoff_ms=backoff_ms,
            # To Envoy a try that took too long is a reset like any other, and it must be followed by the next one.
            resets=bool(try_ms),
        )
        return Filter(self.type, settings)

    def on_route(self, filter_: Filter, target: Target) -> None:
        """Let Envoy try again what it forwards."""
        if not target.forwards:
            return
        settings: Settings = filter_.settings
        policy = target.route.route.retry_policy
        when = [*_NEVER_PROCESSED]
        if settings.resets:
            when.append("reset")
        if settings.codes:
            when.append("retriable-status-codes")
            policy.retriable_status_codes.extend(settings.codes)
        policy.retry_on = ",".join(when)
        policy.num_retries.value = settings.attempts
        if settings.backoff_ms is not None:
            # Envoy needs an interval above zero. Its longest is ten times the base, which is never less than the base.
            policy.retry_back_off.base_interval.FromMilliseconds(max(settings.backoff_ms, 1))
        other = policy.retry_host_predicate.add(name="envoy.retry_host_predicates.previous_hosts")
        other.typed_config.Pack(PreviousHostsPredicate(), deterministic=True)
        policy.host_selection_retry_max_attempts = _OTHER_HOST_SELECTIONS

    def per_share(self, _filter: Filter, /) -> bool:
        """Not for one backend: it is of the whole rule."""
        return False

    def on_share(self, filter_: Filter, share: WeightedCluster.ClusterWeight, _listener: ListenerFacts, /) -> None:
        """Never called."""

    def http_filter(self) -> None:
        """Need nothing in the chain: Envoy's router tries again."""
