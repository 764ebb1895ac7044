"""Another release, or another process, gives the same resources the same names and versions."""

from __future__ import annotations

import os
import subprocess
import sys
from difflib import unified_diff
from pathlib import Path

import pytest

from tests.golden import versions


def test_a7_names_and_versions_are_those_of_the_release_before() -> None:
    """A7: same input, same resource names and versions where semantics did not change; 0 listener re-creation."""
    expected, now = versions.PATH.read_text(), versions.text(versions.found())
    if now != expected:
        diff = unified_diff(expected.splitlines(), now.splitlines(), "released", "now", lineterm="")
        words = "Envoys will take these again at an upgrade; if that is meant, `make golden` and say why in the commit:"
        pytest.fail("\n".join([words, *diff]), pytrace=False)
    assert set(versions.found()) == versions.CASES


@pytest.mark.parametrize("seed", ["0", "1"])
def test_a7_another_process_gives_the_same_names_and_versions(seed: str) -> None:
    """A7: nothing of a process (the order of its sets, above all) is in a version."""
    code = "from tests.golden import versions; print(versions.text(versions.found()), end='')"
    root = Path(__file__).parents[2]
    environment = {**os.environ, "PYTHONHASHSEED": seed, "PYTHONPATH": str(root)}
    answer = subprocess.run((sys.executable, "-c", code), cwd=root, env=environment, capture_output=True, check=True)
    assert answer.stdout.decode() == versions.PATH.read_text()
