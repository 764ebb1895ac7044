"""Statuses on a real API server: how many writes, and what they leave of what others wrote."""

from __future__ import annotations

import asyncio
import re
import sys
from collections import Counter
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import msgspec

from xdsserver.effects import Apply, Decided, Delete, Intended, StatusWrite
from xdsserver.effects.events import EventType, Happening, Recorder, Regarding
from xdsserver.effects.objects import owed_object
from xdsserver.kube.access import Kubeconfig
from xdsserver.kube.answers import Conflict, Done
from xdsserver.kube.client import Body, ContentType, KubeClient
from xdsserver.kube.executor import Executor, Surroundings
from xdsserver.kube.writes import Writes, observed
from xdsserver.objects.decode import decode_json
from xdsserver.objects.kinds import BY_NAME
from xdsserver.objects.meta import Name, ObjectKey
from xdsserver.reconciler import Reconciler

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Iterable

    from e2e.conftest import Cluster

GATEWAY_API = "/apis/gateway.networking.k8s.io/v1"
NAMESPACE = "statuses"
HERE = f"{GATEWAY_API}/namespaces/{NAMESPACE}"
GATEWAY = ObjectKey("Gateway", NAMESPACE, "edge")
WATCHED = {
    "GatewayClass": f"{GATEWAY_API}/gatewayclasses",
    "Gateway": f"{GATEWAY_API}/gateways",
    "HTTPRoute": f"{GATEWAY_API}/httproutes",
    "Namespace": "/api/v1/namespaces",
    "Service": "/api/v1/services",
    "EndpointSlice": "/apis/discovery.k8s.io/v1/endpointslices",
}
ROUTES = 1000


class _Raw(msgspec.Struct):
    type: str
    object: msgspec.Raw


class _List(msgspec.Struct):
    metadata: dict[str, Any]
    items: list[msgspec.Raw]


@dataclass
class Controller:
    """The pipeline and the executor on a cluster, with the plainest list and watch that there is."""

    client: KubeClient
    reconciler: Reconciler = field(default_factory=Reconciler)
    seen: dict[ObjectKey, str] = field(default_factory=dict)
    """The newest version that was taken in."""
    refusals: list[tuple[ObjectKey, str]] = field(default_factory=list)
    ended: int = 0
    """Watches that the server closed."""

    @property
    def put_off(self) -> int:
        """How many requests got no answer, or one that asks for patience."""
        return self.executor.counts["toomany"] + self.executor.counts["away"]

    def __post_init__(self) -> None:
        around = Surroundings(
            Writes(self.client),
            self.decided,
            lambda: True,
            lambda key, words, _wait_s: self.refusals.append((key, words)),
        )
        self.executor = Executor(around)

    def decided(self, key: ObjectKey) -> Decided | None:
        status = self.reconciler.pipeline.statuses.rows.get(key)
        row = self.reconciler.pipeline.row(key)
        return None if status is None or row is None else Decided(row.metadata.uid, status.document())

    def take(self, kind: str, events: Iterable[tuple[str, bytes]]) -> None:
        changes, keys = [], []
        for type_, raw in events:
            row = decode_json(BY_NAME[kind], raw)
            key = ObjectKey(kind, *row.name)
            keys.append(key)
            gone = type_ == "DELETED"
            changes.append((kind, Name(*row.name), None if gone else row))
            if gone:
                self.executor.gone(key, row.metadata.uid)
            else:
                self.executor.read(key, observed(raw))
                self.seen[key] = observed(raw).resource_version
        outcome = self.reconciler.objects(changes)
        self.executor.touch([*keys, *outcome.statuses])

    async def watch(self, kind: str) -> None:
        """List and watch, again where the server has closed the watch: it does so where it was not read fast enough."""
        while True:
            found = msgspec.json.decode(await self.client.get(WATCHED[kind]), type=_List)
            self.take(kind, (("ADDED", bytes(one)) for one in found.items))
            query: dict[str, str | int] = {"resourceVersion": found.metadata["resourceVersion"], "timeoutSeconds": 300}
            async with self.client.watch(WATCHED[kind], query) as batches:
                async for lines in batches:
                    events = [msgspec.json.decode(line, type=_Raw) for line in lines]
                    self.take(kind, ((one.type, bytes(one.object)) for one in events))
            self.ended += 1

    async def run(self) -> None:
        async with asyncio.TaskGroup() as tasks:
            for kind in WATCHED:
                tasks.create_task(self.watch(kind))
            await until(lambda: self.executor.book.reading(GATEWAY) is not None)
            tasks.create_task(self.executor.run())


