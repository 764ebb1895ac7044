"""A real Kubernetes API server for the tests: the one that KUBECONFIG names, or the one that the rig makes.

The rig is a folder with `up` and `down` (XDSSERVER_RIG names it). Its first `up` on a machine builds Kubernetes, which
takes many minutes; where it cannot start, every test is skipped with its last words.
"""

from __future__ import annotations

import os
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from e2e.rig import RigError, started

if TYPE_CHECKING:
    from collections.abc import Iterator


@dataclass(frozen=True)
class Cluster:
    """A cluster to talk to with kubectl."""

    kubeconfig: Path
    kubectl: str

    def run(self, *arguments: str, stdin: str = "") -> subprocess.CompletedProcess[str]:
        """Run kubectl; the caller looks at the exit code."""
        command = [self.kubectl, "--kubeconfig", str(self.kubeconfig), *arguments]
        return subprocess.run(command, input=stdin, capture_output=True, text=True, timeout=300, check=False)


@pytest.fixture(scope="session")
def cluster() -> Iterator[Cluster]:
    """Give a cluster with the CRDs of the Gateway API, experimental channel."""
    if kubeconfig := os.environ.get("KUBECONFIG"):
        yield Cluster(Path(kubeconfig), "kubectl")
        return
    rig = os.environ.get("XDSSERVER_RIG")
    if not rig:
        pytest.skip("no cluster: KUBECONFIG and XDSSERVER_RIG are not set")
    try:
        with started(Path(rig)) as one:
            yield Cluster(one.kubeconfig, one.kubectl)
    except RigError as error:
        pytest.skip(f"no cluster: {error}")
