"""Images for pods, made of what is on this machine: Envoy, and Perl as the official image has it."""

from __future__ import annotations

import os
import re
import subprocess
from pathlib import Path

import pytest

from xdsserver.proxy.envoy import find_envoy

ENVOY = "localhost/envoy:e2e"
PERL = Path("/usr/lib/x86_64-linux-gnu/perl-base")


def load_envoy(folder: Path) -> str:
    """Make the rig's cluster know an image of Envoy; give its name. Skips where there is no rig to load it into."""
    rig = os.environ.get("XDSSERVER_RIG")
    if not rig:
        pytest.skip("pods of Envoy need an image, which only the rig can load: XDSSERVER_RIG is not set")
    archive = folder / "envoy.tar"
    binaries = {find_envoy(): "/usr/local/bin/envoy", Path("/usr/bin/perl"): "/usr/bin/perl"}
    files = {str(source): place for source, place in binaries.items()} | {str(PERL): str(PERL)}
    for binary in binaries:
        told = subprocess.run(["ldd", binary], capture_output=True, text=True, check=True).stdout
        files |= {library: library for library in re.findall(r"(?:=> )?(/\S+) \(0x", told)}
    pairs = [f"{source}={place}" for source, place in files.items()]
    pack = subprocess.run([f"{rig}/pack-image", archive, ENVOY, *pairs], capture_output=True, text=True, check=False)
    assert pack.returncode == 0, pack.stderr
    load = subprocess.run([f"{rig}/load-image", ENVOY, archive], capture_output=True, text=True, check=False)
    assert load.returncode == 0, load.stderr
    archive.unlink()
    return ENVOY
