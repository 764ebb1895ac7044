"""Rules of an HTTPRoute: from what the user wrote to what a request must look like and what happens to it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from xdsserver.gatewayapi.parsing import RuleParser
from xdsserver.model.routing import PathKind, PathMatch, RequestMatch
from xdsserver.objects.httproute import HTTPRouteMatch
from xdsserver.objects.meta import ObjectKey

if TYPE_CHECKING:
    from collections.abc import Iterator

    from xdsserver.gatewayapi.parsing import Vocabulary
    from xdsserver.gatewayapi.rules import ParsedRule
    from xdsserver.objects.httproute import HTTPPathMatch, HTTPRoute, HTTPRouteRule


def parse_http(route: HTTPRoute, vocabulary: Vocabulary) -> Iterator[ParsedRule]:
    """Understand the rules of a route one by one."""
    owner = ObjectKey("HTTPRoute", *route.name)
    for position, spec in enumerate(route.spec.rules):
        parser = RuleParser(owner, position, vocabulary)
        yield parser.rule(route.metadata.creation_timestamp, spec, _matches(parser, spec))


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
