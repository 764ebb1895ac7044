"""RequestMirror: copy requests to a further backend, whose answers nobody waits for (HTTPRequestMirrorFilter)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from envoy.type.v3.percent_pb2 import FractionalPercent

from xdsserver.model.routing import MILLION, BackendUse, Filter

if TYPE_CHECKING:
    from envoy.config.route.v3.route_components_pb2 import WeightedCluster

    from xdsserver.filters.slices import ListenerFacts, Target
    from xdsserver.model.routing import RequestMatch
    from xdsserver.objects.httproute import Fraction, HTTPRequestMirrorFilter, HTTPRouteFilter


@dataclass(frozen=True, slots=True)
class Settings:
    """How many of a million requests are copied."""

    ppm: int


class RequestMirror:
    """The slice; see `slices.RouteFilter`."""

    type = "RequestMirror"
    features: tuple[str, ...] = (
        "HTTPRouteRequestMirror",
        "HTTPRouteRequestMultipleMirrors",
        "HTTPRouteRequestPercentageMirror",
    )
    repeatable = True
    # What is answered here is sent to nobody, so that there is nothing to copy.
    excludes: tuple[str, ...] = ("RequestRedirect",)

    def parse(self, spec: HTTPRouteFilter, _matches: tuple[RequestMatch, ...], /) -> Filter | str:
        """Read the share of the requests; a backend that is not there costs the copies and nothing else."""
        mirror = spec.request_mirror
        if mirror is None:
            return "requestMirror is missing; say which backend gets the copies"
        ppm = _ppm(mirror)
        if isinstance(ppm, str):
            return f"requestMirror.{ppm}"
        use = BackendUse(mirror.backend_ref, "requestMirror.backendRef", required=False)
        return Filter(self.type, Settings(ppm), uses=(use,))

    def per_share(self, _filter: Filter, /) -> bool:
        """Envoy copies requests of a route, and not of one weighted cluster."""
        return False

    def on_route(self, filter_: Filter, target: Target) -> None:
        """Copy requests of a route as its backend gets them: with edited headers, and with the same Host."""
        if not target.forwards:
            return
        for cluster in filter_.clusters:
            if cluster is not None:
                policy = target.route.route.request_mirror_policies.add(cluster=str(cluster))
                # Otherwise the copy is for `HOST-shadow`, which no backend answers for.
                policy.disable_shadow_host_suffix_append = True
                policy.runtime_fraction.default_value.numerator = _below(filter_.settings.ppm, target.drawn)
                policy.runtime_fraction.default_value.denominator = FractionalPercent.MILLION

    def on_share(self, filter_: Filter, share: WeightedCluster.ClusterWeight, _listener: ListenerFacts, /) -> None:
        """Never called: see `per_share`."""

    def http_filter(self) -> None:
        """Need nothing in the chain: Envoy's router makes the copies."""


def _below(ppm: int, drawn: range) -> int:
    """Give the number below which requests are copied: of those that a route gets, a share, and not of all."""
    return drawn.start + round(ppm * len(drawn) / MILLION)


def _ppm(mirror: HTTPRequestMirrorFilter) -> int | str:
    """Give the share in millionths: all where neither field is given."""
    match mirror.percent, mirror.fraction:
        case None, None:
            return MILLION
        case int(percent), None if 0 <= percent <= 100:  # noqa: PLR2004 (a percentage)
            return percent * MILLION // 100
        case int(), None:
            return "percent must be from 0 to 100"
        case None, fraction if fraction is not None:
            return _of(fraction)
        case _:
            return "percent and fraction exclude each other; use one of them"


def _of(fraction: Fraction) -> int | str:
    denominator = 100 if fraction.denominator is None else fraction.denominator
    if denominator < 1 or not 0 <= fraction.numerator <= denominator:
        return "fraction must have a denominator above 0 and a numerator from 0 up to it"
    # Less than a millionth is still more than none.
    return max(round(fraction.numerator * MILLION / denominator), min(fraction.numerator, 1))
