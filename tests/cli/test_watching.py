"""What of a cluster is read: names of namespaces, and a selector that the API server judges."""

from __future__ import annotations

import pytest

from xdsserver.settings import SettingsError, WatchSettings, watching


@pytest.mark.parametrize(
    ("text", "found"),
    [("", ()), ("shop", ("shop",)), (" shop, payments ,shop,", ("shop", "payments"))],
)
def test_namespaces_are_separated_by_commas(text: str, found: tuple[str, ...]) -> None:
    assert watching(text, " gateway=yes ") == WatchSettings(found, "gateway=yes")


@pytest.mark.parametrize("text", ["Shop", "shop/x", "-a", "a" * 64, "shop payments", "*"])
def test_what_is_no_name_of_a_namespace_is_said(text: str) -> None:
    with pytest.raises(SettingsError, match=r"--watch-namespaces: .* is no name of a namespace"):
        watching(text, "")