def body(document: dict[str, Any], type_: ContentType = ContentType.JSON) -> Body:
    return Body(msgspec.json.encode(document), type_)


def merge(document: dict[str, Any]) -> Body:
    return body(document, ContentType.MERGE_PATCH)


async def until(true: Callable[[], object], seconds: float = 60.0) -> None:
    """Wait for something that no event tells of."""
    async with asyncio.timeout(seconds):
        while not true():  # noqa: ASYNC110
            await asyncio.sleep(0.05)


def route(name: str) -> dict[str, Any]:
    rule = {"matches": [{"path": {"value": f"/{name}"}}], "backendRefs": [{"name": "web", "port": 80}]}
    return {
        "apiVersion": "gateway.networking.k8s.io/v1",
        "kind": "HTTPRoute",
        "metadata": {"name": name, "namespace": NAMESPACE},
        "spec": {"parentRefs": [{"name": "edge"}], "rules": [rule]},
    }


def endpoint_slice(*, ready: bool) -> dict[str, Any]:
    return {
        "apiVersion": "discovery.k8s.io/v1",
        "kind": "EndpointSlice",
        "metadata": {"name": "web-1", "namespace": NAMESPACE, "labels": {"kubernetes.io/service-name": "web"}},
        "addressType": "IPv4",
        "ports": [{"port": 8080, "protocol": "TCP"}],
        "endpoints": [{"addresses": ["10.1.2.3"], "conditions": {"ready": ready}}],
    }


WRITTEN = ("httproutes", "gateways")
"""The kinds whose writes are counted."""


async def status_writes(client: KubeClient) -> Counter[tuple[str, str]]:
    """Ask the API server how many writes of statuses there were since its start, by kind and by what it answered."""
    found: Counter[tuple[str, str]] = Counter()
    for line in (await client.get("/metrics", accept="text/plain")).decode().splitlines():
        if line.startswith("apiserver_request_total{"):
            labels = dict(re.findall(r'(\w+)="([^"]*)"', line))
            status = labels["subresource"] == "status" and labels["verb"] in {"PATCH", "PUT", "APPLY"}
            if status and labels["resource"] in WRITTEN:
                found[labels["resource"], labels["code"]] += int(float(line.rsplit(" ", 1)[1]))
    return found


async def taken_since(client: KubeClient, before: Counter[tuple[str, str]], put_off: float) -> dict[str, int]:
    """Give how many writes were taken, by kind.

    None was refused: there were conflicts, and what a busy server could not take just then (429, 5xx). Of these the
    writer knows, since it tried them again: `put_off` is how often it did.
    """
    since = await status_writes(client) - before
    others = {key: count for key, count in since.items() if key[1] not in {"200", "409"}}
    assert all(code == "429" or code.startswith("5") for _, code in others), since
    assert sum(others.values()) <= put_off, since
    return {kind: since[kind, "200"] for kind in WRITTEN}


