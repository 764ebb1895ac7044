"""The commands of the cluster's guides, run as they stand there: with kubectl, and Helm's own code as `helm`."""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from tests.docs.markdown import sections

if TYPE_CHECKING:
    from e2e.conftest import Cluster
    from tests.docs.markdown import Section

ROOT = Path(__file__).parents[2]
GUIDES = ROOT / "docs" / "guides"
PATIENCE_S = 360.0


@dataclass(frozen=True)
class Shell:
    """A shell that talks to one cluster; `folder` has its programs."""

    cluster: Cluster
    folder: Path

    def __post_init__(self) -> None:
        """Make the programs that guides name."""
        helm = self.folder / "helm"
        helm.write_text(f'#!/bin/sh\nexec {sys.executable} -m e2e.cluster.helm "$@"\n', encoding="utf-8")
        helm.chmod(0o755)
        kubectl = self.folder / "kubectl"
        kubectl.write_text(f'#!/bin/sh\nexec {self.cluster.kubectl} "$@"\n', encoding="utf-8")
        kubectl.chmod(0o755)

    def run(self, script: str) -> str:
        """Run a script, which must succeed; give what it said."""
        environment = {
            **os.environ,
            "PATH": f"{self.folder}:{os.environ['PATH']}",
            "KUBECONFIG": str(self.cluster.kubeconfig),
            "PYTHONPATH": str(ROOT),
        }
        done = subprocess.run(
            ["bash", "-euo", "pipefail", "-c", script],
            cwd=ROOT,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=PATIENCE_S,
            check=False,
        )
        assert done.returncode == 0, f"{script}\n{done.stdout}"
        return done.stdout

    def do(self, guide: str, title: str) -> None:
        """Run the blocks of a section of a guide, and see that they show what it says."""
        for block in section(guide, title).blocks:
            said = self.run(block.script)
            assert not [line for line in block.shows if line not in said], said


def section(guide: str, title: str) -> Section:
    """Give a section of a guide."""
    return next(one for one in sections(GUIDES / f"{guide}.md") if one.title == title)
