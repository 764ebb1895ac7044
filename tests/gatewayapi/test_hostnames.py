from __future__ import annotations

import pytest

from xdsserver.gatewayapi.attachment import common_hosts
from xdsserver.gatewayapi.hostnames import covering, covers, intersection, normal, specificity
from xdsserver.model.routing import Hosts


@pytest.mark.parametrize(
    ("general", "special", "expected"),
    [
        ("*", "a.example.com", True),
        ("*", "*.example.com", True),
        ("*", "*", True),
        ("*.example.com", "a.example.com", True),
        ("*.example.com", "a.b.example.com", True),
        ("*.example.com", "*.b.example.com", True),
        ("*.example.com", "*.example.com", True),
        ("*.example.com", "example.com", False),
        ("*.example.com", "badexample.com", False),
        ("*.example.com", "*.com", False),
        ("*.example.com", "*", False),
        ("a.example.com", "a.example.com", True),
        ("a.example.com", "*.example.com", False),
        ("a.example.com", "b.a.example.com", False),
    ],
)
def test_covers(general: str, special: str, expected: bool) -> None:  # noqa: FBT001
    assert covers(general, special) is expected


@pytest.mark.parametrize(
    ("left", "right", "expected"),
    [
        ("test.example.com", "*.example.com", "test.example.com"),
        ("*.com", "*.example.com", "*.example.com"),
        ("*", "example.com", "example.com"),
        ("*", "*", "*"),
        ("*.example.com", "example.com", None),
        ("a.example.com", "b.example.com", None),
        ("*.a.example.com", "*.b.example.com", None),
    ],
)
def test_intersection_is_the_more_specific_whichever_comes_first(left: str, right: str, expected: str | None) -> None:
    assert intersection(left, right) == expected
    assert intersection(right, left) == expected


def test_covering_goes_from_itself_to_any() -> None:
    assert list(covering("a.b.example.com")) == ["a.b.example.com", "*.b.example.com", "*.example.com", "*.com", "*"]
    assert list(covering("*.b.example.com")) == ["*.b.example.com", "*.example.com", "*.com", "*"]
    assert list(covering("localhost")) == ["localhost", "*"]
    assert list(covering("*")) == ["*"]


@pytest.mark.parametrize("hostname", ["a.b.example.com", "*.b.example.com", "example.com", "localhost", "*"])
def test_covering_lists_nothing_that_does_not_cover(hostname: str) -> None:
    assert all(covers(general, hostname) for general in covering(hostname))


def test_specificity_falls_along_what_covers() -> None:
    ranks = [specificity(one) for one in covering("a.b.example.com")]
    assert ranks == sorted(ranks, reverse=True)
    assert len(set(ranks)) == len(ranks)


def test_normal_form() -> None:
    assert normal(None) == normal("") == "*"
    assert normal("A.Example.COM.") == "a.example.com"


def test_common_hosts_without_hostnames_of_the_route() -> None:
    assert common_hosts((), "*") == (Hosts("*", "*"),)
    assert common_hosts((), "a.example.com") == (Hosts("a.example.com", "*"),)


def test_common_hosts_keep_the_most_specific_original() -> None:
    """Several hostnames of a route come to one on the listener: the best of them ranks it, in whatever order."""
    for route in (("*.com", "*.example.com", "a.example.com"), ("a.example.com", "*.example.com", "*.com")):
        assert common_hosts(route, "a.example.com") == (Hosts("a.example.com", "a.example.com"),)


def test_common_hosts_leave_out_what_does_not_fit() -> None:
    assert common_hosts(("example.com", "test.example.net"), "*.example.com") == ()