@asynccontextmanager
async def controller(cluster: Cluster) -> AsyncIterator[Controller]:
    """Run a controller with a class, a Gateway and a Service in a namespace of its own, which is deleted after."""
    async with KubeClient(Kubeconfig(str(cluster.kubeconfig))) as client:
        one = Controller(client)
        await client.post("/api/v1/namespaces", body({"metadata": {"name": NAMESPACE}}))
        class_ = {
            "apiVersion": "gateway.networking.k8s.io/v1",
            "kind": "GatewayClass",
            "metadata": {"name": NAMESPACE},
            "spec": {"controllerName": "gateway.xdsserver.io/controller"},
        }
        await client.post(f"{GATEWAY_API}/gatewayclasses", body(class_))
        gateway = {
            "apiVersion": "gateway.networking.k8s.io/v1",
            "kind": "Gateway",
            "metadata": {"name": "edge", "namespace": NAMESPACE},
            "spec": {
                "gatewayClassName": NAMESPACE,
                "listeners": [{"name": "http", "port": 80, "protocol": "HTTP"}],
            },
        }
        await client.post(f"{HERE}/gateways", body(gateway))
        service = {"metadata": {"name": "web"}, "spec": {"ports": [{"port": 80, "targetPort": 8080}]}}
        await client.post(f"/api/v1/namespaces/{NAMESPACE}/services", body(service))
        slices = f"/apis/discovery.k8s.io/v1/namespaces/{NAMESPACE}/endpointslices"
        await client.post(slices, body(endpoint_slice(ready=True)))
        running = asyncio.create_task(one.run())
        try:
            await until(lambda: attached(one) == 0)
            yield one
        finally:
            running.cancel()
            with suppress(asyncio.CancelledError):
                await running
            await client.delete(f"{GATEWAY_API}/gatewayclasses/{NAMESPACE}")
            await client.delete(f"/api/v1/namespaces/{NAMESPACE}")
            await gone(client)


async def gone(client: KubeClient) -> None:
    """Wait until the namespace and all in it are deleted."""
    async with asyncio.timeout(240):
        while NAMESPACE in [one["metadata"]["name"] for one in await items(client, "/api/v1/namespaces")]:  # noqa: ASYNC110
            await asyncio.sleep(0.5)


