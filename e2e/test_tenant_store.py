"""A Tenant of two pools on a real cluster, reached by an ordinary S3 client through Envoy, over HTTPS.

The image of RustFS is in no reach here. `tests/live/s3server.py` stands in for it in its pods, started by the variables
that the operator gives to RustFS; it checks every signature against the bytes that arrived. Its servers share one
folder in place of erasure coding, so that each of them has all objects. What is RustFS' own is not tested here.
"""

from __future__ import annotations

import asyncio
import json
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import aiohttp
import pytest
import pytest_asyncio

from e2e.images import load_store
from e2e.serving import serving
from tests.certificates import Certificate, authority, curve_key
from tests.cli.run import xdsserver
from tests.live.http1 import Ask, ask
from tests.live.manifests import tls_secret
from tests.live.product import answers
from tests.live.s3client import (
    ACCESS_KEY,
    KEYS,
    MIB,
    SECRET_KEY,
    STYLES,
    Endpoint,
    names_are_at,
    refused_before_its_body,
    use_key,
    use_parts,
    use_presigned,
)
from tests.live.tls_clients import Tls
from tests.ports import free_port

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from e2e.conftest import Cluster

pytestmark = pytest.mark.asyncio(loop_scope="module")

NAMESPACE, HOST, CONSOLE, PORT = "store", "s3.test", "console.test", 18690
POOLS = ("one", "two")
PODS = tuple(f"store-{pool}-{number}" for pool in POOLS for number in range(2))
ADDRESSES = "127.0.0.81-127.0.0.90"
WITHIN_S = 240

Document = dict[str, Any]


@dataclass(frozen=True)
class Store:
    """A Tenant that runs: the cluster, its endpoint and where that is, and the folder of all of its volumes."""

    cluster: Cluster
    endpoint: Endpoint
    address: str
    folder: Path
    health: str

    async def kubectl(self, *arguments: str) -> str:
        done = await asyncio.to_thread(self.cluster.run, "--namespace", NAMESPACE, *arguments)
        assert done.returncode == 0, done.stderr
        return done.stdout

    async def get(self, *what: str) -> Any:  # noqa: ANN401 (JSON)
        return json.loads(await self.kubectl("get", *what, "-o", "json"))

    async def wait(self, condition: str, *what: str) -> None:
        await self.kubectl("wait", f"--for={condition}", *what, f"--timeout={WITHIN_S}s")

    async def pods(self) -> dict[str, str]:
        """Give the pods by name, each with its uid."""
        found = await self.get("pods", "-l", "rustfs.tenant=store")
        return {one["metadata"]["name"]: one["metadata"]["uid"] for one in found["items"]}

    async def served_by(self, requests: int) -> set[str]:
        """Ask so often, and give the pods that answered; an answer that is no 200 is a failure."""
        found = set()
        for _ in range(requests):
            answer = await ask(PORT, Ask("/health", HOST), self.address, tls=Tls(HOST))
            assert answer.status == 200
            found.add(answer.headers["x-served-by"])
        return found

    async def served_by_none_of(self, pod: str) -> None:
        """Wait until a pod gets nothing any more, while no request fails."""
        async with asyncio.timeout(WITHIN_S):
            while pod in await self.served_by(40):  # noqa: ASYNC110 (another process, nothing to await)
                await asyncio.sleep(0.2)


