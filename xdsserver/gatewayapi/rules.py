"""Rules of an HTTPRoute: from what the user wrote to what a request must look like and what happens to it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import re2

from xdsserver.gatewayapi.backends import resolve
from xdsserver.gatewayapi.conditions import RESOLVED_REFS, Problem
from xdsserver.gatewayapi.grants import Referrer
from xdsserver.model.routing import (
    MAX_REGEX_INSTRUCTIONS,
    Filter,
    Forward,
    PathKind,
    PathMatch,
    RequestMatch,
    Respond,
    Rule,
    Share,
    ValueMatch,
)
from xdsserver.objects.httproute import (
    HTTPRouteFilter,
    HTTPRouteMatch,
)
from xdsserver.objects.meta import GATEWAY_GROUP, ObjectKey

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from xdsserver.gatewayapi.backends import BackendTables
    from xdsserver.model.routing import (
        Action,
    )
    from xdsserver.objects.httproute import (
        HTTPBackendRef,
        HTTPHeaderMatch,
        HTTPPathMatch,
        HTTPQueryParamMatch,
        HTTPRoute,
        HTTPRouteRule,
    )
    from xdsserver.tables import Read

ParseFilter = Callable[[HTTPRouteFilter], Filter | str]
"""Give the settings of a filter, or say what is wrong with it. The registry of `filters` has these."""

_QUIET = re2.Options()
_QUIET.log_errors = False


@dataclass(frozen=True, slots=True)
class ParsedFilters:
    """Filters that are understood, and the problems of those that name an object which is no filter.

    With `unresolved` a request gets an error instead: such a filter must not be skipped (HTTPRouteFilter.type).
    """

    known: tuple[Filter, ...]
    unresolved: tuple[Problem, ...] = ()


@dataclass(frozen=True, slots=True)
class ParsedBackend:
    """A backendRef whose filters are parsed."""

    reference: HTTPBackendRef
    filters: ParsedFilters


@dataclass(frozen=True, slots=True)
class ParsedRule:
    """A rule as far as it can be understood without looking at other objects.

    `created` is the creation time of its route. With `problems` the rule is dropped: no request is served by half of
    what was asked for.
    """

    owner: ObjectKey
    created: str
    position: int
    matches: tuple[RequestMatch, ...]
    filters: ParsedFilters
    backends: tuple[ParsedBackend, ...]
    problems: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class ResolvedRule:
    """A rule with its backends found, or dropped because of `dropped`; `problems` are those of its references."""

    created: str
    rule: Rule | None
    dropped: tuple[str, ...]
    problems: tuple[Problem, ...]


def parse(route: HTTPRoute, filters: Mapping[str, ParseFilter]) -> Iterator[ParsedRule]:
    """Understand the rules of a route one by one; `filters` maps each supported type of filter to its parser."""
    owner = ObjectKey("HTTPRoute", *route.name)
    for position, spec in enumerate(route.spec.rules):
        parser = _Parser(f"spec.rules[{position}]", filters)
        yield ParsedRule(
            owner=owner,
            created=route.metadata.creation_timestamp,
            position=position,
            matches=parser.matches(spec.matches),
            filters=parser.filters("filters", spec.filters),
            backends=parser.backends(spec),
            problems=tuple(parser.problems),
        )


def resolve_rule(read: Read, tables: BackendTables, parsed: ParsedRule) -> ResolvedRule:
    """Find the backends of a rule; what cannot be found costs its share of the requests an answer of 500.

    Sources: HTTPRouteRule.backendRefs (no backend at all answers 500), BackendRef.weight (zero gets nothing),
    HTTPRouteFilter.type (a filter that cannot be resolved answers with an error).
    """
    if parsed.problems:
        return ResolvedRule(parsed.created, None, parsed.problems, ())
    referrer = Referrer(GATEWAY_GROUP, parsed.owner.kind, parsed.owner.namespace)
    shares: list[Share] = []
    problems: list[Problem] = list(parsed.filters.unresolved)
    for number, backend in enumerate(parsed.backends):
        field = f"spec.rules[{parsed.position}].backendRefs[{number}]"
        found = resolve(read, tables, referrer, backend.reference, field)
        if isinstance(found, Problem):
            problems.append(found)
        problems += backend.filters.unresolved
        weight = 1 if backend.reference.weight is None else backend.reference.weight
        if weight > 0:
            cluster = None if isinstance(found, Problem) or backend.filters.unresolved else found
            shares.append(Share(cluster, weight, backend.filters.known if cluster else ()))
    forwards = not parsed.filters.unresolved and any(share.cluster for share in shares)
    action: Action = Forward(tuple(shares)) if forwards else Respond(500)
    rule = Rule(parsed.owner, parsed.position, parsed.matches, parsed.filters.known, action)
    return ResolvedRule(parsed.created, rule, (), tuple(problems))


class _Parser:
    """Parses one rule and notes what is wrong with it, each with the path of the field."""

    def __init__(self, field: str, filters: Mapping[str, ParseFilter]) -> None:
        self.problems: list[str] = []
        self._field = field
        self._filters = filters

    def matches(self, specs: tuple[HTTPRouteMatch, ...]) -> tuple[RequestMatch, ...]:
        """Parse the matches; a rule without any matches everything."""
        found = (self._match(f"matches[{number}]", spec) for number, spec in enumerate(specs or (HTTPRouteMatch(),)))
        return tuple(dict.fromkeys(match for match in found if match is not None))

    def filters(self, field: str, specs: tuple[HTTPRouteFilter, ...]) -> ParsedFilters:
        """Parse filters with the parsers of the registry; a filter that nobody knows must not be skipped."""
        found: list[Filter] = []
        unresolved: list[Problem] = []
        for number, spec in enumerate(specs):
            parse_filter = self._filters.get(spec.type)
            if parse_filter is None and (reference := spec.extension_ref) is not None:
                words = f"{self._field}.{field}[{number}].extensionRef: {reference.group or 'core'}/{reference.kind}"
                unresolved.append(Problem(RESOLVED_REFS, "InvalidKind", f"{words} is not a kind of filter; remove it"))
                continue
            if parse_filter is None:
                known = ", ".join(self._filters)
                self._note(f"{field}[{number}].type", f"{spec.type} is not supported; supported: {known}")
                continue
            parsed = parse_filter(spec)
            if isinstance(parsed, str):
                self._note(f"{field}[{number}]", parsed)
            else:
                found.append(parsed)
        return ParsedFilters(tuple(found), tuple(unresolved))

    def backends(self, rule: HTTPRouteRule) -> tuple[ParsedBackend, ...]:
        """Parse the backendRefs, and refuse what a rule may hold besides and we do not do."""
        for field, value in (
            ("timeouts", rule.timeouts),
            ("retry", rule.retry),
            ("sessionPersistence", rule.session_persistence),
        ):
            if value is not None:
                self._note(field, "not supported; remove it")
        return tuple(
            ParsedBackend(reference, self.filters(f"backendRefs[{number}].filters", reference.filters))
            for number, reference in enumerate(rule.backend_refs)
        )

    def _match(self, field: str, spec: HTTPRouteMatch) -> RequestMatch | None:
        path = self._path(f"{field}.path", spec.path)
        headers = self._values(f"{field}.headers", spec.headers, fold_case=True)
        query = self._values(f"{field}.queryParams", spec.query_params, fold_case=False)
        return RequestMatch(path, spec.method, headers, query) if path is not None else None

    def _path(self, field: str, spec: HTTPPathMatch) -> PathMatch | None:
        value = spec.value or "/"
        match spec.type:
            case "Exact" if value.startswith("/"):
                return PathMatch(PathKind.EXACT, value)
            case "PathPrefix" | None if value.startswith("/"):
                return PathMatch(PathKind.PREFIX, value.rstrip("/"))
            case "RegularExpression":
                self._check_regex(f"{field}.value", value)
                return PathMatch(PathKind.REGEX, value)
            case "Exact" | "PathPrefix" | None:
                self._note(f"{field}.value", f"{value!r} must begin with /")
            case other:
                self._note(f"{field}.type", f"{other} is not supported; use Exact, PathPrefix or RegularExpression")
        return None

    def _values(
        self, field: str, specs: Iterable[HTTPHeaderMatch | HTTPQueryParamMatch], *, fold_case: bool
    ) -> tuple[ValueMatch, ...]:
        """Parse matches of headers or query parameters; of equal names the first counts (HTTPHeaderMatch.name)."""
        found: dict[str, ValueMatch] = {}
        for number, spec in enumerate(specs):
            name = spec.name.lower() if fold_case else spec.name
            regex = spec.type == "RegularExpression"
            if name in found:
                continue
            if regex:
                self._check_regex(f"{field}[{number}].value", spec.value)
            elif spec.type not in ("Exact", None):
                self._note(f"{field}[{number}].type", f"{spec.type} is not supported; use Exact or RegularExpression")
            found[name] = ValueMatch(name, spec.value, regex)
        return tuple(found.values())

    def _check_regex(self, field: str, value: str) -> None:
        """Ask RE2, which is what Envoy will ask, so that a bad expression never gets there."""
        try:
            size = re2.compile(value, _QUIET).programsize
        except re2.error as error:
            words = error.args[0]
            self._note(field, f"{value!r}: {words.decode() if isinstance(words, bytes) else words}")
            return
        if size > MAX_REGEX_INSTRUCTIONS:
            words = f"{value!r} is too large: {size} RE2 instructions of at most {MAX_REGEX_INSTRUCTIONS}"
            self._note(field, f"{words}; repeat less, or use smaller classes of characters")

    def _note(self, field: str, message: str) -> None:
        self.problems.append(f"{self._field}.{field}: {message}")