async def items(client: KubeClient, path: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = msgspec.json.decode(await client.get(path))["items"]
    return found


def attached(one: Controller) -> int | None:
    """Say how many routes the status of the Gateway counts, as it was read last; None where it has no status yet."""
    reading = one.executor.book.reading(GATEWAY)
    listeners = reading.document().get("listeners") if reading is not None else None
    return None if not listeners else listeners[0]["attachedRoutes"]


def accepted(status: dict[str, Any]) -> dict[str, Any]:
    """Give the condition Accepted of our entry."""
    (ours,) = (entry for entry in status["parents"] if entry["controllerName"] == "gateway.xdsserver.io/controller")
    found: dict[str, Any] = next(one for one in ours["conditions"] if one["type"] == "Accepted")
    return found


async def test_k15_a_thousand_routes_at_once_and_endpoints_that_flap(cluster: Cluster) -> None:
    """K15: as many writes as routes, a few of the Gateway; a thousand flaps of endpoints write nothing."""
    async with controller(cluster) as one:
        client = one.client
        before = await status_writes(client)
        slots = asyncio.Semaphore(32)

        async def create(name: str) -> None:
            async with slots:
                await client.post(f"{HERE}/httproutes", body(route(name)))

        begun = asyncio.get_running_loop().time()
        await asyncio.gather(*(create(f"r{number}") for number in range(ROUTES)))
        created_s = asyncio.get_running_loop().time() - begun
        with suppress(TimeoutError):
            await until(lambda: attached(one) == ROUTES and one.executor.idle)
        assert (attached(one), one.executor.idle) == (ROUTES, True), (one.executor.counts, one.refusals, one.ended)
        settled_s = asyncio.get_running_loop().time() - begun

        routes = await items(client, f"{HERE}/httproutes?limit={ROUTES}")
        assert [accepted(found["status"])["status"] for found in routes] == ["True"] * ROUTES
        writes = await taken_since(client, before, one.put_off)
        sys.stdout.write(f"\n{ROUTES} routes created in {created_s:.1f} s, settled in {settled_s:.1f} s: {writes}\n")
        assert writes["httproutes"] == ROUTES
        assert 1 <= writes["gateways"] <= 20
        assert one.refusals == []

        slice_path = f"/apis/discovery.k8s.io/v1/namespaces/{NAMESPACE}/endpointslices/web-1"
        last = b""
        for number in range(ROUTES):
            last = await client.patch(slice_path, merge(endpoint_slice(ready=number % 2 == 1)))
        key = ObjectKey("EndpointSlice", NAMESPACE, "web-1")
        await until(lambda: one.seen[key] == observed(last).resource_version and one.executor.idle)
        assert await taken_since(client, before, one.put_off) == writes


async def test_k14_k17_a_rival_and_we_on_one_route(cluster: Cluster) -> None:
    """K14: a rival that writes its entry every 10 ms and ours both survive. K17: the generation is the decision's."""
    async with controller(cluster) as one:
        client, path = one.client, f"{HERE}/httproutes/shared"
        await client.post(f"{HERE}/httproutes", body(route("shared")))
        rival_writes = 0
        stop = asyncio.Event()

        async def rival() -> None:
            nonlocal rival_writes
            api = Writes(client)
            while not stop.is_set():
                raw = await client.get(path)
                found = msgspec.json.decode(raw)
                entries = found.get("status", {}).get("parents", [])
                others = [entry for entry in entries if entry["controllerName"] != "example.com/rival"]
                condition = {
                    "type": "Accepted",
                    "status": "True",
                    "reason": "Rival",
                    "message": f"write {rival_writes}",
                    "lastTransitionTime": "2020-01-01T00:00:00Z",
                }
                entry = {"parentRef": {"name": "edge"}, "controllerName": "example.com/rival"}
                seen = observed(raw)
                fields = {"parents": [*others, entry | {"conditions": [condition]}]}
                answer = await api.write(
                    ObjectKey("HTTPRoute", NAMESPACE, "shared"), StatusWrite(seen.uid, seen.resource_version, fields)
                )
                rival_writes += not isinstance(answer, Conflict)
                await asyncio.sleep(0.01)

        writing = asyncio.create_task(rival())
        generation = 1
        for number in range(20):
            rule = route("shared")["spec"]["rules"][0] | {"matches": [{"path": {"value": f"/step-{number}"}}]}
            changed = await client.patch(path, merge({"spec": {"rules": [rule]}}))
            generation = observed(changed).generation
            await asyncio.sleep(0.1)
        stop.set()
        await writing
        await until(lambda: one.executor.idle)

        status = msgspec.json.decode(await client.get(path))["status"]
        assert accepted(status)["observedGeneration"] == generation == 21
        assert [
            entry["conditions"][0]["message"] for entry in status["parents"] if "rival" in entry["controllerName"]
        ] == [f"write {rival_writes - 1}"]


async def test_k13_the_api_server_refuses_a_status_for_the_object_that_was_there_before(cluster: Cluster) -> None:
    """K13: after delete and create under one name, the write that was meant for the old object is a conflict."""
    async with controller(cluster) as one:
        client, path = one.client, f"{HERE}/httproutes/again"
        old = observed(await client.post(f"{HERE}/httproutes", body(route("again"))))
        await client.delete(path)
        new = observed(await client.post(f"{HERE}/httproutes", body(route("again"))))
        assert old.uid != new.uid
        api = Writes(client)
        key = ObjectKey("HTTPRoute", NAMESPACE, "again")

        assert await api.write(key, StatusWrite(old.uid, old.resource_version, {"parents": []})) == Conflict()
        await until(lambda: (reading := one.executor.book.reading(key)) is not None and b"parents" in reading.status)
        reading = one.executor.book.reading(key)
        assert reading is not None
        assert reading.uid == new.uid
        assert accepted(reading.document())["observedGeneration"] == 1


async def test_conditions_of_others_stay_and_nothing_is_written_twice(cluster: Cluster) -> None:
    async with controller(cluster) as one:
        client, path = one.client, f"{HERE}/gateways/edge"
        await until(lambda: one.executor.idle)
        stale = {
            "type": "conformance.gateway.networking.k8s.io/StaleCondition",
            "status": "True",
            "reason": "Stale",
            "message": "left by somebody",
            "observedGeneration": 1,
            "lastTransitionTime": "2020-01-01T00:00:00Z",
        }
        while True:
            status = msgspec.json.decode(await client.get(path))["status"]
            status["conditions"].append(stale)
            status["listeners"][0]["conditions"].append(stale)
            with suppress(Exception):
                await client.patch(f"{path}/status", merge({"status": status}))
                break
        listener = {"name": "http", "port": 8080, "protocol": "HTTP"}
        await client.patch(path, merge({"spec": {"listeners": [listener]}}))

        def caught_up() -> bool:
            reading = one.executor.book.reading(GATEWAY)
            document = reading.document() if reading is not None else {}
            return any(found.get("observedGeneration") == 2 for found in document["conditions"])

        await until(caught_up)
        status = msgspec.json.decode(await client.get(path))["status"]
        assert stale in status["conditions"]
        assert stale in status["listeners"][0]["conditions"]
        ours = [found for found in status["conditions"] if found != stale]
        assert {found["observedGeneration"] for found in ours} == {2}

        await until(lambda: one.executor.idle)
        before = await status_writes(client)
        one.executor.touch([GATEWAY])
        await asyncio.sleep(1.0)
        assert await status_writes(client) == before


async def test_events_are_created_and_counted(cluster: Cluster) -> None:
    async with KubeClient(Kubeconfig(str(cluster.kubeconfig))) as client:
        regarding = Regarding(ObjectKey("GatewayClass", "", "nobody"), "gateway.networking.k8s.io/v1", "no-uid")
        recorder = Recorder("pod-1")
        happening = Happening(regarding, EventType.WARNING, "StatusRefused", "ü" * 2000)
        for second in (0.0, 1.0, 70.0):
            recorder.happened(happening, datetime.now(UTC), second)
            for write in recorder.due(second):
                path = f"/apis/events.k8s.io/v1/namespaces/{write.namespace}/events"
                if write.create:
                    await client.post(path, body(write.body))
                else:
                    await client.patch(f"{path}/{write.name}", merge(write.body))

        found = await items(client, "/apis/events.k8s.io/v1/namespaces/default/events")
        (event,) = (one for one in found if one["regarding"]["name"] == "nobody")
        assert event["series"]["count"] == 3
        assert event["reason"] == "StatusRefused"
        await client.delete(f"/apis/events.k8s.io/v1/namespaces/default/events/{event['metadata']['name']}")


async def test_objects_of_ours_are_applied_and_what_others_add_stays(cluster: Cluster) -> None:
    async with KubeClient(Kubeconfig(str(cluster.kubeconfig))) as client:
        api, key = Writes(client), ObjectKey("ConfigMap", "default", "ours")
        path = "/api/v1/namespaces/default/configmaps/ours"

        def intended(**data: str) -> Intended:
            metadata = {"name": "ours", "namespace": "default"}
            return Intended({"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata, "data": data})

        first = owed_object(intended(a="1", b="1"), None)
        assert isinstance(first, Apply)
        made = await api.write(key, first)
        assert isinstance(made, Done)
        assert owed_object(intended(a="1", b="1"), made.observed) is None
        there = observed(await client.patch(path, merge({"metadata": {"labels": {"theirs": "x"}}, "data": {"c": "9"}})))

        second = owed_object(intended(a="2"), there)
        assert isinstance(second, Apply)
        changed = await api.write(key, second)
        assert isinstance(changed, Done)
        stored = msgspec.json.decode(await client.get(path))
        assert stored["data"] == {"a": "2", "c": "9"}
        assert stored["metadata"]["labels"] == {"theirs": "x"}

        # K13 for objects of ours: what was meant for the old one is refused by the new one.
        await client.delete(path)
        again = await api.write(key, first)
        assert isinstance(again, Done)
        assert await api.write(key, second) == Conflict()
        assert await api.write(key, Delete(there.uid)) == Conflict()
        assert isinstance(await api.write(key, Delete(again.observed.uid)), Done)
