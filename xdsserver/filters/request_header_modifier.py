"""RequestHeaderModifier: set, add and remove headers of the request (HTTPHeaderFilter)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from envoy.config.core.v3.base_pb2 import HeaderValueOption

from xdsserver.model.routing import Filter

if TYPE_CHECKING:
    from collections.abc import Iterator

    from envoy.config.route.v3.route_components_pb2 import Route, WeightedCluster

    from xdsserver.filters.slices import Target
    from xdsserver.model.routing import RequestMatch
    from xdsserver.objects.httproute import HTTPHeader, HTTPRouteFilter


@dataclass(frozen=True, slots=True)
class Settings:
    """Pairs of name and value to set and to add, names to remove."""

    set: tuple[tuple[str, str], ...]
    add: tuple[tuple[str, str], ...]
    remove: tuple[str, ...]


class RequestHeaderModifier:
    """The slice; see `slices.RouteFilter`."""

    type = "RequestHeaderModifier"
    features: tuple[str, ...] = ("HTTPRouteBackendRequestHeaderModification",)
    repeatable = False
    excludes: tuple[str, ...] = ()

    def parse(self, spec: HTTPRouteFilter, _matches: tuple[RequestMatch, ...], /) -> Filter | str:
        """Refuse what Envoy refuses: pseudo headers, and Host, which only a rewrite of the hostname may change."""
        edits = spec.request_header_modifier
        if edits is None:
            return "requestHeaderModifier is missing; say what to set, add or remove"
        for name in (*_names(edits.set), *_names(edits.add), *edits.remove):
            if name.startswith(":") or name.lower() == "host":
                return f"requestHeaderModifier cannot change {name}; use URLRewrite for the hostname"
        return Filter(self.type, Settings(_pairs(edits.set), _pairs(edits.add), edits.remove))

    def per_share(self, _filter: Filter, /) -> bool:
        """Envoy edits headers for a route and for a weighted cluster alike."""
        return True

    def on_route(self, filter_: Filter, target: Target) -> None:
        """Apply it to all requests of a route."""
        _edit(target.route, filter_.settings)

    def on_share(self, filter_: Filter, share: WeightedCluster.ClusterWeight) -> None:
        """Apply it to the requests that one backend gets."""
        _edit(share, filter_.settings)

    def http_filter(self) -> None:
        """Need nothing in the chain: Envoy's router edits headers."""


def _edit(out: Route | WeightedCluster.ClusterWeight, settings: Settings) -> None:
    """Add edits after those that are there already.

    Envoy removes first, then sets, then adds, whatever the order: an earlier edit that this one undoes must go.
    """
    undone = {name.lower() for name in (*settings.remove, *(name for name, _ in settings.set))}
    kept = [option for option in out.request_headers_to_add if option.header.key.lower() not in undone]
    del out.request_headers_to_add[:]
    out.request_headers_to_add.extend(kept)
    out.request_headers_to_add.extend(_options(settings))
    out.request_headers_to_remove.extend(settings.remove)


def _names(headers: tuple[HTTPHeader, ...]) -> Iterator[str]:
    return (header.name for header in headers)


def _pairs(headers: tuple[HTTPHeader, ...]) -> tuple[tuple[str, str], ...]:
    """Keep the first of names that differ in case only (HTTPHeaderFilter.set)."""
    first: dict[str, tuple[str, str]] = {}
    for header in headers:
        first.setdefault(header.name.lower(), (header.name, header.value))
    return tuple(first.values())


def _options(settings: Settings) -> Iterator[HeaderValueOption]:
    """Give the edits in Envoy's terms; `%` begins a command in its format strings, so it is doubled."""
    overwrite = HeaderValueOption.OVERWRITE_IF_EXISTS_OR_ADD
    append = HeaderValueOption.APPEND_IF_EXISTS_OR_ADD
    for action, pairs in ((overwrite, settings.set), (append, settings.add)):
        for name, value in pairs:
            option = HeaderValueOption(append_action=action, keep_empty_value=True)
            option.header.key = name
            option.header.value = value.replace("%", "%%")
            yield option
