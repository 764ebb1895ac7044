"""Whether a request meets the match of an Envoy route, and else the first thing of it that it does not meet, in words.

It reads the match as it is sent and compares as Envoy does, so that what it says is true of what is served, also if the
translation of rules into routes were wrong.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import re2

if TYPE_CHECKING:
    from envoy.config.route.v3.route_components_pb2 import HeaderMatcher, QueryParameterMatcher, RouteMatch
    from envoy.type.matcher.v3.string_pb2 import StringMatcher

    from xdsserver.inspection.requests import Arrived


def unmet(match: RouteMatch, request: Arrived) -> str | None:
    """Say what of a match a request does not meet first; None where it meets all of it."""
    return (
        _path(match, request.path)
        or next((words for one in match.headers if (words := _header(one, request))), None)
        or next((words for one in match.query_parameters if (words := _parameter(one, request))), None)
        or ("it is no call of gRPC" if match.HasField("grpc") and not request.is_grpc else None)
    )


def drawn_ppm(match: RouteMatch, million: int) -> int:
    """Give the number below which the one that is drawn for a request must be, in millionths; all without a bound."""
    return match.runtime_fraction.default_value.numerator if match.HasField("runtime_fraction") else million


def _path(match: RouteMatch, path: str) -> str | None:
    match match.WhichOneof("path_specifier"):
        case "prefix":
            return None if path.startswith(match.prefix) else f"path {path} does not begin with {match.prefix}"
        case "path":
            return None if path == match.path else f"path {path} is not {match.path}"
        case "path_separated_prefix":
            prefix = match.path_separated_prefix
            under = path.startswith(prefix) and path[len(prefix) : len(prefix) + 1] in ("", "/")
            return None if under else f"path {path} is not under {prefix}"
        case "safe_regex":
            pattern = match.safe_regex.regex
            return None if _fullmatch(pattern, path) else f"path {path} is not like {pattern}"
        case other:
            return f"its match by {other} is not known here"


def _header(matcher: HeaderMatcher, request: Arrived) -> str | None:
    """Of a header that was sent several times any value will do."""
    name, values = matcher.name, request.values(matcher.name)
    if any(_same(matcher.string_match, value) for value in values):
        return None
    what = {":method": "method", ":path": "path with query"}.get(name, f"header {name}")
    if not values:
        return f"{what} is missing"
    return f"{what} is {', '.join(values)}, not {_wanted(matcher.string_match)}"


def _parameter(matcher: QueryParameterMatcher, request: Arrived) -> str | None:
    """Of a parameter that stands several times the first value counts; nothing is unescaped."""
    pairs = (part.partition("=") for part in request.query.split("&"))
    value = next((value for name, _, value in pairs if name == matcher.name), None)
    if value is None:
        return f"query parameter {matcher.name} is missing"
    if _same(matcher.string_match, value):
        return None
    return f"query parameter {matcher.name} is {value}, not {_wanted(matcher.string_match)}"


def _same(matcher: StringMatcher, value: str) -> bool:
    if matcher.HasField("safe_regex"):
        return _fullmatch(matcher.safe_regex.regex, value)
    return value == matcher.exact


def _wanted(matcher: StringMatcher) -> str:
    return f"like {matcher.safe_regex.regex}" if matcher.HasField("safe_regex") else matcher.exact


def _fullmatch(pattern: str, value: str) -> bool:
    return re2.compile(pattern).fullmatch(value) is not None
