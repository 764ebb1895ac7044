"""What the suite needs around it: a cluster with the CRDs, a GatewayClass of ours, and servers with their Envoys."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from e2e.conformance.programs import Program, restarting
from xdsserver.proxy.envoy import find_envoy

if TYPE_CHECKING:
    from collections.abc import Iterator

XDSSERVER = (sys.executable, "-m", "xdsserver")
CLASS = "xdsserver"
NAMESPACE = "xdsserver-system"
CONTROLLER = "gateway.xdsserver.io/controller"

POOL = os.environ.get("CONFORMANCE_ADDRESSES", "10.250.0.2-10.250.0.127,10.250.0.201")
"""Addresses for Gateways; the last is asked for by name (GatewayStaticAddresses), and given to nobody before."""

REPORTS_PORT = 18671
"""Where servers hear of each other's Envoys, on a loopback address of each."""

READY_S = 60.0


class StageError(Exception):
    """The stage cannot be set; the words say what is missing."""


@dataclass(frozen=True, slots=True)
class Stage:
    """A cluster, and how to talk to it."""

    kubeconfig: Path
    kubectl: str = "kubectl"

    def run(self, *arguments: str, stdin: str = "") -> str:
        """Run kubectl.

        Raises:
            StageError: it failed.
        """
        command = [self.kubectl, "--kubeconfig", str(self.kubeconfig), *arguments]
        try:
            done = subprocess.run(command, input=stdin, capture_output=True, text=True, timeout=120, check=False)
        except OSError as error:
            message = f"no kubectl: {error}"
            raise StageError(message) from error
        if done.returncode:
            message = f"kubectl {' '.join(arguments)}: {done.stderr.strip()}"
            raise StageError(message)
        return done.stdout

    def apply(self, *objects: dict[str, Any]) -> None:
        """Write objects."""
        self.run("apply", "--filename=-", stdin=json.dumps({"apiVersion": "v1", "kind": "List", "items": objects}))


@dataclass(frozen=True, slots=True)
class Served:
    """What the suite is to find: a class, whose Gateways get these addresses of this machine.

    `replicas` servers take part, each with an Envoy of its own; all Envoys listen at all addresses, and the kernel
    spreads connections over them. With `restart_s` one of the servers, and never an Envoy, is started anew every so
    many seconds.
    """

    gateway_class: str = CLASS
    addresses: str = POOL
    replicas: int = 1
    restart_s: float | None = None


@contextmanager
def serving(stage: Stage, logs: Path, served: Served) -> Iterator[None]:
    """Serve a cluster from this machine until the end of the block; what the programs say goes into `logs`.

    Raises:
        StageError: one of them ends, or nothing is claimed in time.
    """
    stage.apply(
        {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": NAMESPACE}}, _gateway_class(served.gateway_class)
    )
    with ExitStack() as stack:
        # A short path: names of sockets are.
        sockets = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="conf-")))
        names = [f"server-{number}" for number in range(served.replicas)]
        if served.replicas > 1:
            stack.enter_context(_pods(stage, names))
        servers = [
            stack.enter_context(Program(_server(stage, served, sockets, number), logs / f"{name}.log").running())
            for number, name in enumerate(names)
        ]
        _wait_until_claiming(stage, served.gateway_class, servers)
        envoys = [
            stack.enter_context(Program(_envoy(sockets, number), logs / f"envoy-{number}.log").running())
            for number in range(served.replicas)
        ]
        if served.restart_s is not None:
            stack.enter_context(restarting(servers, served.restart_s))
        yield
        for one in (*servers, *envoys):
            if one.ended is not None:
                message = f"{one.command[0]} ended during the run ({one.ended}); see {one.log}"
                raise StageError(message)


def _server(stage: Stage, served: Served, sockets: Path, number: int) -> tuple[str, ...]:
    where = ("--kubeconfig", str(stage.kubeconfig), "--namespace", NAMESPACE, "--addresses", served.addresses)
    xds = ("--xds", f"unix:{sockets}/xds-{number}.sock")
    others = ("--pod", f"server-{number}", "--reports", f"{_ip(number)}:{REPORTS_PORT}") if served.replicas > 1 else ()
    return (*XDSSERVER, "serve", *where, *xds, *others)


def _envoy(sockets: Path, number: int) -> tuple[str, ...]:
    bootstrap = sockets / f"envoy-{number}.yaml"
    places = ("--xds", f"unix:{sockets}/xds-{number}.sock", "--admin", f"unix:{sockets}/admin-{number}.sock")
    command = [*XDSSERVER, "bootstrap", *places, "--node-id", f"envoy-{number}"]
    bootstrap.write_bytes(subprocess.run(command, capture_output=True, check=True).stdout)
    return (str(find_envoy(None)), "-c", str(bootstrap), "--use-dynamic-base-id")


def _ip(number: int) -> str:
    return f"127.0.0.{91 + number}"


@contextmanager
def _pods(stage: Stage, names: list[str]) -> Iterator[None]:
    """Let the API server know servers as pods, by which they find each other; no node runs these."""
    # Made a moment after its namespace; no pod is taken before.
    stage.run("--namespace", NAMESPACE, "wait", "--for=create", "serviceaccount/default", "--timeout=30s")
    for number, name in enumerate(names):
        spec = {"schedulingGates": [{"name": "example.com/never"}], "containers": [{"name": "it", "image": "none"}]}
        metadata = {"name": name, "namespace": NAMESPACE, "labels": {"app.kubernetes.io/name": "xdsserver"}}
        stage.apply({"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": spec})
        ready = {"type": "Ready", "status": "True"}
        status = {"phase": "Running", "podIPs": [{"ip": _ip(number)}], "conditions": [ready]}
        patch = ("patch", "pod", name, "--subresource=status", "--type=merge", "-p", json.dumps({"status": status}))
        stage.run("--namespace", NAMESPACE, *patch)
    try:
        yield
    finally:
        stage.run("--namespace", NAMESPACE, "delete", "pod", *names, "--grace-period=0", "--force")


def _gateway_class(name: str) -> dict[str, Any]:
    return {
        "apiVersion": "gateway.networking.k8s.io/v1",
        "kind": "GatewayClass",
        "metadata": {"name": name},
        "spec": {"controllerName": CONTROLLER},
    }


def _wait_until_claiming(stage: Stage, gateway_class: str, servers: list[Program]) -> None:
    """Wait for the features: the suite reads them once, at its start."""
    until_s = time.monotonic() + READY_S
    while time.monotonic() < until_s:
        for server in servers:
            if server.ended is not None:
                message = f"the server ended ({server.ended}): {server.log.read_text().strip()[-400:]}"
                raise StageError(message)
        if stage.run("get", "gatewayclass", gateway_class, "--output=jsonpath={.status.supportedFeatures[*].name}"):
            return
        time.sleep(0.2)
    message = f"GatewayClass {gateway_class} claims nothing after {READY_S:.0f} s; see {servers[0].log}"
    raise StageError(message)
