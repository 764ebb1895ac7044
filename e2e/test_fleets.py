"""Envoys in pods on a real cluster: what runs them is taken as it is, answers for a Gateway, and goes with it."""

from __future__ import annotations

import asyncio
import json
from collections import Counter
from contextlib import suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import aiohttp
import pytest
from hypothesis import HealthCheck, given, settings

from e2e.images import ENVOY, load_images
from e2e.roles import as_our_account
from e2e.serving import serving
from tests.cli.run import xdsserver
from tests.infrastructure.fleets import PLANE
from tests.infrastructure.generated import envoys_of_any_spec
from xdsserver.infrastructure.workload import workload

if TYPE_CHECKING:
    from pathlib import Path

    from e2e.conftest import Cluster
    from xdsserver.infrastructure.dataplane import Envoys

NODE = "10.244.0.1"
XDS_PORT = 18671
PORT = 18672
NAMESPACE = "fleets"
WITHIN_S = 120
"""How long anything may take: a pod of Envoy serves on for 25 s before it ends."""

BACKEND = (
    "use IO::Socket::INET; my $s = IO::Socket::INET->new(LocalPort => 8080, Listen => 64, ReuseAddr => 1) or die;"
    "while (my $c = $s->accept) { while (<$c>) { last if /^\\r?$/ }"
    'print $c "HTTP/1.1 200 OK\\r\\nconnection: close\\r\\ncontent-length: 7\\r\\n\\r\\nbackend"; close $c }'
)
WORLD: list[dict[str, Any]] = [
    {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": NAMESPACE}},
    {
        "apiVersion": "gateway.xdsserver.io/v1alpha1",
        "kind": "EnvoyFleet",
        "metadata": {"name": "own", "namespace": NAMESPACE},
        "spec": {
            "mode": "Dedicated",
            "exposure": {"type": "AddressPool", "addresses": ["10.250.0.60-10.250.0.69"]},
            "workload": {
                "replicas": 1,
                "resources": {"requests": {"cpu": "20m", "memory": "64Mi"}, "limits": {"memory": "512Mi", "cpu": 1}},
            },
        },
    },
    {
        "apiVersion": "gateway.networking.k8s.io/v1",
        "kind": "GatewayClass",
        "metadata": {"name": "own-envoys"},
        "spec": {
            "controllerName": "gateway.xdsserver.io/controller",
            "parametersRef": {
                "group": "gateway.xdsserver.io",
                "kind": "EnvoyFleet",
                "name": "own",
                "namespace": NAMESPACE,
            },
        },
    },
    {
        "apiVersion": "gateway.networking.k8s.io/v1",
        "kind": "Gateway",
        "metadata": {"name": "web", "namespace": NAMESPACE},
        "spec": {
            "gatewayClassName": "own-envoys",
            "infrastructure": {"labels": {"team": "shop"}},
            "listeners": [{"name": "http", "port": PORT, "protocol": "HTTP"}],
        },
    },
    {
        "apiVersion": "gateway.networking.k8s.io/v1",
        "kind": "HTTPRoute",
        "metadata": {"name": "all", "namespace": NAMESPACE},
        "spec": {
            "parentRefs": [{"name": "web"}],
            "rules": [{"backendRefs": [{"name": "backend", "port": 80}]}],
        },
    },
    {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": "backend", "namespace": NAMESPACE},
        "spec": {"selector": {"app": "backend"}, "ports": [{"port": 80, "targetPort": 8080}]},
    },
    {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": "backend", "namespace": NAMESPACE, "labels": {"app": "backend"}},
        "spec": {
            "terminationGracePeriodSeconds": 0,
            "containers": [{"name": "backend", "image": ENVOY, "command": ["perl", "-e", BACKEND]}],
        },
    },
]
OURS = ("get", "deploy,ds,pods,sa,cm,secrets,pdb,hpa", "-l", "app.kubernetes.io/managed-by=xdsserver", "-o", "name")


async def kubectl(cluster: Cluster, *arguments: str, stdin: str = "") -> str:
    done = await asyncio.to_thread(cluster.run, "--namespace", NAMESPACE, *arguments, stdin=stdin)
    assert done.returncode == 0, done.stderr
    return done.stdout


async def applied(cluster: Cluster, world: list[dict[str, Any]]) -> None:
    """Apply a world whose first object is its namespace: no pod is taken before that has its account."""
    for items in (world[:1], world[1:]):
        await kubectl(
            cluster, "apply", "-f", "-", stdin=json.dumps({"apiVersion": "v1", "kind": "List", "items": items})
        )
        await kubectl(cluster, "wait", "--for=create", "serviceaccount/default", "--timeout=60s")


async def until_there(cluster: Cluster, *wanted: str) -> None:
    """Wait until our objects are these kinds, each once, and pods as they are."""
    async with asyncio.timeout(WITHIN_S):
        while True:
            found = [name.partition("/")[0] for name in (await kubectl(cluster, *OURS)).split()]
            if sorted(found) == sorted(wanted):
                return
            await asyncio.sleep(0.5)


@pytest.fixture(scope="module")
def with_definition(cluster: Cluster) -> Cluster:
    applied = cluster.run("apply", "--server-side", "--filename=-", stdin=xdsserver("crds").out)
    assert applied.returncode == 0, applied.stderr
    established = ("wait", "--for=condition=Established", "crd/envoyfleets.gateway.xdsserver.io", "--timeout=30s")
    assert cluster.run(*established).returncode == 0
    return cluster


@given(envoys_of_any_spec())
@settings(max_examples=15, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.too_slow])
def test_whatever_a_user_asks_for_an_api_server_takes(cluster: Cluster, envoys: Envoys) -> None:
    documents = [one.document for one in workload(envoys, PLANE)]
    how = ("apply", "--server-side", "--dry-run=server", "--validate=strict", "--filename=-")
    answer = cluster.run(*how, stdin=json.dumps({"apiVersion": "v1", "kind": "List", "items": documents}))
    assert answer.returncode == 0, answer.stderr
    assert "unknown" not in answer.stderr, answer.stderr


