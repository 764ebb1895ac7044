"""Rules of an HTTPRoute: from what the user wrote to what a request must look like and what happens to it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from xdsserver.gatewayapi.parsing import RuleParser
from xdsserver.gatewayapi.rules import ParsedRule
from xdsserver.model.routing import PathKind, PathMatch, RequestMatch
from xdsserver.objects.httproute import HTTPRouteMatch
from xdsserver.objects.meta import ObjectKey

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from xdsserver.gatewayapi.parsing import FilterKind
    from xdsserver.objects.httproute import HTTPPathMatch, HTTPRoute, HTTPRouteRule


def parse_http(route: HTTPRoute, kinds: Mapping[str, FilterKind]) -> Iterator[ParsedRule]:
    """Understand the rules of a route one by one; `kinds` has each supported type of filter."""
    owner = ObjectKey("HTTPRoute", *route.name)
    for position, spec in enumerate(route.spec.rules):
        parser = RuleParser(f"spec.rules[{position}]", kinds)
        matches = _matches(parser, spec)
        found = parser.filters("filters", spec.filters, matches)
        _refuse_the_rest(parser, spec)
        yield ParsedRule(
            owner=owner,
            created=route.metadata.creation_timestamp,
            position=position,
            matches=matches,
            filters=found,
            backends=parser.backends(spec.backend_refs, matches, found),
            problems=tuple(parser.problems),
        )


def _refuse_the_rest(parser: RuleParser, rule: HTTPRouteRule) -> None:
    """Refuse what a rule may hold besides and we do not do."""
    for field, value in (
        ("timeouts", rule.timeouts),
        ("retry", rule.retry),
        ("sessionPersistence", rule.session_persistence),
    ):
        if value is not None:
            parser.note(field, "not supported; remove it")


def _matches(parser: RuleParser, rule: HTTPRouteRule) -> tuple[RequestMatch, ...]:
    """Parse the matches; a rule without any matches everything."""
    specs = rule.matches or (HTTPRouteMatch(),)
    found = (_match(parser, f"matches[{number}]", spec) for number, spec in enumerate(specs))
    return tuple(dict.fromkeys(match for match in found if match is not None))


def _match(parser: RuleParser, field: str, spec: HTTPRouteMatch) -> RequestMatch | None:
    path = _path(parser, f"{field}.path", spec.path)
    headers = parser.values(f"{field}.headers", spec.headers, fold_case=True)
    query = parser.values(f"{field}.queryParams", spec.query_params, fold_case=False)
    return RequestMatch(path, spec.method, headers, query) if path is not None else None


def _path(parser: RuleParser, field: str, spec: HTTPPathMatch) -> PathMatch | None:
    value = spec.value or "/"
    match spec.type:
        case "Exact" if value.startswith("/"):
            return PathMatch(PathKind.EXACT, value)
        case "PathPrefix" | None if value.startswith("/"):
            return PathMatch(PathKind.PREFIX, value.rstrip("/"))
        case "RegularExpression":
            parser.check_regex(f"{field}.value", value)
            return PathMatch(PathKind.REGEX, value)
        case "Exact" | "PathPrefix" | None:
            parser.note(f"{field}.value", f"{value!r} must begin with /")
        case other:
            parser.note(f"{field}.type", f"{other} is not supported; use Exact, PathPrefix or RegularExpression")
    return None
