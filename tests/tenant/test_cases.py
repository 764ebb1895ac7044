"""Every case comes out as it was reviewed, whatever the order in which its objects come."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.tenant.cases import folders, outcome

if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.parametrize("folder", folders(), ids=lambda one: one.name)
def test_what_is_owed_is_what_was_reviewed(folder: Path) -> None:
    assert outcome(folder) == (folder / "plan.yaml").read_text(encoding="utf-8"), "run `make golden` and read the diff"


@pytest.mark.parametrize("folder", folders(), ids=lambda one: one.name)
def test_every_case_says_what_it_proves(folder: Path) -> None:
    assert (folder / "cluster.yaml").read_text(encoding="utf-8").startswith("# ")
