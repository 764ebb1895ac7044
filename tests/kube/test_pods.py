"""Pods that are followed over HTTP."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

from tests.kube.scripted import Fixed, cuts, refuses, scripted
from xdsserver.kube.client import KubeClient
from xdsserver.kube.pods import Pods
from xdsserver.objects.meta import Name

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from tests.kube.scripted import Json, Reply, Request, Script, Scripted

LABEL = "app.kubernetes.io/name=xdsserver"
PATH = "/api/v1/namespaces/infra/pods"


def pod(name: str, version: int, ip: str = "10.0.0.1", **status: object) -> Json:
    ready = {"type": "Ready", "status": "True", "lastProbeTime": None}
    return {
        "metadata": {"name": name, "namespace": "infra", "uid": f"u-{name}", "resourceVersion": str(version)},
        "spec": {"containers": [{"name": "it"}]},
        "status": {"phase": "Running", "podIP": ip, "podIPs": [{"ip": ip}], "conditions": [ready]} | status,
    }


class Api:
    """One pod, and a watch that tells what it is handed."""

    def __init__(self) -> None:
        self.events: asyncio.Queue[tuple[str, Json]] = asyncio.Queue()
        self.fault: Script | None = None

    async def __call__(self, request: Request, reply: Reply) -> None:
        if self.fault is not None:
            await self.fault(request, reply)
        elif request.path == "/api/v1":
            await reply.json({"resources": [{"name": "pods", "kind": "Pod"}, {"name": "pods/status", "kind": "Pod"}]})
        elif request.watches:
            await reply.stream()
            while True:
                await reply.event(*await self.events.get())
        else:
            await reply.json({"metadata": {"resourceVersion": "5"}, "items": [pod("one", 5)]})


@asynccontextmanager
async def following(api: Api) -> AsyncIterator[tuple[Pods, asyncio.Queue[None], Scripted]]:
    changes: asyncio.Queue[None] = asyncio.Queue()
    async with scripted(api) as server, KubeClient(Fixed(server.access)) as client, asyncio.TaskGroup() as group:
        pods = Pods(client, LABEL, "infra", lambda: changes.put_nowait(None))
        running = group.create_task(pods.run())
        async with asyncio.timeout(20):
            yield pods, changes, server
        running.cancel()


async def test_they_are_listed_and_watched_by_label_in_one_namespace() -> None:
    api = Api()
    async with following(api) as (pods, changes, server):
        await pods.listed()
        await changes.get()
        (one,) = pods.known.values()
        assert (sorted(one.addresses), one.ready) == (["10.0.0.1"], True)
        api.events.put_nowait(("ADDED", pod("two", 6, "fd00::2", conditions=[{"type": "Ready", "status": "False"}])))
        await changes.get()
        two = pods.known[Name("infra", "two")]
        assert (sorted(two.addresses), two.ready) == (["fd00::2"], False)
        api.events.put_nowait(("MODIFIED", pod("one", 7, phase="Succeeded")))
        await changes.get()
        assert pods.known[Name("infra", "one")].addresses == frozenset()
        api.events.put_nowait(("DELETED", pod("one", 8)))
        await changes.get()
        assert [*pods.known] == [Name("infra", "two")]
        assert all(one.query["labelSelector"] == LABEL for one in server.asked_for(PATH))
        assert {one.path for one in server.asked} == {"/api/v1", PATH}


async def test_k4_what_is_known_stays_while_the_api_server_is_away() -> None:
    """K4: an API server that is away makes no pod unknown."""
    api = Api()
    async with following(api) as (pods, changes, server):
        await changes.get()
        api.fault = cuts
        before = len(server.asked)
        api.events.put_nowait(("ERROR", {"kind": "Status", "code": 500, "message": "no"}))
        while len(server.asked) == before:  # noqa: ASYNC110
            await asyncio.sleep(0.01)
        assert [*pods.known] == [Name("infra", "one")]
        assert changes.empty()


async def test_k7_pods_that_may_not_be_read_are_none_and_hold_nobody_up() -> None:
    """K7: without the permission no pod is known, and whoever waits for the list goes on."""
    api = Api()
    api.fault = refuses(403, "Forbidden", "pods is forbidden")
    async with following(api) as (pods, _changes, _server):
        await pods.listed()
        assert not pods.known
        assert "forbidden" in pods.problem
