"""Pages say what the code does: made pages are up to date, the list of conditions is whole, links lead somewhere."""

from __future__ import annotations

import re
from itertools import chain
from typing import TYPE_CHECKING

import pytest

from tests.docs.conditions import LISTED, in_golden_cases, literals, problems
from tests.docs.made import pages
from tests.docs.reference import ROOT

if TYPE_CHECKING:
    from pathlib import Path

PAGES = sorted(chain(ROOT.glob("*.md"), (ROOT / "docs").rglob("*.md")))


@pytest.mark.parametrize("path", pages(), ids=lambda path: path.name)
def test_a_made_page_is_up_to_date(path: Path) -> None:
    assert path.read_text(encoding="utf-8") == pages()[path], "run `make golden`"


@pytest.mark.parametrize("page", PAGES, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_links_lead_somewhere(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    links = (link.partition("#")[0] for link in re.findall(r"\]\(([^)]+)\)", text))
    local = [link for link in links if link and "://" not in link]
    assert [link for link in local if not (page.parent / link).exists()] == []


def test_every_condition_of_a_golden_case_is_explained() -> None:
    assert in_golden_cases() - LISTED == set()


def test_every_condition_that_is_explained_can_be_written() -> None:
    assert {reason for *_, reason in LISTED} - literals() == set()


def test_every_reason_that_the_code_gives_is_explained() -> None:
    assert len(problems()) > 20
    assert problems() - {reason for *_, reason in LISTED} == set()