async def test_s11_a_gateway_gets_envoys_of_its_own_that_answer_and_go_with_it(
    with_definition: Cluster, tmp_path: Path
) -> None:
    """S11: the controller runs under exactly the roles of the table.

    The Envoys have no right at all in the cluster, come back when somebody deletes them, and leave nothing behind.
    """
    cluster = with_definition
    load_images()
    doors = ("--xds", f"unix:{tmp_path}/xds.sock", "--xds-tls", f"{NODE}:{XDS_PORT}")
    envoys = ("--envoys-xds", f"{NODE}:{XDS_PORT}", "--envoys-image", ENVOY)
    await applied(cluster, WORLD)
    whole = ("configmap", "deployment.apps", "pod", "poddisruptionbudget.policy", "secret", "serviceaccount")
    async with serving(as_our_account(cluster, tmp_path), *doors, *envoys) as server:
        await kubectl(cluster, "wait", "--for=condition=Programmed", "gateway/web", f"--timeout={WITHIN_S}s")
        gateway = json.loads(await kubectl(cluster, "get", "gateway", "web", "-o", "json"))
        address = gateway["status"]["addresses"][0]["value"]
        assert await answer(address, PORT) == (200, "backend")
        await until_there(cluster, *whole)
        (pod,) = json.loads(await kubectl(cluster, "get", "pods", "-l", "team=shop", "-o", "json"))["items"]
        assert pod["spec"]["containers"][0]["image"] == ENVOY
        assert not any("kube-api-access" in volume["name"] for volume in pod["spec"]["volumes"])
        account = f"system:serviceaccount:{NAMESPACE}:{pod['spec']['serviceAccountName']}"
        allowed = await asyncio.to_thread(
            cluster.run, "auth", "can-i", "get", "secrets", "-n", NAMESPACE, "--as", account
        )
        assert allowed.stdout.strip() == "no"

        uid = await kubectl(cluster, "get", "deploy", "gateway-web", "-o", "jsonpath={.metadata.uid}")
        await kubectl(cluster, "delete", "deploy", "gateway-web", "--cascade=orphan", "--wait=false")
        async with asyncio.timeout(WITHIN_S):
            while await uid_now(cluster) in {uid, ""}:  # noqa: ASYNC110 (another process)
                await asyncio.sleep(0.2)

        await kubectl(cluster, "delete", "gateway", "web", "--wait=false")
        await until_there(cluster)
    assert [one for one in server.notices if "cannot be written" in one["message"] or "may not" in one["message"]] == []
    await kubectl(cluster, "delete", "gatewayclass", "own-envoys")
    await kubectl(cluster, "delete", "namespace", NAMESPACE)


