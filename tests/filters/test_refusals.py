"""What filters refuse by themselves: the schema refuses most of it before, but objects may come past another one."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from xdsserver.filters.registry import VOCABULARY
from xdsserver.gatewayapi.httprules import parse_http
from xdsserver.objects.httproute import (
    HTTPBackendRef,
    HTTPHeader,
    HTTPHeaderFilter,
    HTTPPathMatch,
    HTTPPathModifier,
    HTTPRequestRedirectFilter,
    HTTPRoute,
    HTTPRouteFilter,
    HTTPRouteMatch,
    HTTPRouteRule,
    HTTPRouteSpec,
    HTTPURLRewriteFilter,
)
from xdsserver.objects.meta import ObjectMeta

if TYPE_CHECKING:
    from xdsserver.gatewayapi.conditions import Problem


def redirect(**fields: object) -> HTTPRouteFilter:
    return HTTPRouteFilter(type="RequestRedirect", request_redirect=HTTPRequestRedirectFilter(**fields))  # type: ignore[arg-type]


def rewrite(**fields: object) -> HTTPRouteFilter:
    return HTTPRouteFilter(type="URLRewrite", url_rewrite=HTTPURLRewriteFilter(**fields))  # type: ignore[arg-type]


def edits(type_: str, **fields: HTTPHeaderFilter) -> HTTPRouteFilter:
    return HTTPRouteFilter(type=type_, **fields)  # type: ignore[arg-type]


def problems(rule: HTTPRouteRule) -> tuple[Problem, ...]:
    route = HTTPRoute(metadata=ObjectMeta(name="one", namespace="default"), spec=HTTPRouteSpec(rules=(rule,)))
    (parsed,) = parse_http(route, VOCABULARY)
    return parsed.problems


PREFIX = HTTPPathModifier(type="ReplacePrefixMatch", replace_prefix_match="/new")
PSEUDO = HTTPHeaderFilter(set=(HTTPHeader(name=":Path", value="/"),))


@pytest.mark.parametrize(
    ("filter_", "words"),
    [
        (HTTPRouteFilter(type="RequestHeaderModifier"), "requestHeaderModifier is missing"),
        (HTTPRouteFilter(type="ResponseHeaderModifier"), "responseHeaderModifier is missing"),
        (HTTPRouteFilter(type="RequestRedirect"), "requestRedirect is missing"),
        (HTTPRouteFilter(type="URLRewrite"), "urlRewrite is missing"),
        (edits("RequestHeaderModifier", request_header_modifier=PSEUDO), "cannot change :Path"),
        (edits("ResponseHeaderModifier", response_header_modifier=PSEUDO), "cannot change :Path"),
        (redirect(scheme="ftp"), "requestRedirect.scheme: ftp is not supported; use http or https"),
        (redirect(status_code=305), "requestRedirect.statusCode: 305 is not supported"),
        (redirect(path=HTTPPathModifier(type="ReplaceRegex")), "requestRedirect.path.type: ReplaceRegex"),
        (rewrite(path=HTTPPathModifier(type="ReplaceFullPath")), "urlRewrite.path.replaceFullPath is missing"),
        (rewrite(path=HTTPPathModifier(type="ReplaceFullPath", replace_full_path="/%2")), "be a path without query"),
    ],
)
def test_a_value_that_is_not_known_is_refused(filter_: HTTPRouteFilter, words: str) -> None:
    (problem,) = problems(HTTPRouteRule(filters=(filter_,)))
    assert problem.reason == "UnsupportedValue"
    assert words in problem.message
    assert problem.message.startswith("spec.rules[0].filters[0]: ")


HEADERS = {
    "a line end in a value": HTTPHeaderFilter(set=(HTTPHeader(name="x-a", value="1\r\nx-admin: yes"),)),
    "NUL in a value": HTTPHeaderFilter(add=(HTTPHeader(name="x-a", value="a\0b"),)),
    "a line end in a name": HTTPHeaderFilter(set=(HTTPHeader(name="x-a\r\nx-admin", value="yes"),)),
    "a colon in a name": HTTPHeaderFilter(remove=("x-a:",)),
    "no name": HTTPHeaderFilter(remove=("",)),
    "a pseudo header": PSEUDO,
    "host": HTTPHeaderFilter(set=(HTTPHeader(name="HOST", value="elsewhere.example"),)),
    "where a message ends": HTTPHeaderFilter(set=(HTTPHeader(name="Transfer-Encoding", value="chunked"),)),
    "how long a message is": HTTPHeaderFilter(add=(HTTPHeader(name="content-length", value="0"),)),
    "what is of one hop": HTTPHeaderFilter(remove=("Connection",)),
}


@pytest.mark.parametrize("side", ["request", "response"])
@pytest.mark.parametrize("edit", HEADERS.values(), ids=HEADERS)
def test_p9_headers_that_nobody_may_edit_are_refused_before_envoy(edit: HTTPHeaderFilter, side: str) -> None:
    """P9: names with `:` or line ends, Host, and what belongs to one hop: the rule is refused, with words for it."""
    filter_ = edits(f"{side.title()}HeaderModifier", **{f"{side}_header_modifier": edit})
    (problem,) = problems(HTTPRouteRule(filters=(filter_,)))
    assert problem.reason == "UnsupportedValue"
    assert f"{side}HeaderModifier" in problem.message
    assert problem.message.isprintable()


@pytest.mark.parametrize("kind", ["Exact", "RegularExpression"])
@pytest.mark.parametrize("filter_", [redirect(path=PREFIX), rewrite(path=PREFIX)])
def test_a_new_prefix_needs_an_old_one_in_every_match(filter_: HTTPRouteFilter, kind: str) -> None:
    matches = (HTTPRouteMatch(), HTTPRouteMatch(path=HTTPPathMatch(type=kind, value="/a")))
    (problem,) = problems(HTTPRouteRule(matches=matches, filters=(filter_,)))
    assert "only a match of type PathPrefix" in problem.message
    assert not problems(HTTPRouteRule(matches=matches[:1], filters=(filter_,)))


@pytest.mark.parametrize(
    "pair", [(redirect(), rewrite()), (rewrite(), redirect()), (redirect(), redirect()), (rewrite(), rewrite())]
)
def test_filters_that_exclude_each_other_are_refused_in_one_list(
    pair: tuple[HTTPRouteFilter, HTTPRouteFilter],
) -> None:
    (problem,) = problems(HTTPRouteRule(filters=pair))
    assert problem.reason == "IncompatibleFilters"
    assert problem.message.startswith("spec.rules[0].filters[1].type: ")


def test_filters_exclude_each_other_between_a_rule_and_its_backend_but_not_between_backends() -> None:
    backends = tuple(HTTPBackendRef(name="web", port=80, filters=(one,)) for one in (redirect(), rewrite()))
    assert not problems(HTTPRouteRule(backend_refs=backends))
    (problem,) = problems(HTTPRouteRule(filters=(rewrite(),), backend_refs=backends))
    assert problem.message.startswith("spec.rules[0].backendRefs[0].filters[0].type: RequestRedirect and URLRewrite")
    assert problem.reason == "IncompatibleFilters"
