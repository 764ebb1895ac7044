from __future__ import annotations

from xdsserver.gatewayapi.precedence import precedence
from xdsserver.model.routing import ANY_PATH, CallMatch, PathKind, PathMatch, RequestMatch, Respond, Rule, ValueMatch
from xdsserver.objects.meta import ObjectKey

ROOT = RequestMatch(PathMatch(PathKind.PREFIX, ""))


def rank(
    match: RequestMatch = ROOT, *, original: str = "*", created: str = "", route: str = "default/r", position: int = 0
) -> tuple[object, ...]:
    namespace, _, name = route.partition("/")
    rule = Rule(ObjectKey("HTTPRoute", namespace, name), position, (match,), (), Respond(500))
    return precedence(original, match, rule, created)


def test_each_level_comes_before_all_below_it() -> None:
    """Each of these differs from the next in one level, and is worse in all levels below it."""
    exact = RequestMatch(PathMatch(PathKind.EXACT, "/a"))
    regex = RequestMatch(PathMatch(PathKind.REGEX, "/a"))
    longer = RequestMatch(PathMatch(PathKind.PREFIX, "/a/b"))
    shorter = PathMatch(PathKind.PREFIX, "/a")
    one, two = ValueMatch("a", "1"), ValueMatch("b", "1")
    levels = [
        rank(ROOT, original="a.example.com", created="2"),
        rank(exact, original="*.example.com", created="2"),
        rank(regex, original="*.example.com", created="2"),
        rank(longer, original="*.example.com", created="2"),
        rank(RequestMatch(shorter, "GET"), original="*.example.com", created="2"),
        rank(RequestMatch(shorter, None, (one, two)), original="*.example.com", created="2"),
        rank(RequestMatch(shorter, None, (one,), (one, two)), original="*.example.com", created="2"),
        rank(
            RequestMatch(shorter, None, (one,), (one,)), original="*.example.com", created="1", route="z/z", position=9
        ),
        rank(
            RequestMatch(shorter, None, (one,), (one,)), original="*.example.com", created="2", route="a/a", position=9
        ),
        rank(
            RequestMatch(shorter, None, (one,), (one,)), original="*.example.com", created="2", route="a/b", position=0
        ),
        rank(
            RequestMatch(shorter, None, (one,), (one,)), original="*.example.com", created="2", route="a/b", position=1
        ),
        rank(exact, original="*", created="1"),
    ]
    assert levels == sorted(levels)
    assert len(set(levels)) == len(levels)


def test_names_compare_as_one_text() -> None:
    """ "The Route appearing first in alphabetical order by {namespace}/{name}": `-` comes before `/`."""
    assert rank(route="a-b/x") < rank(route="a/x")


def test_matches_of_a_rule_keep_their_order() -> None:
    first, second = (
        RequestMatch(ROOT.path, None, (ValueMatch("a", "1"),)),
        RequestMatch(ROOT.path, None, (ValueMatch("b", "1"),)),
    )
    rule = Rule(ObjectKey("HTTPRoute", "default", "r"), 0, (first, second), (), Respond(500))
    assert precedence("*", first, rule, "") < precedence("*", second, rule, "")


def test_calls_go_by_service_then_method_then_headers_and_before_what_is_by_path() -> None:
    header = (ValueMatch("a", "1"),)
    levels = [
        rank(RequestMatch(ANY_PATH, call=CallMatch("shop.Cart", "Add"))),
        rank(RequestMatch(ANY_PATH, call=CallMatch("shop.Cart"), headers=header)),
        rank(RequestMatch(ANY_PATH, call=CallMatch("shop.Cart"))),
        rank(RequestMatch(ANY_PATH, call=CallMatch("shop.C..", "AddAll", regex=True))),
        rank(RequestMatch(ANY_PATH, call=CallMatch(method="Add"))),
        rank(RequestMatch(ANY_PATH, call=CallMatch(), headers=header)),
        rank(RequestMatch(ANY_PATH, call=CallMatch())),
        rank(RequestMatch(PathMatch(PathKind.EXACT, "/shop.Cart/Add"), "POST")),
    ]
    assert levels == sorted(levels)
    assert len(set(levels)) == len(levels)
