"""What the suite needs around it: a cluster with the CRDs, a GatewayClass of ours, and the server with its Envoy."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from xdsserver.proxy.envoy import find_envoy

if TYPE_CHECKING:
    from collections.abc import Iterator

XDSSERVER = (sys.executable, "-m", "xdsserver")
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
def serving(stage: Stage, logs: Path, restart_s: float | None = None) -> Iterator[None]:
    """Serve the cluster, with an Envoy on this machine, until the end of the block; what both say goes into `logs`.

    With `restart_s` the server, and never its Envoy, is stopped and started anew every so many seconds.

    Raises:
        StageError: one of them ends, or nothing is claimed in time.
    """
    stage.apply({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": NAMESPACE}}, _gateway_class())
    with ExitStack() as stack:
        # A short path: names of sockets are.
        sockets = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="conf-")))
        xds = f"unix:{sockets}/xds.sock"
        bootstrap = sockets / "envoy.yaml"
        options = ("--xds", xds, "--admin", f"unix:{sockets}/admin.sock")
        bootstrap.write_bytes(
            subprocess.run([*XDSSERVER, "bootstrap", *options], capture_output=True, check=True).stdout
        )
        where = ("--kubeconfig", str(stage.kubeconfig), "--namespace", NAMESPACE, "--addresses", POOL, "--xds", xds)
        server = stack.enter_context(Program((*XDSSERVER, "serve", *where), logs / "server.log").running())
        _wait_until_claiming(stage, server)
        envoy = Program((str(find_envoy(None)), "-c", str(bootstrap), "--use-dynamic-base-id"), logs / "envoy.log")
        stack.enter_context(envoy.running())
        if restart_s is not None:
            stack.enter_context(server.restarting(restart_s))
        yield
        for one in (server, envoy):
            if one.ended is not None:
                message = f"{one.command[0]} ended during the run ({one.ended}); see {one.log}"
                raise StageError(message)


@dataclass
class Program:
    """A program that runs beside, and the file that takes what it says."""

    command: tuple[str, ...]
    log: Path
    restarts: int = 0
    _process: subprocess.Popen[bytes] | None = None

    @property
    def ended(self) -> int | None:
        """Its exit code; None while it runs."""
        return None if self._process is None else self._process.poll()

    @contextmanager
    def running(self) -> Iterator[Program]:
        """Run it until the end of the block."""
        self.log.write_bytes(b"")
        self._start()
        try:
            yield self
        finally:
            self._stop()

    @contextmanager
    def restarting(self, every_s: float) -> Iterator[None]:
        """Stop it and start it anew every so many seconds, until the end of the block."""
        over = threading.Event()

        def go_on() -> None:
            while not over.wait(every_s):
                self._stop()
                self._start()
                self.restarts += 1

        thread = threading.Thread(target=go_on)
        thread.start()
        try:
            yield
        finally:
            over.set()
            thread.join()

    def _start(self) -> None:
        with self.log.open("ab") as out:
            self._process = subprocess.Popen(self.command, stdout=out, stderr=subprocess.STDOUT)

    def _stop(self) -> None:
        if self._process is None:
            return
        self._process.send_signal(signal.SIGTERM)
        try:
            self._process.wait(STOP_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()


def _gateway_class() -> dict[str, Any]:
    return {
        "apiVersion": "gateway.networking.k8s.io/v1",
        "kind": "GatewayClass",
        "metadata": {"name": CLASS},
        "spec": {"controllerName": CONTROLLER},
    }


def _wait_until_claiming(stage: Stage, server: Program) -> None:
    """Wait for the features: the suite reads them once, at its start."""
    until_s = time.monotonic() + READY_S
    while time.monotonic() < until_s:
        if server.ended is not None:
            message = f"the server ended ({server.ended}): {server.log.read_text().strip()[-400:]}"
            raise StageError(message)
        if stage.run("get", "gatewayclass", CLASS, "--output=jsonpath={.status.supportedFeatures[*].name}"):
            return
        time.sleep(0.2)
    message = f"GatewayClass {CLASS} claims nothing after {READY_S:.0f} s; see {server.log}"
    raise StageError(message)
