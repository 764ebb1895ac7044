"""Rules of routes of any kind: parsed by kind (`httprules`, `grpcrules`), then joined with their backends."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from xdsserver.gatewayapi.backends.resolve import resolve
from xdsserver.gatewayapi.conditions import Problem
from xdsserver.gatewayapi.grants import Referrer
from xdsserver.model.routing import BackendUse, Forward, Respond, Rule, Share, unserved
from xdsserver.objects.meta import GATEWAY_GROUP

if TYPE_CHECKING:
    from xdsserver.gatewayapi.backends.resolve import BackendTables
    from xdsserver.model.routing import Action, ClusterKey, Filter, RequestMatch
    from xdsserver.objects.meta import BackendObjectReference, ObjectKey
    from xdsserver.tables import Read


@dataclass(frozen=True, slots=True)
class ParsedFilters:
    """Filters that are understood, and the problems of those that name an object which is no filter.

    With `unresolved` a request gets an error instead: such a filter must not be skipped (HTTPRouteFilter.type).
    """

    known: tuple[Filter, ...]
    unresolved: tuple[Problem, ...] = ()

    def followed_by(self, filter_: Filter) -> ParsedFilters:
        """Give these and one more, behind them."""
        return replace(self, known=(*self.known, filter_))


@dataclass(frozen=True, slots=True)
class ParsedBackend:
    """A backendRef with its weight and its filters, which are parsed."""

    reference: BackendObjectReference
    weight: int
    filters: ParsedFilters


@dataclass(frozen=True, slots=True)
class ParsedRule:
    """A rule as far as it can be understood without looking at other objects.

    `created` is the creation time of its route; `name` is empty for a rule without one. With `problems` the rule is
    dropped: no request is served by half of what was asked for. `field` is where it stands in its object.
    """

    owner: ObjectKey
    created: str
    position: int
    name: str
    matches: tuple[RequestMatch, ...]
    filters: ParsedFilters
    backends: tuple[ParsedBackend, ...]
    problems: tuple[Problem, ...]
    field: str = ""


@dataclass(frozen=True, slots=True)
class ResolvedRule:
    """A rule with its backends found, or dropped because of `dropped`; `problems` are those of its references."""

    created: str
    rule: Rule | None
    dropped: tuple[Problem, ...]
    problems: tuple[Problem, ...]


def resolve_rule(read: Read, tables: BackendTables, parsed: ParsedRule) -> ResolvedRule:
    """Find the backends of a rule; what cannot be found costs its share of the requests an error.

    Sources: HTTPRouteRule.backendRefs (no backend at all answers 500), GRPCRouteRule.backendRefs (or UNAVAILABLE),
    BackendRef.weight (zero gets nothing), HTTPRouteFilter.type (a filter that cannot be resolved answers with an
    error).
    """
    if parsed.problems:
        return ResolvedRule(parsed.created, None, parsed.problems, ())
    resolver = _Resolver(read, tables, parsed)
    filters = resolver.filters("filters", parsed.filters)
    shares = tuple(resolver.share(number, backend) for number, backend in enumerate(parsed.backends))
    weighted = tuple(share for share in shares if share.weight > 0)
    forwards = filters is not None and any(share.cluster for share in weighted)
    action: Action = Forward(weighted) if forwards else Respond(unserved(parsed.owner))
    matches = _matches(parsed)
    added = len(matches) - len(parsed.matches)
    rule = Rule(parsed.owner, parsed.position, matches, filters or (), action, parsed.name, added)
    return ResolvedRule(parsed.created, rule, (), tuple(resolver.problems))


def _matches(parsed: ParsedRule) -> tuple[RequestMatch, ...]:
    """Give what leads to a rule: its own matches, then those that its filters add."""
    filters = (*parsed.filters.known, *(one for backend in parsed.backends for one in backend.filters.known))
    return tuple(dict.fromkeys((*parsed.matches, *(match for filter_ in filters for match in filter_.matches))))


class _Resolver:
    """Resolves the references of one rule and notes what is wrong with them, each with the path of the field."""

    def __init__(self, read: Read, tables: BackendTables, parsed: ParsedRule) -> None:
        self.problems: list[Problem] = []
        self._read = read
        self._tables = tables
        self._referrer = Referrer(GATEWAY_GROUP, parsed.owner.kind, parsed.owner.namespace)
        self._field = parsed.field or f"spec.rules[{parsed.position}]"

    def share(self, number: int, backend: ParsedBackend) -> Share:
        """Resolve a backendRef with its filters; without its backend or a filter it has no cluster."""
        field = f"backendRefs[{number}]"
        found = resolve(
            self._read, self._tables, self._referrer, BackendUse(backend.reference, f"{self._field}.{field}")
        )
        if isinstance(found, Problem):
            self.problems.append(found)
        filters = self.filters(f"{field}.filters", backend.filters)
        if isinstance(found, Problem) or filters is None:
            return Share(None, backend.weight)
        return Share(found.cluster, backend.weight, (*found.filters, *filters), found.host)

    def filters(self, field: str, parsed: ParsedFilters) -> tuple[Filter, ...] | None:
        """Resolve the backends that filters use; None where one that must not be left out cannot be had."""
        self.problems += parsed.unresolved
        whole = not parsed.unresolved
        resolved = []
        for number, filter_ in enumerate(parsed.known):
            clusters = tuple(self._use(f"{self._field}.{field}[{number}]", use) for use in filter_.uses)
            whole = whole and not any(use.required and not one for use, one in zip(filter_.uses, clusters, strict=True))
            resolved.append(replace(filter_, clusters=clusters))
        return tuple(resolved) if whole else None

    def _use(self, field: str, use: BackendUse) -> ClusterKey | None:
        found = resolve(self._read, self._tables, self._referrer, replace(use, field=f"{field}.{use.field}"))
        if isinstance(found, Problem):
            self.problems.append(found)
            return None
        return found.cluster
