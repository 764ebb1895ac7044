"""What guides tell people to type works, and shows what they say that it shows."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.docs.markdown import sections
from tests.docs.terminal import ROOT, terminal

if TYPE_CHECKING:
    from tests.docs.markdown import Section

GUIDES = sorted((ROOT / "docs" / "guides").glob("*.md"))
SECTIONS = [
    section
    for guide in (*GUIDES, ROOT / "README.md")
    for section in sections(guide)
    if section.blocks and not section.needs_a_cluster
]


@pytest.mark.live
@pytest.mark.parametrize("section", SECTIONS, ids=lambda section: f"{section.guide}: {section.title}")
async def test_the_commands_of_a_guide_do_what_it_says(section: Section) -> None:
    async with terminal() as here:
        for block in section.blocks:
            await here.do(block)


def test_every_guide_has_something_to_run_and_starts_with_it() -> None:
    for guide in GUIDES:
        first, *_ = sections(guide)
        assert f"## {first.title}" in guide.read_text().split("\n\n", 2)[1], guide
