"""Objects of a real API server: of every kind, of one that comes later, and of five thousand at once."""

from __future__ import annotations

import asyncio
import json
import resource
import time
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

import pytest

from xdsserver.kube.access import Kubeconfig
from xdsserver.kube.client import Body, KubeClient
from xdsserver.kube.following import WATCH_S, Standing
from xdsserver.kube.source import ClusterSource
from xdsserver.objects.kinds import KINDS

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Iterator, Mapping

    from e2e.conftest import Cluster
    from xdsserver.kube.source import KindState
    from xdsserver.objects.meta import KubeObject

PATIENCE_S = 60
MANY = 5000
AT_ONCE = 40
GATEWAY_API = "gateway.networking.k8s.io/v1"
NAMESPACE = "source"
ROUTES = f"/apis/{GATEWAY_API}/namespaces/{NAMESPACE}/httproutes"
CRD: dict[str, Any] = {
    "apiVersion": "apiextensions.k8s.io/v1",
    "kind": "CustomResourceDefinition",
    "metadata": {"name": "serviceimports.multicluster.x-k8s.io"},
    "spec": {
        "group": "multicluster.x-k8s.io",
        "names": {"kind": "ServiceImport", "plural": "serviceimports", "singular": "serviceimport"},
        "scope": "Namespaced",
        "versions": [
            {
                "name": "v1alpha1",
                "served": True,
                "storage": True,
                "schema": {
                    "openAPIV3Schema": {"type": "object", "x-kubernetes-preserve-unknown-fields": True},
                },
            },
        ],
    },
}
IMPORT: dict[str, Any] = {
    "apiVersion": "multicluster.x-k8s.io/v1alpha1",
    "kind": "ServiceImport",
    "metadata": {"name": "far", "namespace": NAMESPACE},
    "spec": {"type": "ClusterSetIP", "ips": ["10.0.0.1"], "ports": [{"port": 80}]},
}


def route(name: str, hostname: str = "a.example.com") -> dict[str, Any]:
    backends = [{"name": "web", "port": 80}]
    matches = [{"path": {"type": "PathPrefix", "value": "/api"}, "headers": [{"name": "version", "value": "one"}]}]
    spec = {"hostnames": [hostname], "rules": [{"matches": matches, "backendRefs": backends}]}
    return {
        "apiVersion": GATEWAY_API,
        "kind": "HTTPRoute",
        "metadata": {"name": name, "namespace": NAMESPACE},
        "spec": spec | {"parentRefs": [{"name": "edge"}]},
    }


def one_of_each() -> list[dict[str, Any]]:
    """Build an object of every kind that this API server has without further CRDs."""
    backends = {"rules": [{"backendRefs": [{"name": "web", "port": 80}]}]}
    listener = {"name": "http", "port": 80, "protocol": "HTTP"}
    grant = {"from": [{"group": "gateway.networking.k8s.io", "kind": "HTTPRoute", "namespace": "other"}]}
    out = {"type": "ExternalHostname", "externalHostname": {"hostname": "api.example.com"}, "port": {"number": 80}}
    verified = {"hostname": "api.example.com", "wellKnownCACertificates": "System"}
    policy = {"targetRefs": [{"group": "", "kind": "Service", "name": "one"}], "validation": verified}
    gateway = {"group": "gateway.networking.k8s.io", "kind": "Gateway", "name": "one"}
    bodies: dict[str, dict[str, Any]] = {
        "GatewayClass": {"spec": {"controllerName": "example.com/none"}},
        "Gateway": {"spec": {"gatewayClassName": "one", "listeners": [listener]}},
        "ListenerSet": {"spec": {"parentRef": {"name": "one"}, "listeners": [listener]}},
        "HTTPRoute": {"spec": backends},
        "GRPCRoute": {"spec": backends},
        "TLSRoute": {"spec": {"hostnames": ["a.example.com"], **backends}},
        "TCPRoute": {"spec": backends},
        "UDPRoute": {"spec": backends},
        "ReferenceGrant": {"spec": grant | {"to": [{"group": "", "kind": "Service"}]}},
        "Service": {"spec": {"ports": [{"port": 80}]}},
        "EndpointSlice": {"addressType": "IPv4", "endpoints": [{"addresses": ["10.0.0.1"]}], "ports": [{"port": 80}]},
        "BackendTLSPolicy": {"spec": policy},
        "XBackend": {"spec": out},
        "XTelemetryPolicy": {"spec": {"targetRefs": [gateway], "tracing": {"mode": "Disabled"}}},
        "Secret": {"stringData": {"a": "b"}},
        "ServiceCIDR": {"spec": {"cidrs": ["10.97.0.0/24"]}},
        "ConfigMap": {"data": {"a": "b"}},
    }
    return [
        {
            "apiVersion": f"{kind.group}/{kind.versions[0]}" if kind.group else kind.versions[0],
            "kind": kind.name,
            "metadata": {"name": "one"} | ({"namespace": NAMESPACE} if kind.namespaced else {}),
            **bodies[kind.name],
        }
        for kind in KINDS
        if kind.name in bodies
    ]


