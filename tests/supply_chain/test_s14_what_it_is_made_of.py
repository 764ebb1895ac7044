"""S14: everything that is installed is pinned by hash and listed, and a release names the images that it is built on.

Each test is about files of this checkout, so that a change which loosens one of them is seen before it is built.
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest
from packaging.requirements import Requirement

from tools.sbom import packages

ROOT = Path(__file__).parents[2]
LOCKS = ("requirements.txt", "requirements-dev.txt", "requirements-build.txt")


def locked(name: str) -> dict[str, str]:
    """Give the versions of a lock, read as pip reads it: lines that go on, comments, options."""
    text = re.sub(r"\\\n", " ", (ROOT / name).read_text())
    lines = [line.partition(" --hash")[0] for line in text.splitlines() if line and not line.startswith("#")]
    return {one.name: str(one.specifier) for one in map(Requirement, lines)}


def test_s14_the_list_of_what_it_is_made_of_equals_the_lock() -> None:
    """S14: as many components as the lock has packages, by the same names and versions."""
    run = subprocess.run([sys.executable, ROOT / "tools" / "sbom.py"], capture_output=True, text=True, check=True)
    document = json.loads(run.stdout)
    listed = {one["name"]: f"=={one['version']}" for one in document["components"]}
    assert len(document["components"]) == len(listed) == len(locked("requirements.txt"))
    assert listed == locked("requirements.txt")
    assert {one["purl"] for one in document["components"]} == {f"pkg:pypi/{n}@{v[2:]}" for n, v in listed.items()}
    # Of most, what is installed says under which licence it is.
    assert sum("licenses" in one for one in document["components"]) > len(listed) // 2


@pytest.mark.parametrize("name", LOCKS)
def test_s14_every_requirement_has_hashes_and_no_address(name: str) -> None:
    """S14: one version each, held to the hashes of its files, from whatever index pip is configured with."""
    text = (ROOT / name).read_text()
    found = packages(text)
    assert {one.name: f"=={one.version}" for one in found} == locked(name)
    for one in found:
        assert one.sha256, one.name
        assert all(re.fullmatch(r"[0-9a-f]{64}", digest) for digest in one.sha256), one.name
    assert "://" not in text
    assert "--index" not in text


def test_s14_what_is_built_is_what_is_tested() -> None:
    """S14: tests run with the versions that images are built with."""
    tested = locked("requirements-dev.txt")
    for name in ("requirements.txt", "requirements-build.txt"):
        assert locked(name).items() <= tested.items()


def test_s14_the_image_installs_nothing_without_a_hash_and_its_bases_can_be_digests() -> None:
    """S14: each base is an argument, which a release gives by digest; what runs is neither root nor has pip."""
    text = (ROOT / "Dockerfile").read_text()
    steps = re.sub(r"\\\n", " ", re.sub(r"^#.*\n", "", text, flags=re.MULTILINE)).splitlines()
    arguments = set(re.findall(r"^ARG (\w+)=", text, re.MULTILINE))
    assert all(re.match(r"FROM \$\{(\w+)\} AS \w+$", step) for step in steps if step.startswith("FROM"))
    assert set(re.findall(r"^FROM \$\{(\w+)\}", text, re.MULTILINE)) == {"BASE", "ENVOY_BASE"} <= arguments
    installs = [one for step in steps for one in re.split(r"&&|;", step) if re.search(r"pip.* (install|wheel) ", one)]
    assert len(installs) == 4
    assert all("--require-hashes" in one or "--no-index" in one for one in installs), installs
    assert "--without-pip /opt/xdsserver" in text
    for stage in re.split(r"^FROM .*$", text, flags=re.MULTILINE)[2:]:
        assert re.findall(r"^USER (.*)$", stage, re.MULTILINE) == ["65532:65532"]


@pytest.mark.parametrize("line", ["typer", "typer>=0.20 --hash=sha256:00", "typer==0.20"])
def test_s14_a_lock_that_pins_less_is_not_listed_as_if_it_did(line: str) -> None:
    """S14: a package without a version or a hash is an error, and never left out in silence."""
    with pytest.raises(ValueError, match="not a pinned package with hashes"):
        packages(line)
