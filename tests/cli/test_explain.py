"""`xdsserver explain`: what becomes of a request, on a terminal and as a document."""

from __future__ import annotations

import json

import pytest

from tests.cli.folders import EXAMPLE
from tests.cli.run import xdsserver


def test_who_answers_for_people() -> None:
    answer = xdsserver("explain", "http://shop.test:8080/blue/x", "--dir", EXAMPLE)
    assert answer.code == 0
    assert [line for line in answer.lines if not line.startswith("not ")] == [
        "fleet      xdsserver-system/default",
        "bind       tcp/127.0.0.1:8080",
        "listener   Gateway/default/quickstart/http",
        "host       *",
        "rule       HTTPRoute default/colours rules[0].matches[0]",
        "answer     that of the backend",
        "backend    Service default/blue port 80, http1",
        "  at       127.0.0.1:18081",
        "  sees     /blue/x of shop.test:8080",
    ]


def test_what_was_tried_and_is_not_met_is_exit_1() -> None:
    answer = xdsserver("explain", "http://shop.test:8080/bluebird", "--dir", EXAMPLE)
    assert answer.code == 1
    assert (
        "not        HTTPRoute default/colours rules[0].matches[0] under *: path /bluebird is not under /blue"
        in answer.lines
    )
    assert answer.lines[-1] == "answer     404 (no rule under this hostname matches)"


def test_as_a_document_and_by_name() -> None:
    arguments = ("explain", "shop.test:8080/split", "--dir", EXAMPLE, "-H", "X-A: 1", "--output")
    found = json.loads(xdsserver(*arguments, "json").out)
    assert [(one["ppm"], one["backend"]["object"]["name"]) for one in found["shares"]] == [
        (800_000, "blue"),
        (200_000, "green"),
    ]
    assert xdsserver(*arguments, "name").lines == ["HTTPRoute/default/split"]


@pytest.mark.parametrize(
    "arguments",
    [("ftp://a/",), ("http://a/", "--http", "3"), ("http://a/", "-H", "no header"), ("http://a/", "--port", "0")],
)
def test_what_is_no_request_is_exit_2(arguments: tuple[str, ...]) -> None:
    assert xdsserver("explain", *arguments, "--dir", EXAMPLE).code == 2