class Seen:
    """What a source has told, added up."""

    def __init__(self, client: KubeClient) -> None:
        self.client = client
        self.told: list[KindState] = []
        self.source = ClusterSource(client, tell=self.told.append)
        self.objects: dict[tuple[str, str, str], KubeObject] = {}
        self.readings = 0

    async def take(self) -> None:
        batch = await self.source.batch()
        for kind, name, object_ in batch.changes:
            key = (kind, *name)
            if object_ is None:
                del self.objects[key]
            else:
                self.objects[key] = object_
        self.readings += len(batch.readings)
        assert not batch.problems

    async def until(self, condition: Callable[[], bool]) -> None:
        async with asyncio.timeout(PATIENCE_S):
            while not condition():
                await self.take()

    def named(self, name: str) -> Mapping[str, KubeObject]:
        return {kind: object_ for (kind, _, of), object_ in self.objects.items() if of == name}


@asynccontextmanager
async def following(cluster: Cluster) -> AsyncIterator[Seen]:
    async with KubeClient(Kubeconfig(str(cluster.kubeconfig))) as client:
        seen = Seen(client)
        async with seen.source.running():
            await seen.take()
            yield seen


def apply(cluster: Cluster, *objects: dict[str, Any]) -> None:
    """Write objects; not in the loop that follows them, which has to go on."""
    everything = json.dumps({"apiVersion": "v1", "kind": "List", "items": objects})
    answer = cluster.run("apply", "--server-side", "--filename=-", stdin=everything)
    assert answer.returncode == 0, answer.stderr


