"""`xdsserver why` and `xdsserver diff`: what people read, what programs read, exit codes."""

from __future__ import annotations

import json
import shutil
from typing import TYPE_CHECKING

import pytest

from tests.cli.folders import EXAMPLE, GATEWAY, ROUTE, SHOP, folder
from tests.cli.run import xdsserver

if TYPE_CHECKING:
    from pathlib import Path


def test_why_says_what_is_wrong_what_it_means_and_what_to_do(tmp_path: Path) -> None:
    at = folder(tmp_path, a=GATEWAY, b=ROUTE)
    answer = xdsserver("why", "httproute/shop", "--dir", at)
    assert answer.code == 1
    assert answer.lines[0] == "HTTPRoute default/shop: 1 of 2 conditions are not good"
    assert answer.lines[1] == "  wrong     ResolvedRefs False of parent edge: BackendNotFound"
    assert answer.lines[4] == "            do:    create it, or correct the name"
    assert answer.lines[-1] == "  ok        Accepted True of parent edge: Accepted"


def test_why_of_what_is_good_is_exit_0_and_of_what_is_not_there_3(tmp_path: Path) -> None:
    at = folder(tmp_path, a=GATEWAY, b=ROUTE, c=SHOP)
    assert xdsserver("why", "httproute/shop", "--dir", at).code == 0
    answer = xdsserver("why", "httproute/shop/nothing", "--dir", at)
    assert (answer.code, answer.err) == (3, "xdsserver: there is no HTTPRoute shop/nothing\n")
    assert xdsserver("why", "pod/shop", "--dir", at).code == 2


def test_why_as_a_document(tmp_path: Path) -> None:
    at = folder(tmp_path, a=GATEWAY, b=ROUTE)
    found = json.loads(xdsserver("why", "httproute/shop", "--dir", at, "-o", "json").out)
    assert [(one["reason"], one["good"]) for one in found["verdicts"]] == [
        ("Accepted", True),
        ("BackendNotFound", False),
    ]


@pytest.fixture
def changed(tmp_path: Path) -> Path:
    at = tmp_path / "changed"
    shutil.copytree(EXAMPLE, at)
    file = at / "routes.yaml"
    file.write_text(file.read_text().replace("value: /blue}", "value: /azure}"))
    return at


def test_diff_says_what_becomes_of_requests(changed: Path) -> None:
    answer = xdsserver("diff", EXAMPLE, changed)
    assert answer.code == 1
    where = "on * of Gateway default/quickstart listener http: HTTPRoute default/colours rules[0]"
    assert answer.lines == [
        f"+ /azure/* {where} to Service/default/blue/80/http1 weight 1",
        f"- /blue/* {where}",
        "1 RouteConfiguration changed",
    ]
    found = json.loads(xdsserver("diff", EXAMPLE, changed, "--output", "json").out)
    assert [one["change"] for one in found["places"]] == ["appears", "vanishes"]


def test_diff_of_what_is_the_same_is_exit_0_and_of_what_cannot_be_read_3(tmp_path: Path) -> None:
    assert xdsserver("diff", EXAMPLE, EXAMPLE).code == 0
    bad = folder(tmp_path, a=GATEWAY, b=ROUTE.replace("port: 80}", "port: eighty}"))
    answer = xdsserver("diff", EXAMPLE, bad)
    assert answer.code == 3
    assert "b.yaml:9" in answer.err
