"""What of a cluster is read, and how much of it: names of namespaces, a selector that the API server judges, quotas."""

from __future__ import annotations

import pytest

from xdsserver.settings import SettingsError, WatchSettings, namespace_quota, watching


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


def test_a_quota_names_what_it_limits() -> None:
    assert namespace_quota("") == {}
    assert namespace_quota("routes=5, listeners=0") == {"routes": 5, "listeners": 0}


@pytest.mark.parametrize("text", ["routes", "routes=", "routes=-1", "services=3", "routes=1 listeners=2"])
def test_what_is_no_quota_is_said(text: str) -> None:
    with pytest.raises(SettingsError, match=r"--namespace-quota: .* is not routes=N"):
        namespace_quota(text)
