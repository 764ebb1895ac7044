"""Request matches as Envoy's RouteMatch."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from envoy.config.route.v3.route_components_pb2 import HeaderMatcher, QueryParameterMatcher, RouteMatch
from envoy.type.matcher.v3.string_pb2 import StringMatcher

from xdsserver.model.routing import PathKind, ValueMatch

if TYPE_CHECKING:
    from xdsserver.model.routing import PathMatch, RequestMatch


def route_match(match: RequestMatch) -> RouteMatch:
    """Say a match in Envoy's terms."""
    out = RouteMatch()
    _set_path(out, match.path)
    if match.method is not None:
        out.headers.append(_header(ValueMatch(":method", match.method)))
    out.headers.extend(_header(header) for header in match.headers)
    for parameter in match.query:
        out.query_parameters.append(QueryParameterMatcher(name=parameter.name, string_match=_string(parameter)))
    return out


def _set_path(out: RouteMatch, path: PathMatch) -> None:
    match path.kind:
        case PathKind.EXACT:
            out.path = path.value
        case PathKind.REGEX:
            out.safe_regex.regex = path.value
        case PathKind.PREFIX if path.value:
            # Compares by elements; Envoy refuses a slash at the end, and the root, here.
            out.path_separated_prefix = path.value
        case PathKind.PREFIX:
            out.prefix = "/"
        case PathKind.METHOD:
            out.safe_regex.regex = "/[^/]+" + re.escape(path.value)


def _header(match: ValueMatch) -> HeaderMatcher:
    """Several values of one header are compared joined by commas, which is what Envoy does."""
    return HeaderMatcher(name=match.name, string_match=_string(match))


def _string(match: ValueMatch) -> StringMatcher:
    out = StringMatcher()
    if match.regex:
        out.safe_regex.regex = match.value
    else:
        out.exact = match.value
    return out
