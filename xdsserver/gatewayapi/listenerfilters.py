"""Filters of listeners: they run for every request, before a route is chosen (ListenerFilters, GEP-5224).

What cannot be had is never left out: where a filter leads nowhere, requests get those before it and then 500.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Protocol

from xdsserver.gatewayapi.backends.resolve import resolve
from xdsserver.gatewayapi.conditions import ACCEPTED, RESOLVED_REFS, Problem
from xdsserver.gatewayapi.grants import Referrer
from xdsserver.model.places import ListenerKey
from xdsserver.model.routing import Filter, PreRouting
from xdsserver.objects.httproute import HTTPRouteFilter
from xdsserver.objects.meta import GATEWAY_GROUP

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from xdsserver.gatewayapi.backends.resolve import BackendTables
    from xdsserver.model.routing import RequestMatch
    from xdsserver.objects.gateway import GatewayListener, ListenerFilter
    from xdsserver.objects.meta import ObjectKey
    from xdsserver.tables import Read


class ListenerFilterKind(Protocol):
    """What there is to know of a type of filter to parse those of listeners; the slices of `filters` say it."""

    def parse(self, spec: HTTPRouteFilter, matches: tuple[RequestMatch, ...], /) -> Filter | str:
        """Give the settings, or say what is wrong with them."""


Step = Filter | tuple[Problem, ...]
"""A filter that is understood, or what is wrong with it."""


@dataclass(frozen=True, slots=True)
class ResolvedListenerFilters:
    """What runs before the routes of a listener, and what is wrong with it."""

    pre_routing: PreRouting
    problems: tuple[Problem, ...]


def parse_listener_filters(
    parent: ObjectKey, listeners: Iterable[GatewayListener], kinds: Mapping[str, ListenerFilterKind]
) -> dict[ListenerKey, tuple[Step, ...]]:
    """Understand the filters of each listener of a parent that has any, in their order."""
    return {
        ListenerKey(*parent, listener.name): tuple(
            _step(listener, number, spec, kinds) for number, spec in enumerate(listener.filters.requests)
        )
        for listener in listeners
        if listener.filters is not None and listener.filters.requests
    }


def _step(
    listener: GatewayListener, number: int, spec: ListenerFilter, kinds: Mapping[str, ListenerFilterKind]
) -> Step:
    field = f"listener {listener.name}: filters.requests[{number}]"
    kind = kinds.get(spec.type)
    if kind is None:
        words = f"{field}.type: {spec.type} is not supported; supported: {', '.join(kinds)}"
        refused = Problem(ACCEPTED, "UnsupportedValue", words)
        if (reference := spec.extension_ref) is None:
            return (refused,)
        words = f"{field}.extensionRef: {reference.group or 'core'}/{reference.kind} is not a kind of filter; remove it"
        return (refused, Problem(RESOLVED_REFS, "InvalidListenerFilterRef", words))
    parsed = kind.parse(HTTPRouteFilter(type=spec.type, external_auth=spec.external_auth), ())
    if isinstance(parsed, str):
        return (Problem(ACCEPTED, "UnsupportedValue", f"{field}: {parsed}"),)
    return replace(parsed, uses=tuple(replace(use, field=f"{field}.{use.field}") for use in parsed.uses))


def resolve_listener_filters(
    read: Read, tables: BackendTables, key: ListenerKey, steps: tuple[Step, ...]
) -> ResolvedListenerFilters:
    """Find the backends that the filters of a listener use; whatever is missing has the reason that filters have."""
    referrer = Referrer(GATEWAY_GROUP, key.kind, key.namespace)
    filters: list[Filter] = []
    problems: list[Problem] = []
    for step in steps:
        if isinstance(step, tuple):
            problems += step
            continue
        found = [resolve(read, tables, referrer, use) for use in step.uses]
        missing = [_as_reference(one) for one in found if isinstance(one, Problem)]
        problems += missing
        if not problems:
            filters.append(replace(step, clusters=tuple(one.cluster for one in found if not isinstance(one, Problem))))
    return ResolvedListenerFilters(PreRouting(tuple(filters), whole=not problems), tuple(problems))


def _as_reference(problem: Problem) -> Problem:
    if problem.reason == "RefNotPermitted":
        return problem
    return replace(problem, reason="InvalidListenerFilterRef")
