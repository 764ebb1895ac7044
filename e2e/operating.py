"""What a cluster needs for `serve` to be run as in production: its roles and nothing else, a backend, and numbers."""

from __future__ import annotations

import asyncio
import base64
import json
import re
import socket
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit
from urllib.request import urlopen

from e2e.conftest import Cluster
from e2e.serving import NAMESPACE as OURS
from e2e.test_statuses import body
from tests.live.backends import backend
from tests.ports import free_port
from xdsserver.infrastructure.permissions import NAME, manifest
from xdsserver.kube.access import Kubeconfig
from xdsserver.kube.client import KubeClient

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable, Iterable

    from tests.live.backends import Backend

CLASS = "operated"
POOL = "127.0.0.81-127.0.0.90"
PORT = free_port()
"""Where Gateways listen. Of two runs on one machine each has its own: Envoys that are told of one port share it, and
each gets a part of the connections."""
KERNEL_TICKS = 100
"""Of processor time, per second."""


def config_of(cluster: Cluster) -> dict[str, Any]:
    """Give the one cluster of a kubeconfig: server and authority."""
    found = cluster.run("config", "view", "--raw", "--minify", "-o", "json")
    one: dict[str, Any] = json.loads(found.stdout)["clusters"][0]["cluster"]
    return one


def restricted(cluster: Cluster, folder: Path, namespaces: Iterable[str] = (), server: str = "") -> Cluster:
    """Make the account with exactly its roles, and give a way in as this account; `server` is another way there.

    Of `namespaces` some may not exist: nobody can make a Role there.
    """
    cluster.run("create", "namespace", OURS)
    applied = cluster.run("apply", "-f", "-", stdin=manifest(namespaces))
    refused = [line for line in applied.stderr.splitlines() if line.startswith("Error") and "NotFound" not in line]
    assert refused == []
    token = cluster.run("-n", OURS, "create", "token", NAME, "--duration=2h").stdout.strip()
    assert token
    there = config_of(cluster)
    if server:
        there |= {"tls-server-name": urlsplit(there["server"]).hostname, "server": server}
    document = {
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [{"name": "here", "cluster": there}],
        "users": [{"name": NAME, "user": {"token": token}}],
        "contexts": [{"name": "here", "context": {"cluster": "here", "user": NAME}}],
        "current-context": "here",
    }
    path = folder / "restricted.kubeconfig"
    path.write_text(json.dumps(document))
    path.chmod(0o600)
    return Cluster(path, cluster.kubectl)


def as_in_a_pod(account: Cluster, folder: Path) -> tuple[str, ...]:
    """Give what a command is begun with to run as in a pod of this account: its token where pods find theirs.

    Another /run, that only the command sees; this takes root.
    """
    config = json.loads(account.kubeconfig.read_text())
    there, token = config["clusters"][0]["cluster"], config["users"][0]["user"]["token"]
    files = folder / "serviceaccount"
    files.mkdir()
    (files / "token").write_text(token)
    (files / "ca.crt").write_bytes(base64.b64decode(there["certificate-authority-data"]))
    at = urlsplit(there["server"])
    place = "/run/secrets/kubernetes.io/serviceaccount"
    script = f'mount -t tmpfs none /run && mkdir -p {place} && cp "$0"/* {place} && exec "$@"'
    environment = (f"KUBERNETES_SERVICE_HOST={at.hostname}", f"KUBERNETES_SERVICE_PORT={at.port or 443}")
    return ("unshare", "--mount", "sh", "-c", script, str(files), "env", "-u", "KUBECONFIG", *environment)


def host_ip(cluster: Cluster) -> str:
    """Give our own address towards the API server: one that may stand in an EndpointSlice, as loopback may not."""
    there = urlsplit(config_of(cluster)["server"])
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as one:
        one.connect((there.hostname, there.port or 443))
        ip: str = one.getsockname()[0]
    return ip


def options(folder: Path, health: str) -> tuple[str, ...]:
    """Give the options of a server with an Envoy of its own, sockets in a folder, and probes."""
    envoy = ("--addresses", POOL, "--envoy", "auto", "--runtime-dir", str(folder / "run"))
    return (*envoy, "--xds", f"unix:{folder}/xds.sock", "--health", health)