async def uid_now(cluster: Cluster) -> str:
    found = await kubectl(
        cluster, "get", "deploy", "gateway-web", "--ignore-not-found", "-o", "jsonpath={.metadata.uid}"
    )
    return found.strip()


async def answer(address: str, port: int) -> tuple[int, str]:
    """Ask through the Gateway; it is programmed, so it answers, and its backend's pod may still be starting."""
    async with asyncio.timeout(WITHIN_S), aiohttp.ClientSession() as session:
        while True:
            async with session.get(f"http://{address}:{port}/") as got:
                if got.status != 503:
                    return got.status, await got.text()
            await asyncio.sleep(0.2)


def exposed(world: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Give the same world with two Envoys behind a Service, so that one may go at a time."""
    fleet = next(one for one in world if one["kind"] == "EnvoyFleet")
    spec = fleet["spec"] | {"exposure": {"type": "Service"}, "workload": fleet["spec"]["workload"] | {"replicas": 2}}
    return [one | {"spec": spec} if one is fleet else one for one in world]


@dataclass
class Load:
    """Requests that nobody repeats, over connections that are kept as long as the other side lets them be kept."""

    address: str
    answers: Counter[str] = field(default_factory=Counter)

    async def run(self) -> None:
        async with asyncio.TaskGroup() as clients:
            for _ in range(8):
                clients.create_task(self._client())

    async def _client(self) -> None:
        async with aiohttp.ClientSession() as session:
            while True:
                try:
                    # A POST is not sent again by the client, whatever became of its connection.
                    async with session.post(f"http://{self.address}:{PORT}/") as got:
                        self.answers[str(got.status)] += 1
                        await got.read()
                except (aiohttp.ClientError, OSError) as error:
                    self.answers[repr(error)] += 1
                await asyncio.sleep(0.02)


async def test_a6_pods_are_replaced_without_a_failed_request(with_definition: Cluster, tmp_path: Path) -> None:
    """A6: preStop fails the health check, drains, and waits: 0 failures with client retries off."""
    cluster = with_definition
    load_images()
    doors = ("--xds", f"unix:{tmp_path}/xds.sock", "--xds-tls", f"{NODE}:{XDS_PORT}")
    envoys = ("--envoys-xds", f"{NODE}:{XDS_PORT}", "--envoys-image", ENVOY)
    await applied(cluster, exposed(WORLD))
    async with serving(as_our_account(cluster, tmp_path), *doors, *envoys):
        await kubectl(cluster, "wait", "--for=condition=Programmed", "gateway/web", f"--timeout={WITHIN_S}s")
        await kubectl(cluster, "rollout", "status", "deploy/gateway-web", f"--timeout={WITHIN_S}s")
        gateway = json.loads(await kubectl(cluster, "get", "gateway", "web", "-o", "json"))
        load = Load(gateway["status"]["addresses"][0]["value"])
        assert await answer(load.address, PORT) == (200, "backend")
        loading = asyncio.create_task(load.run())
        before = set((await kubectl(cluster, "get", "pods", "-l", "team=shop", "-o", "name")).split())
        await kubectl(cluster, "rollout", "restart", "deploy/gateway-web")
        await kubectl(cluster, "rollout", "status", "deploy/gateway-web", f"--timeout={WITHIN_S}s")
        await kubectl(cluster, "wait", "--for=delete", *before, f"--timeout={WITHIN_S}s")
        loading.cancel()
        with suppress(asyncio.CancelledError):
            await loading
        assert set(load.answers) == {"200"}, load.answers
        await kubectl(cluster, "delete", "gateway", "web", "--wait=false")
        await until_there(cluster)
    await kubectl(cluster, "delete", "gatewayclass", "own-envoys")
    await kubectl(cluster, "delete", "namespace", NAMESPACE)
