"""What the suite needs around it: a cluster with the CRDs, a GatewayClass of ours, and the server with its Envoy."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator

CLASS = "xdsserver"
NAMESPACE = "xdsserver-system"
CONTROLLER = "gateway.xdsserver.io/controller"

POOL = os.environ.get("CONFORMANCE_ADDRESSES", "10.250.0.2-10.250.0.127,10.250.0.201")
"""Addresses for Gateways; the last is asked for by name (GatewayStaticAddresses), and given to nobody before."""

BUILD_S = 2400.0
"""How long the rig may take, its first build included."""
READY_S = 60.0
STOP_S = 20.0


class StageError(Exception):
    """The stage cannot be set; the words say what is missing."""


@dataclass(frozen=True, slots=True)
class Stage:
    """Where the suite runs."""

    kubeconfig: Path
    kubectl: str
    rig: Path

    def run(self, *arguments: str, stdin: str = "") -> str:
        """Run kubectl.

        Raises:
            StageError: it failed.
        """
        command = [self.kubectl, "--kubeconfig", str(self.kubeconfig), *arguments]
        done = subprocess.run(command, input=stdin, capture_output=True, text=True, timeout=120, check=False)
        if done.returncode:
            message = f"kubectl {' '.join(arguments)}: {done.stderr.strip()}"
            raise StageError(message)
        return done.stdout

    def apply(self, *objects: dict[str, Any]) -> None:
        """Write objects."""
        self.run("apply", "--filename=-", stdin=json.dumps({"apiVersion": "v1", "kind": "List", "items": objects}))


@contextmanager
def rig_cluster(rig: Path, version: str, channel: str) -> Iterator[Stage]:
    """Give a cluster of the rig's with the CRDs of a release and channel, and take it down after.

    Raises:
        StageError: it does not start.
    """
    command = [f"{rig}/up", "--gateway-api", version, "--channel", channel]
    try:
        up = subprocess.run(command, capture_output=True, text=True, timeout=BUILD_S, check=False)
    except (OSError, subprocess.TimeoutExpired) as error:
        message = f"the rig did not start: {error}"
        raise StageError(message) from error
    if up.returncode:
        words = (up.stderr.strip() or up.stdout.strip() or "no words").splitlines()[-1]
        message = f"the rig cannot start here: {words}"
        raise StageError(message)
    home = Path(os.environ.get("RIG_HOME") or Path.home() / ".cache" / "rig")
    try:
        yield Stage(Path(up.stdout.split()[-1]), shutil.which("kubectl", path=str(home / "bin")) or "kubectl", rig)
    finally:
        subprocess.run([f"{rig}/down"], capture_output=True, timeout=60, check=False)


@contextmanager
def serving(stage: Stage, log: Path) -> Iterator[None]:
    """Serve the cluster, with an Envoy on this machine, until the end of the block; what both say goes into `log`.

    Raises:
        StageError: it ends, or claims nothing in time.
    """
    stage.apply({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": NAMESPACE}}, _gateway_class())
    with tempfile.TemporaryDirectory(prefix="conf-") as runtime_dir, log.open("wb") as out:
        command = [
            *(sys.executable, "-m", "xdsserver", "serve"),
            *("--kubeconfig", str(stage.kubeconfig), "--namespace", NAMESPACE, "--addresses", POOL),
            *("--envoy", "auto", "--runtime-dir", runtime_dir, "--xds", f"unix:{runtime_dir}/more.sock"),
        ]
        server = subprocess.Popen(command, stdout=out, stderr=subprocess.STDOUT)
        try:
            _wait_until_claiming(stage, server, log)
            yield
            if server.poll() is not None:
                message = f"the server ended during the run ({server.returncode}); see {log}"
                raise StageError(message)
        finally:
            _stop(server)


def _gateway_class() -> dict[str, Any]:
    return {
        "apiVersion": "gateway.networking.k8s.io/v1",
        "kind": "GatewayClass",
        "metadata": {"name": CLASS},
        "spec": {"controllerName": CONTROLLER},
    }


def _wait_until_claiming(stage: Stage, server: subprocess.Popen[bytes], log: Path) -> None:
    """Wait for the features: the suite reads them once, at its start."""
    until_s = time.monotonic() + READY_S
    while time.monotonic() < until_s:
        if server.poll() is not None:
            message = f"the server ended ({server.returncode}): {log.read_text().strip()[-400:]}"
            raise StageError(message)
        if stage.run("get", "gatewayclass", CLASS, "--output=jsonpath={.status.supportedFeatures[*].name}"):
            return
        time.sleep(0.2)
    message = f"GatewayClass {CLASS} claims nothing after {READY_S:.0f} s; see {log}"
    raise StageError(message)


def _stop(server: subprocess.Popen[bytes]) -> None:
    server.send_signal(signal.SIGTERM)
    try:
        server.wait(STOP_S)
    except subprocess.TimeoutExpired:
        server.kill()
        server.wait()
