"""`serve --controllers`: what runs is said once, and what cannot be run is refused with its remedy."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.cli.run import xdsserver
from xdsserver.settings import SettingsError, controllers

if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("gateway", {"gateway"}),
        ("tenant", {"tenant"}),
        ("gateway,tenant", {"gateway", "tenant"}),
        (" tenant , gateway,", {"gateway", "tenant"}),
    ],
)
def test_controllers_are_a_list(text: str, found: set[str]) -> None:
    assert controllers(text) == found


@pytest.mark.parametrize("text", ["", ",", "tenants", "gateway;tenant"])
def test_what_is_no_controller_is_named(text: str) -> None:
    with pytest.raises(SettingsError, match="is not a list of gateway and tenant"):
        controllers(text)


def test_tenants_need_an_api_server(tmp_path: Path) -> None:
    answer = xdsserver("serve", "--from", str(tmp_path / "state"), "--controllers", "gateway,tenant")
    assert answer.code == 2
    assert "--from asks no API server" in " ".join(answer.err.split())