@pytest.fixture
def namespace(cluster: Cluster) -> Iterator[None]:
    apply(cluster, {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": NAMESPACE}})
    yield
    cluster.run("delete", "gatewayclass/one", "--ignore-not-found")
    cluster.run("delete", "crd", CRD["metadata"]["name"], "--ignore-not-found")
    cluster.run("delete", "namespace", NAMESPACE, "--wait=true", "--timeout=240s")


@pytest.mark.usefixtures("namespace")
async def test_objects_of_every_kind_come_change_and_go(cluster: Cluster) -> None:
    objects = one_of_each()
    kinds = {one["kind"] for one in objects}
    # Besides: Namespace, which is there before, and kinds that this API server has no CRD or no feature for.
    absent = {"Namespace", "ServiceImport", "ClusterTrustBundle", "EnvoyFleet", "Tenant"}
    assert {kind.name for kind in KINDS} - kinds == absent
    async with following(cluster) as seen:
        assert ("Namespace", "", NAMESPACE) in seen.objects
        await asyncio.to_thread(apply, cluster, *objects)
        await seen.until(lambda: seen.named("one").keys() >= kinds)
        before = dict(seen.named("one"))
        for one in objects:
            one["metadata"]["labels"] = {"changed": "yes"}
        await asyncio.to_thread(apply, cluster, *objects)
        await seen.until(
            lambda: all(one.metadata.labels.get("changed") for kind, one in seen.named("one").items() if kind in kinds)
        )
        assert all(seen.named("one")[kind].metadata.uid == before[kind].metadata.uid for kind in kinds)
        for one in objects:
            where = ("--namespace", NAMESPACE) if "namespace" in one["metadata"] else ()
            group = one["apiVersion"].rpartition("/")[0]
            name = f"{one['kind']}.{group}" if group else one["kind"]
            await asyncio.to_thread(cluster.run, "delete", name, "one", *where, "--wait=false")
        await seen.until(lambda: not seen.named("one").keys() & kinds)
        states = {one.kind: one for one in seen.source.states()}
        assert all(states[kind].standing is Standing.SYNCED and states[kind].lists == 1 for kind in kinds)


@pytest.mark.usefixtures("namespace")
async def test_k8_a_crd_that_is_installed_later_is_picked_up(cluster: Cluster) -> None:
    """K8: a kind without CRD is absent, and nobody waits for it; once its CRD is there, its objects come within
    seconds, and go with the CRD."""
    async with following(cluster) as seen:
        absent = [one for one in seen.told if one.kind == "ServiceImport"]
        assert [one.standing for one in absent] == [Standing.ABSENT]
        await asyncio.to_thread(apply, cluster, CRD)
        established = ("wait", "--for=condition=Established", f"crd/{CRD['metadata']['name']}", "--timeout=30s")
        assert (await asyncio.to_thread(cluster.run, *established)).returncode == 0
        began_s = time.monotonic()
        await asyncio.to_thread(apply, cluster, IMPORT)
        await seen.until(lambda: "ServiceImport" in seen.named("far"))
        assert time.monotonic() - began_s < 15
        await asyncio.to_thread(cluster.run, "delete", "crd", CRD["metadata"]["name"])
        await seen.until(lambda: "ServiceImport" not in seen.named("far"))


@pytest.mark.usefixtures("namespace")
async def test_k10_five_thousand_routes(cluster: Cluster) -> None:
    """K10: 5,000 HTTPRoutes on a real API server: listed without a turn of the loop over 50 ms of processor."""
    async with KubeClient(Kubeconfig(str(cluster.kubeconfig))) as client:
        waiting = iter(range(MANY))

        async def create() -> None:
            for number in waiting:
                await client.post(ROUTES, Body(json.dumps(route(f"r{number:04}", f"h{number}.example.com")).encode()))

        await asyncio.gather(*(create() for _ in range(AT_ONCE)))
    turns: list[float] = []
    going = True
    loop = asyncio.get_running_loop()
    before_s = time.thread_time()

    def turn() -> None:
        nonlocal before_s
        now_s = time.thread_time()
        turns.append(now_s - before_s)
        before_s = now_s
        if going:
            loop.call_soon(turn)

    async with KubeClient(Kubeconfig(str(cluster.kubeconfig))) as client:
        # Connections and the reader of kubeconfigs are there before it is measured.
        await client.get("/readyz")
        resident = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        seen = Seen(client)
        before_s = time.thread_time()
        loop.call_soon(turn)
        began_s = time.monotonic()
        async with seen.source.running():
            await seen.take()
            took_s = time.monotonic() - began_s
            going = False
            await asyncio.sleep(0)
    grown_mib = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - resident) / 1024
    longest_ms = max(turns) * 1000
    figures = f"{MANY} routes in {took_s:.2f} s, the longest turn {longest_ms:.1f} ms, {grown_mib:.0f} MiB more"
    print(figures)
    assert sum(kind == "HTTPRoute" for kind, _, _ in seen.objects) >= MANY
    assert longest_ms < 50


@pytest.mark.usefixtures("namespace")
async def test_k1_watches_that_the_api_server_ends_cost_no_list(
    cluster: Cluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    """K1: watches of two seconds: opened again and again, each kind listed once, and nothing is missed."""
    assert WATCH_S == (300, 600)
    monkeypatch.setattr("xdsserver.kube.following.WATCH_S", (1, 2))
    async with following(cluster) as seen:
        for number in range(6):
            await asyncio.to_thread(apply, cluster, route(f"short-{number}"))
            await seen.until(lambda number=number: "HTTPRoute" in seen.named(f"short-{number}"))  # type: ignore[misc]
            await asyncio.sleep(1)
        listed = {one.kind: one.lists for one in seen.source.states() if one.standing is not Standing.ABSENT}
        assert set(listed.values()) == {1}
