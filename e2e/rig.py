"""The rig: a folder with `up` and `down` that makes a real Kubernetes node. One that is up already is left as it is."""

from __future__ import annotations

import os
import shutil
import subprocess
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

BUILD_S = 2400.0
"""How long `up` may take, its first build of Kubernetes included."""


class RigError(Exception):
    """The rig cannot start here; the words are its last ones."""


@dataclass(frozen=True, slots=True)
class Started:
    """A cluster of the rig's."""

    kubeconfig: Path
    kubectl: str


@contextmanager
def started(rig: Path, *options: str) -> Iterator[Started]:
    """Give a cluster, and take it down after: not one that was there before, which is somebody's.

    `options` are those of `up`; it refuses to start beside a cluster with other CRDs.

    Raises:
        RigError: it does not start.
    """
    found = _is_up()
    try:
        up = subprocess.run([f"{rig}/up", *options], capture_output=True, text=True, timeout=BUILD_S, check=False)
    except (OSError, subprocess.TimeoutExpired) as error:
        message = f"the rig did not start: {error}"
        raise RigError(message) from error
    if up.returncode:
        words = (up.stderr.strip() or up.stdout.strip() or "no words").splitlines()[-1]
        message = f"the rig cannot start here: {words}"
        raise RigError(message)
    try:
        yield Started(Path(up.stdout.split()[-1]), _kubectl())
    finally:
        if not found:
            subprocess.run([f"{rig}/down"], capture_output=True, timeout=60, check=False)


def _home() -> Path:
    return Path(os.environ.get("RIG_HOME") or Path.home() / ".cache" / "rig")


def _kubectl() -> str:
    return shutil.which("kubectl", path=str(_home() / "bin")) or "kubectl"


def _is_up() -> bool:
    """Ask the API server: what a dead cluster left lies about as that of a living one does."""
    kubeconfig = _home() / "run" / "admin.kubeconfig"
    if not kubeconfig.exists():
        return False
    command = [_kubectl(), "--kubeconfig", str(kubeconfig), "--request-timeout=5s", "get", "--raw=/readyz"]
    try:
        return subprocess.run(command, capture_output=True, timeout=30, check=False).returncode == 0
    except (OSError, subprocess.TimeoutExpired):
        return False
