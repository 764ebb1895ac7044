"""Options of `serve` for one of several servers: what is wrong with them is said, and no help page has them yet."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.cli.run import xdsserver

if TYPE_CHECKING:
    from pathlib import Path

TWO = "one=127.0.0.1:18002,two=127.0.0.1:18003"


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (("--replicas", TWO, "--leader", "three"), "--leader: 'three' is not among --replicas"),
        (("--replicas", TWO), "--leader: '' is not among"),
        (("--replicas", "two=127.0.0.1:18003", "--leader", "two"), "--replica: 'one' is not among"),
        (("--replicas", "one=nowhere", "--leader", "one"), "one=nowhere is not NAME=HOST:PORT"),
    ],
)
def test_what_does_not_fit_together_is_a_usage_error(tmp_path: Path, options: tuple[str, ...], words: str) -> None:
    done = xdsserver("serve", "--from", tmp_path / "state", "--replica", "one", *options)
    assert done.code == 2
    assert words in " ".join(done.err.replace("│", " ").split())


def test_they_are_not_offered() -> None:
    assert "--replica" not in xdsserver("serve", "--help").out
