"""Request matches as Envoy's RouteMatch."""

from __future__ import annotations

from typing import TYPE_CHECKING

from envoy.config.route.v3.route_components_pb2 import HeaderMatcher, QueryParameterMatcher, RouteMatch
from envoy.type.matcher.v3.string_pb2 import StringMatcher

from xdsserver.model.routing import PathKind, ValueMatch

if TYPE_CHECKING:
    from xdsserver.model.routing import CallMatch, PathMatch, RequestMatch


def route_match(match: RequestMatch) -> RouteMatch:
    """Say a match in Envoy's terms."""
    out = RouteMatch()
    if match.call is None:
        _set_path(out, match.path)
    else:
        _set_call(out, match.call)
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


def _set_call(out: RouteMatch, call: CallMatch) -> None:
    """A method of gRPC is an HTTP path, `/package.Service/Method` (gRPC over HTTP/2)."""
    out.grpc.SetInParent()
    match call.regex, call.service, call.method:
        case _, "", "":
            out.prefix = "/"
        case False, service, "":
            out.prefix = f"/{service}/"
        case False, service, method if service:
            out.path = f"/{service}/{method}"
        case _:
            out.safe_regex.regex = call.expression
            if call.regex:
                # With two slashes in the path there is none that an expression could reach over.
                out.headers.append(_header(ValueMatch(":path", r"/[^/]+/[^/]+", regex=True)))


def _header(match: ValueMatch) -> HeaderMatcher:
    """Of a header that a request repeats any value may match: HTTPHeaderMatch leaves it open, Envoy 1.40 does that."""
    return HeaderMatcher(name=match.name, string_match=_string(match))


def _string(match: ValueMatch) -> StringMatcher:
    out = StringMatcher()
    if match.regex:
        out.safe_regex.regex = match.value
    else:
        out.exact = match.value
    return out