def world(image: str, folder: Path, shown: Certificate) -> list[Document]:
    """Give volumes, which all are one folder, credentials, a Gateway with its certificate, and the Tenant."""
    volume = {
        "capacity": {"storage": "1Gi"},
        "accessModes": ["ReadWriteOnce"],
        "persistentVolumeReclaimPolicy": "Retain",
        "storageClassName": "e2e-store",
        "hostPath": {"path": str(folder)},
    }
    volumes = [
        {"apiVersion": "v1", "kind": "PersistentVolume", "metadata": {"name": f"store-{number}"}, "spec": volume}
        for number in range(8)
    ]
    claim = {
        "accessModes": ["ReadWriteOnce"],
        "storageClassName": "e2e-store",
        "resources": {"requests": {"storage": "1Gi"}},
    }
    pools = [
        {
            "name": name,
            "servers": 2,
            "persistence": {"volumesPerServer": 2, "volumeClaimTemplate": claim},
            "resources": {"requests": {"cpu": "10m", "memory": "32Mi"}},
        }
        for name in POOLS
    ]
    gateway: Document = {"parentRefs": [{"name": "edge"}], "console": {"hostnames": [CONSOLE]}}
    # Clients say the port with the name where it is not HTTPS' own, and RustFS is told both.
    gateway["api"] = {"hostnames": [HOST], "port": PORT}
    tls = {"certificateRefs": [{"name": "cert"}]}
    listeners = [
        {"name": name, "port": PORT, "protocol": "HTTPS", "hostname": hostname, "tls": tls}
        for name, hostname in (("s3", HOST), ("buckets", f"*.{HOST}"), ("web", CONSOLE))
    ]
    marks = {"annotations": {"gateway.xdsserver.io/s3-listeners": "s3,buckets"}}
    own = {"namespace": NAMESPACE}
    api = "gateway.networking.k8s.io/v1"
    credentials = {"accesskey": ACCESS_KEY, "secretkey": SECRET_KEY}
    return [
        {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": NAMESPACE}},
        *volumes,
        {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "root", **own}, "stringData": credentials},
        tls_secret("cert", (shown.pem, shown.key_pem), namespace=NAMESPACE),
        {
            "apiVersion": api,
            "kind": "GatewayClass",
            "metadata": {"name": "store"},
            "spec": {"controllerName": "gateway.xdsserver.io/controller"},
        },
        {
            "apiVersion": api,
            "kind": "Gateway",
            "metadata": {"name": "edge", **own, **marks},
            "spec": {"gatewayClassName": "store", "listeners": listeners},
        },
        {
            "apiVersion": "rustfs.com/v1alpha1",
            "kind": "Tenant",
            "metadata": {"name": "store", **own},
            "spec": {"image": image, "credsSecret": {"name": "root"}, "pools": pools, "gateway": gateway},
        },
    ]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def store(cluster: Cluster, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Store]:
    async with _store(cluster, tmp_path_factory.mktemp("store")) as found:
        with names_are_at(found.address, HOST, CONSOLE):
            yield found


@asynccontextmanager
async def _store(cluster: Cluster, home: Path) -> AsyncIterator[Store]:
    image = await asyncio.to_thread(load_store)
    trusted = authority()
    shown = Certificate(curve_key(), hostnames=(HOST, f"*.{HOST}", CONSOLE), name="store", issuer=trusted)
    objects = home / "objects"
    await asyncio.to_thread(_folder_for_all, objects, home)
    await asyncio.to_thread((home / "authority.crt").write_bytes, trusted.pem)
    health = f"127.0.0.1:{free_port()}"
    found = Store(cluster, Endpoint(HOST, PORT, home / "authority.crt"), "", objects, health)
    await _apply(cluster, xdsserver("crds").out, "--server-side")
    await found.wait("condition=Established", "crd/tenants.rustfs.com", "crd/envoyfleets.gateway.xdsserver.io")
    await _apply(cluster, json.dumps({"apiVersion": "v1", "kind": "List", "items": world(image, objects, shown)}))
    async with AsyncExitStack() as stack:
        options = ("--addresses", ADDRESSES, "--envoy", "auto", "--runtime-dir", str(home / "run"), "--health", health)
        doors = ("--controllers", "gateway,tenant", "--xds", f"unix:{home}/xds.sock")
        await stack.enter_async_context(serving(cluster, *options, *doors))
        await found.wait("condition=Ready", "tenant/store")
        await found.wait("condition=Programmed", "gateway/edge")
        edge = await found.get("gateway/edge")
        yield Store(cluster, found.endpoint, edge["status"]["addresses"][0]["value"], objects, health)
        # In order: a Tenant that goes takes its pods along, while its volumes stay for whoever they belong to.
        await found.kubectl("delete", "tenant/store", "gateway/edge", "gatewayclass/store", "--wait")
    for gone in (("namespace", NAMESPACE), ("pv", *(f"store-{number}" for number in range(8)))):
        await found.kubectl("delete", *gone, "--wait=false")


def _folder_for_all(objects: Path, home: Path) -> None:
    """Make a folder that every user may write to, and enter: pods have users of their own."""
    objects.mkdir()
    objects.chmod(0o777)
    for above in (home, *home.parents):
        if above.owner() == Path.home().owner() and above != Path("/"):
            above.chmod(above.stat().st_mode | 0o011)


async def _apply(cluster: Cluster, documents: str, *options: str) -> None:
    done = await asyncio.to_thread(cluster.run, "apply", *options, "-f", "-", stdin=documents)
    assert done.returncode == 0, done.stderr