@dataclass(frozen=True)
class World:
    """A namespace with a Gateway of its own and a backend that answers."""

    cluster: Cluster
    client: KubeClient
    namespace: str
    backend: Backend
    ip: str

    def route(self, name: str, path: str, service: str = "web") -> dict[str, Any]:
        rule = {"matches": [{"path": {"value": path}}], "backendRefs": [{"name": service, "port": 80}]}
        return {
            "apiVersion": "gateway.networking.k8s.io/v1",
            "kind": "HTTPRoute",
            "metadata": {"name": name, "namespace": self.namespace},
            "spec": {"parentRefs": [{"name": "edge"}], "rules": [rule]},
        }

    def service(self, name: str) -> dict[str, Any]:
        return {
            "apiVersion": "v1",
            "kind": "Service",
            "metadata": {"name": name, "namespace": self.namespace},
            "spec": {"ports": [{"port": 80, "targetPort": self.backend.port}]},
        }

    def endpoint_slice(self, service: str, *, ready: bool = True) -> dict[str, Any]:
        return {
            "apiVersion": "discovery.k8s.io/v1",
            "kind": "EndpointSlice",
            "metadata": {
                "name": f"{service}-1",
                "namespace": self.namespace,
                "labels": {"kubernetes.io/service-name": service},
            },
            "addressType": "IPv4",
            "ports": [{"port": self.backend.port, "protocol": "TCP"}],
            "endpoints": [{"addresses": [self.ip], "conditions": {"ready": ready}}],
        }

    def gateway(self) -> dict[str, Any]:
        listeners = [{"name": "http", "port": PORT, "protocol": "HTTP"}]
        return {
            "apiVersion": "gateway.networking.k8s.io/v1",
            "kind": "Gateway",
            "metadata": {"name": "edge", "namespace": self.namespace},
            "spec": {"gatewayClassName": CLASS, "listeners": listeners},
        }

    def get(self, *what: str) -> dict[str, Any]:
        found: dict[str, Any] = json.loads(self.cluster.run("-n", self.namespace, "get", *what, "-o", "json").stdout)
        return found

    def address(self) -> str:
        """Give the address of the Gateway, which must have one."""
        address: str = self.get("gateway", "edge")["status"]["addresses"][0]["value"]
        return address

    async def attached(self, routes: int, within_s: float = 240) -> None:
        """Wait until the status of the Gateway counts so many routes."""

        async def count() -> bool:
            found = await asyncio.to_thread(self.get, "gateway", "edge")
            listeners = found.get("status", {}).get("listeners") or [{"attachedRoutes": -1}]
            return bool(listeners[0]["attachedRoutes"] == routes)

        await until(count, within_s)

    async def create(self, path: str, bodies: Iterable[dict[str, Any]]) -> None:
        """Create objects, as fast as an API server takes them."""
        slots = asyncio.Semaphore(32)

        async def one(document: dict[str, Any]) -> None:
            async with slots:
                await self.client.post(path, body(document))

        await asyncio.gather(*(one(document) for document in bodies))


@asynccontextmanager
async def world(cluster: Cluster, namespace: str) -> AsyncIterator[World]:
    """Make a class, and a namespace with a Gateway, a Service and one route; deleted at the end."""
    ip = host_ip(cluster)
    async with backend("web", ip) as web, KubeClient(Kubeconfig(str(cluster.kubeconfig))) as client:
        one = World(cluster, client, namespace, web, ip)
        class_ = {
            "apiVersion": "gateway.networking.k8s.io/v1",
            "kind": "GatewayClass",
            "metadata": {"name": CLASS},
            "spec": {"controllerName": "gateway.xdsserver.io/controller"},
        }
        place = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": namespace}}
        first = (place, class_, one.gateway(), one.service("web"), one.endpoint_slice("web"), one.route("first", "/"))
        # A list, since not every kubectl reads JSON documents that follow one another.
        whole = {"apiVersion": "v1", "kind": "List", "items": first}
        applied = cluster.run("apply", "-f", "-", stdin=json.dumps(whole))
        assert applied.returncode == 0, applied.stderr
        try:
            yield one
        finally:
            cluster.run("delete", "gatewayclass", CLASS, "--wait=false")
            cluster.run("delete", "namespace", namespace, "--wait=false")


async def until(true: Callable[[], Awaitable[bool]], within_s: float = 60.0) -> None:
    """Wait for something that no event tells of."""
    async with asyncio.timeout(within_s):
        while not await true():  # noqa: ASYNC110
            await asyncio.sleep(0.1)


@dataclass(frozen=True)
class Metrics:
    """What a process said of itself, in Prometheus's format."""

    text: str

    def value(self, name: str, **labels: str) -> float:
        """Give a value; 0 where there is none."""
        for line in self.text.splitlines():
            series, _, value = line.rpartition(" ")
            if (
                series.partition("{")[0] == name
                and labels.items() <= dict(re.findall(r'(\w+)="([^"]*)"', series)).items()
            ):
                return float(value)
        return 0.0


@dataclass(frozen=True)
class Process:
    """What a process uses, and what it says of itself where probes ask."""

    pid: int
    health: str

    def anonymous_mib(self) -> float:
        """Give memory that is its own, in MiB."""
        found = re.search(r"RssAnon:\s+(\d+) kB", Path(f"/proc/{self.pid}/status").read_text(encoding="ascii"))
        assert found is not None
        return int(found[1]) / 1024

    def cpu_s(self) -> float:
        """Give the processor time that it has had, in seconds."""
        fields = Path(f"/proc/{self.pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / KERNEL_TICKS

    def condition(self) -> dict[str, Any]:
        """Ask how it is."""
        with urlopen(f"http://{self.health}/healthz", timeout=5) as answer:
            found: dict[str, Any] = json.load(answer)
        return found

    async def ready(self) -> bool:
        """Ask whether it is ready; nobody who answers is not."""
        try:
            return bool((await asyncio.to_thread(self.condition))["ready"])
        except OSError:
            return False

    def metrics(self) -> Metrics:
        """Ask for all its metrics, as they are at one moment."""
        with urlopen(f"http://{self.health}/metrics", timeout=5) as answer:
            return Metrics(answer.read().decode())

    def metric(self, name: str, **labels: str) -> float:
        """Give a value of its metrics; 0 where there is none."""
        return self.metrics().value(name, **labels)
