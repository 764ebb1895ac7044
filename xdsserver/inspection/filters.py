"""Which filters a request meets on its way, in the order in which Envoy applies them, with their settings."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any, Literal

import msgspec

from xdsserver.filters.registry import SLICES
from xdsserver.inspection.answers import Applied
from xdsserver.inspection.doors import listener_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from xdsserver.model.places import ChainKey
    from xdsserver.model.routing import Filter
    from xdsserver.pipeline import Pipeline
    from xdsserver.translation.routes import RouteKey

_ORDER = {one.type: number for number, one in enumerate(SLICES)}


def filters_of_listener(pipeline: Pipeline, chain: ChainKey, hostname: str) -> tuple[Applied, ...]:
    """Give the filters that run before a route is chosen, in the order in which their user listed them."""
    listener = listener_of(pipeline, chain, hostname)
    found = None if listener is None else pipeline.listener_filters.rows.get(listener)
    return () if found is None else tuple(_applied("listener", found.pre_routing.filters))


def filters_of_rule(pipeline: Pipeline, key: RouteKey) -> tuple[Applied, ...]:
    """Give the filters of the rule of an Envoy route, and fields that act like filters."""
    row = pipeline.rules.rows.get((key.owner, key.rule))
    return () if row is None or row.rule is None else tuple(_applied("rule", _sorted(row.rule.filters)))


def filters_of_backend(pipeline: Pipeline, key: RouteKey, cluster: str) -> tuple[Applied, ...]:
    """Give those that stand at the backendRef of a cluster; of several for one cluster those of the first."""
    row = pipeline.rules.rows.get((key.owner, key.rule))
    shares = getattr(row.rule.action, "shares", ()) if row is not None and row.rule is not None else ()
    found = next(
        (one.filters for one in shares if one.cluster is not None and cluster.startswith(str(one.cluster))), ()
    )
    return tuple(_applied("backend", _sorted(found)))


def _sorted(filters: Iterable[Filter]) -> list[Filter]:
    return sorted(filters, key=lambda one: _ORDER[one.type])


def _applied(of: Literal["listener", "rule", "backend"], filters: Iterable[Filter]) -> Iterator[Applied]:
    for one in filters:
        uses = [str(cluster) for cluster in one.clusters if cluster is not None]
        settings = _plain(one.settings)
        yield Applied(of, one.type, settings | {"clusters": uses} if uses and isinstance(settings, dict) else settings)


def _plain(settings: Any) -> Any:  # noqa: ANN401 (opaque to all but the slice that made it)
    """Make plain things of settings, without what is not set."""
    if dataclasses.is_dataclass(settings) and not isinstance(settings, type):
        found = {one.name: _plain(getattr(settings, one.name)) for one in dataclasses.fields(settings)}
        return {name: value for name, value in found.items() if value not in (None, [], {})}
    if isinstance(settings, msgspec.Struct):
        return msgspec.to_builtins(settings)
    if isinstance(settings, tuple):
        return [_plain(one) for one in settings]
    return settings