async def test_two_pools_become_ready_and_the_status_has_the_way_in(store: Store) -> None:
    """Real StatefulSets, claims that are bound, pods that are ready; and one field is all that the way in takes."""
    sets = (await store.get("statefulsets", "-l", "rustfs.tenant=store"))["items"]
    assert {one["metadata"]["name"]: one["status"]["readyReplicas"] for one in sets} == {
        "store-one": 2,
        "store-two": 2,
    }
    claims = (await store.get("pvc"))["items"]
    assert [one["status"]["phase"] for one in claims] == ["Bound"] * 8
    assert sorted(await store.pods()) == sorted(PODS)
    await store.wait("jsonpath={.status.gateway.conditions[?(@.type=='Programmed')].status}=True", "tenant/store")
    status = (await store.get("tenant/store"))["status"]
    assert status["currentState"] == "Ready"
    told = status["gateway"]
    assert (told["endpoint"], told["console"]) == (f"https://{HOST}:{PORT}", f"https://{CONSOLE}:{PORT}")
    console, _ = await answers(
        PORT, Ask("/", CONSOLE), lambda answer: answer.status == 200, ip=store.address, tls=Tls(CONSOLE)
    )
    assert console.text == "console"


async def test_one_process_for_gateways_and_tenants_tells_of_both(store: Store) -> None:
    async with aiohttp.ClientSession(f"http://{store.health}", raise_for_status=True) as session:
        async with session.get("/readyz") as answer:
            said = await answer.json()
        async with session.get("/metrics") as answer:
            metrics = await answer.text()
    assert (said["leader"], said["tenants"]["leader"], said["tenants"]["ready"]) == (True, True, True)
    assert said["tenants"]["kinds"]["Tenant"]["objects"] == 1
    assert 'xdsserver_tenants{state="Ready"} 1.0' in metrics
    assert "xdsserver_xds_streams{" in metrics


async def test_an_ordinary_client_works_through_envoy(store: Store, tmp_path: Path) -> None:
    """Path-style and virtual-hosted, keys of any text, metadata, presigned URLs, parts, `Expect: 100-continue`."""

    def use() -> None:
        store.endpoint.client().create_bucket(Bucket="bucket")
        for style in STYLES:
            for key in KEYS:
                use_key(store.endpoint, "bucket", style, key)
            use_presigned(store.endpoint, "bucket", style)
            use_parts(store.endpoint, "bucket", style, tmp_path)
        refused_before_its_body(store.endpoint, "bucket", bytes(MIB))

    # A Tenant is ready when its pods are; that Envoys have them is an update later, each listener by itself.
    for host in (HOST, f"bucket.{HOST}"):
        asked = Ask("/health", host)
        await answers(PORT, asked, lambda answer: answer.status == 200, ip=store.address, within_s=120, tls=Tls(host))
    await asyncio.to_thread(use)
    assert await store.served_by(40) == set(PODS)


async def test_t11_a_pod_that_is_not_ready_gets_no_requests_and_ends_a_rollout(store: Store) -> None:
    """T11: pod 0 unready: no further pods touched; Tenant Ready=False; the route keeps ready endpoints only."""
    before = await store.pods()
    mark = store.folder / "unready"
    await asyncio.to_thread(mark.write_text, PODS[0])
    await store.wait("condition=Ready=false", f"pod/{PODS[0]}")
    await store.wait("condition=Ready=false", "tenant/store")
    await store.served_by_none_of(PODS[0])
    assert await store.served_by(40) == set(PODS[1:])
    assert await store.pods() == before
    await asyncio.to_thread(mark.unlink)
    await store.wait("condition=Ready", "tenant/store")

    # And with a template whose pods never become ready: the first one that is replaced is the last.
    env = [{"name": "STAND_IN_NOT_READY", "value": "1"}]
    await store.kubectl("patch", "tenant/store", "--type=merge", "-p", json.dumps({"spec": {"env": env}}))
    async with asyncio.timeout(WITHIN_S):
        while (now := await store.pods()) == before or len(now) < len(PODS):  # noqa: ASYNC110 (another process)
            await asyncio.sleep(0.5)
    (replaced,) = {name for name, uid in now.items() if before[name] != uid}
    assert replaced == "store-one-1"
    await store.wait("condition=PodReadyToStartContainers", f"pod/{replaced}")
    await store.wait("condition=Ready=false", "tenant/store")
    await store.served_by_none_of(replaced)
    assert await store.served_by(40) == set(PODS) - {replaced}
    assert await store.pods() == now
    untouched = await store.get("statefulset/store-two")
    assert "STAND_IN_NOT_READY" not in json.dumps(untouched["spec"]["template"])
