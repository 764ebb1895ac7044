"""All kinds of a cluster over HTTP: what is told together, what is told once, and what blocks nobody."""

from __future__ import annotations

import asyncio
import gc
import json
import time
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import pytest

from tests.kube.cluster import ROUTES, Cluster, event, gone, route
from tests.kube.scripted import Fixed, cuts, refuses, scripted
from xdsserver.effects.objects import INTENT
from xdsserver.effects.status import Observed
from xdsserver.infrastructure.observed import node_addresses_in_status
from xdsserver.kube.client import KubeClient, Limits
from xdsserver.kube.errors import Gone
from xdsserver.kube.following import ListPage, Standing
from xdsserver.kube.reflector import Timing
from xdsserver.kube.source import NODES, PROBE_S, ClusterSource, everything, ours
from xdsserver.objects.kinds import KINDS, OWNED
from xdsserver.objects.meta import Name, ObjectKey

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Sequence

    from tests.kube.scripted import Reply, Request, Script, Scripted
    from xdsserver.kube.following import Followed
    from xdsserver.kube.source import Batch, KindState

PATIENCE_S = 60
METADATA = {False: "PartialObjectMetadataList", True: "PartialObjectMetadata"}
"""What an API server wants to be asked for lists and for watches of metadata; it refuses the other one."""
CRDS = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"


@dataclass
class Api:
    """An API server with all our kinds, of which HTTPRoutes are those of a `Cluster`, and the others have none."""

    routes: Cluster = field(default_factory=Cluster)
    absent: set[str] = field(default_factory=set)
    scripts: dict[str, Script] = field(default_factory=dict)
    """By path, before anything else."""
    crd_events: asyncio.Queue[bytes] = field(default_factory=asyncio.Queue)

    async def __call__(self, request: Request, reply: Reply) -> None:
        script = self.scripts.get(request.path)
        if script is not None:
            await script(request, reply)
        elif request.path == "/readyz":
            await reply.json({})
        elif request.path.rsplit("/", 1)[-1].startswith("v1") or request.path == "/api/v1":
            await self._resources(request.path, reply)
        elif request.path == ROUTES:
            await self._routes(request, reply)
        elif request.path == CRDS and f"as={METADATA[request.watches]};" not in request.headers["accept"]:
            await reply.error(406, "NotAcceptable", "only the following media types are accepted")
        elif request.watches:
            await reply.stream()
            if request.path == CRDS:
                while True:
                    await reply.line(await self.crd_events.get())
            await reply.hang()
        else:
            await reply.json({"metadata": {"resourceVersion": "7"}, "items": []})

    async def _resources(self, path: str, reply: Reply) -> None:
        parts = path.split("/")
        group = "" if parts[1] == "api" else parts[2]
        found = [{"name": one.plural, "kind": one.name} for one in (*KINDS, *OWNED, NODES.kind) if one.group == group]
        if group == "apiextensions.k8s.io":
            found = [{"name": "customresourcedefinitions", "kind": "CustomResourceDefinition"}]
        found = [one for one in found if one["kind"] not in self.absent]
        if found:
            await reply.json({"resources": found})
        else:
            await reply.error(404, "NotFound", "no such group")

    async def _routes(self, request: Request, reply: Reply) -> None:
        if not request.watches:
            await reply.content(self.routes.page(ListPage(request.path, dict(request.query))))
            return
        at = int(request.query["resourceVersion"])
        try:
            self.routes.require(at)
        except Gone as error:
            await reply.error(410, "Expired", str(error))
            return
        await reply.stream()
        while True:
            for line in self.routes.after(at):
                await reply.line(line)
            at = self.routes.version
            await asyncio.sleep(0.01)


@dataclass
class Watched:
    """A source that runs, and what it told."""

    api: Api
    server: Scripted
    source: ClusterSource
    told: list[KindState]
    there: set[str] = field(default_factory=set)

    async def batch(self) -> Batch:
        batch = await asyncio.wait_for(self.source.batch(), PATIENCE_S)
        for change in batch.changes:
            if change.object is None:
                self.there.remove(change.name.name)
            else:
                self.there.add(change.name.name)
        return batch

    async def until(self, condition: Callable[[], bool]) -> None:
        """Let things happen until the condition holds."""
        async with asyncio.timeout(PATIENCE_S):
            while not condition():  # noqa: ASYNC110  (of several things, none of which tells)
                await asyncio.sleep(0.005)

    def of(self, kind: str) -> KindState:
        return next(one for one in self.source.states() if one.kind == kind)


@asynccontextmanager
async def watched(
    api: Api,
    timing: Timing | None = None,
    limits: Limits | None = None,
    followed: Sequence[Followed] | None = None,
) -> AsyncIterator[Watched]:
    told: list[KindState] = []
    async with scripted(api) as server, KubeClient(Fixed(server.access), limits) as client:
        source = ClusterSource(client, followed, told.append, timing or Timing(draw=lambda: 0.0))
        async with source.running():
            yield Watched(api, server, source, told)


async def test_nothing_is_told_before_all_kinds_have_listed() -> None:
    api = Api()
    for name in ("a", "b"):
        api.routes.write(name)
    going = asyncio.Event()

    async def slow(request: Request, reply: Reply) -> None:
        if not request.watches:
            await going.wait()
        del api.scripts["/api/v1/services"]
        await api(request, reply)

    api.scripts["/api/v1/services"] = slow
    async with watched(api) as cluster:
        waiting = asyncio.create_task(cluster.batch())
        await cluster.until(
            lambda: sum(one.standing is Standing.SYNCED for one in cluster.source.states()) == len(KINDS) - 1
        )
        assert not waiting.done()
        going.set()
        batch = await waiting
        assert {change.name for change in batch.changes} == {Name("shop", "a"), Name("shop", "b")}
        assert {reading.key for reading in batch.readings} == {
            ObjectKey("HTTPRoute", "shop", "a"),
            ObjectKey("HTTPRoute", "shop", "b"),
        }
        api.routes.write("c")
        assert [change.name.name for change in (await cluster.batch()).changes] == ["c"]
    # Each kind is told once, and nothing that is only a step on its way.
    assert sorted(one.kind for one in cluster.told) == sorted(
        ["CustomResourceDefinition", *(kind.name for kind in KINDS)]
    )


async def test_k2_410_over_http_in_both_forms() -> None:
    """K2: 410 as an event of a watch and as a status over a real connection: what was deleted in the gap goes, and
    others are no change."""
    api = Api()
    for name in ("a", "b"):
        api.routes.write(name)
    async with watched(api) as cluster:
        await cluster.batch()

        async def expired(request: Request, reply: Reply) -> None:
            del api.scripts[ROUTES]
            if request.watches:
                await reply.stream()
                await reply.line(gone())
                await reply.end()

        for name, first in (("a", expired), ("b", refuses(410, "Expired"))):
            api.scripts[ROUTES] = first
            api.routes.delete(name)
            api.routes.compact()
            batch = await cluster.batch()
            assert [(change.name.name, change.object) for change in batch.changes] == [(name, None)]
            api.scripts.pop(ROUTES, None)


async def test_k4_that_the_api_server_is_back_is_noticed_by_asking_it() -> None:
    """K4: nobody sits out a long pause: once the API server says that it is ready, all kinds try at once."""
    api = Api()
    api.routes.write("a")

    async def sleep(pause_s: float) -> None:
        """Pauses between attempts never end; the question whether it is ready is asked at once."""
        if pause_s == PROBE_S:
            await asyncio.sleep(0.01)
        elif pause_s > 1.0:
            await asyncio.Event().wait()

    timing = Timing(sleep=sleep, draw=lambda: 0.0)
    async with watched(api, timing, Limits(idle_s=0.3)) as cluster:
        await cluster.batch()
        cluster.server.script = cuts
        await cluster.until(lambda: all(one.standing is Standing.STALE for one in cluster.source.states()))
        await cluster.until(lambda: len(cluster.server.asked_for("/readyz")) >= 2)
        asked = len(cluster.server.asked)
        api.routes.write("b")
        cluster.server.script = api
        await cluster.until(lambda: cluster.of("HTTPRoute").standing is Standing.SYNCED)
        assert [change.name.name for change in (await cluster.batch()).changes] == ["b"]
        assert len(cluster.server.asked) > asked
        # It was there all the time: nobody was told to forget anything.
        assert cluster.there == {"a", "b"}


async def test_k5_a_watch_over_a_dead_connection_is_opened_again() -> None:
    """K5: a watch in which nothing is said, not even a bookmark: opened again from where it was, without a list."""
    api = Api()
    api.routes.write("a")
    async with watched(api, limits=Limits(idle_s=0.4)) as cluster:
        await cluster.batch()
        await cluster.until(lambda: len(cluster.server.asked_for("/api/v1/services", watches=True)) >= 2)
        first, second, *_ = cluster.server.asked_for("/api/v1/services", watches=True)
        assert first.query["resourceVersion"] == second.query["resourceVersion"] == "7"
        assert len(cluster.server.asked_for("/api/v1/services", watches=False)) == 1


async def test_k7_k8_what_is_forbidden_or_absent_is_told_once_and_costs_nobody_else() -> None:
    """K7, K8: a kind without rights (an optional one) and kinds without CRD are told once, however often they are
    asked for; all others go on."""
    api = Api(absent={"TCPRoute", "UDPRoute"})
    api.scripts["/apis/gateway.networking.x-k8s.io/v1alpha1/xbackends"] = refuses(403, "Forbidden", "no")
    now_s = 0.0

    async def sleep(pause_s: float) -> None:
        nonlocal now_s
        now_s += pause_s
        await asyncio.sleep(0.005)

    async with watched(api, Timing(lambda: now_s, sleep, lambda: 0.5)) as cluster:
        api.routes.write("a")
        await cluster.batch()
        looked = "/apis/gateway.networking.k8s.io/v1alpha2"
        await cluster.until(lambda: len(cluster.server.asked_for(looked)) >= 10)
        api.routes.write("b")
        await cluster.until(lambda: cluster.of("HTTPRoute").objects == 2)
        told = [(one.kind, one.standing) for one in cluster.told if one.standing is not Standing.SYNCED]
        assert sorted(told, key=str) == [
            ("TCPRoute", Standing.ABSENT),
            ("UDPRoute", Standing.ABSENT),
            ("XBackend", Standing.FORBIDDEN),
        ]
        assert "403" in cluster.of("XBackend").words


async def test_k8_a_crd_that_is_installed_later_is_picked_up_by_the_watch_of_crds() -> None:
    """K8: a kind whose CRD appears is listed soon after, not at the next minute; only metadata of CRDs is asked for,
    not their schemas, and told: it says which release is installed."""
    api = Api(absent={"HTTPRoute"})
    api.routes.write("a")
    async with watched(api) as cluster:
        assert (await cluster.batch()).changes == ()
        api.absent.clear()
        name, told = "httproutes.gateway.networking.k8s.io", {"gateway.networking.k8s.io/bundle-version": "v1.7.0"}
        await api.crd_events.put(
            event("ADDED", {"metadata": {"name": name, "resourceVersion": "9", "annotations": told}})
        )
        (definition,) = (await cluster.batch()).changes
        assert (definition.kind, definition.name.name) == ("CustomResourceDefinition", name)
        assert definition.object is not None
        assert definition.object.metadata.annotations == told
        assert [change.name.name for change in (await cluster.batch()).changes] == ["a"]
        assert all("PartialObjectMetadata" in one.headers["accept"] for one in cluster.server.asked_for(CRDS))


async def test_why_a_start_waits_is_told_once() -> None:
    api = Api(scripts={"/api/v1/services": refuses(500, "", "the store is away")})
    async with watched(api, Timing(sleep=lambda _: asyncio.sleep(0.01), draw=lambda: 0.0)) as cluster:
        await cluster.until(lambda: len(cluster.told) == len(KINDS) + 1)
        (waits,) = [one for one in cluster.told if one.kind == "Service"]
        assert waits.standing is Standing.WAITING
        assert "the store is away" in waits.words


async def test_k11_an_event_beyond_the_limit_comes_by_a_list() -> None:
    """K11: an object whose event is longer than a line may be: it comes by a list, and no other kind is disturbed."""
    api = Api()
    async with watched(api, limits=Limits(line_bytes=20_000)) as cluster:
        await cluster.batch()
        api.routes.write("big", hostname="x" * 100_000)
        assert [change.name.name for change in (await cluster.batch()).changes] == ["big"]
        assert len(cluster.server.asked_for(ROUTES, watches=False)) == 2
        assert len(cluster.server.asked_for("/api/v1/services", watches=False)) == 1


async def test_objects_that_cannot_be_decoded_are_named_with_every_batch() -> None:
    api = Api()
    api.routes.write("good")
    broken = route("bad", 90)
    broken["spec"] = 7
    api.routes.objects["bad"] = broken
    async with watched(api) as cluster:
        batch = await cluster.batch()
        assert [change.name.name for change in batch.changes] == ["good"]
        assert batch.problems.keys() == {ObjectKey("HTTPRoute", "shop", "bad")}
        api.routes.write("bad")
        assert not (await cluster.batch()).problems


LONG = 5000
RULES = {
    "HTTPRoute": [{"matches": [{"path": {"value": "/a"}}], "backendRefs": [{"name": "b", "port": 80}] * 3}] * 4,
    "GRPCRoute": [{"matches": [{"method": {"service": "a"}}], "backendRefs": [{"name": "b", "port": 80}] * 3}] * 4,
}
LISTED = tuple(
    one for one in everything() if one.kind.name.endswith("Route") or one.kind.group in {"", "discovery.k8s.io"}
)[:10]


def long_page(kind: str, start: int) -> bytes:
    """Build a page of 500 objects of some 2 KB."""
    rules = RULES.get(kind, [{"backendRefs": [{"name": "b", "port": 80}] * 16}])
    items = [{**route(f"r{number:05}", number + 1), "addressType": "IPv4"} for number in range(start, start + 500)]
    for item in items:
        item["spec"] = {"hostnames": ["a.example.com"], "rules": rules} if kind.endswith("Route") else {}
    metadata = {"resourceVersion": "9000"} | ({"continue": str(start + 500)} if start + 500 < LONG else {})
    return json.dumps({"metadata": metadata, "items": items}).encode()


class Turns:
    """How much of the processor each turn of the loop takes; the machine has others to serve, who do not count."""

    def __init__(self) -> None:
        self.took_s: list[float] = []
        self.going = True
        self._loop = asyncio.get_running_loop()
        self._before_s = time.thread_time()
        self._loop.call_soon(self._turn)

    def _turn(self) -> None:
        now_s = time.thread_time()
        self.took_s.append(now_s - self._before_s)
        self._before_s = now_s
        if self.going:
            self._loop.call_soon(self._turn)


@pytest.mark.alone
async def test_k10_long_lists_block_nobody() -> None:
    """K10: ten kinds of 5,000 objects each, in pages of 500: no turn of the loop takes over 50 ms, and pages are
    decoded in several turns."""
    bodies = {
        (one.kind.plural, str(start)): long_page(one.kind.name, start)
        for one in LISTED
        for start in range(0, LONG, 500)
    }

    async def pages(request: Request, reply: Reply) -> None:
        if request.watches:
            await reply.stream()
            await reply.hang()
        await reply.content(bodies[request.path.rsplit("/", 1)[-1], request.query.get("continue", "0")])

    api = Api()
    for one in LISTED:
        root = f"/apis/{one.kind.group}" if one.kind.group else "/api"
        api.scripts[f"{root}/{one.kind.versions[0]}/{one.kind.plural}"] = pages
    # What the tests before have left must not be looked through meanwhile; a process that serves freezes too.
    gc.collect()
    gc.freeze()
    try:
        async with watched(api, followed=LISTED) as cluster:
            turns = Turns()
            batch = await cluster.batch()
            turns.going = False
    finally:
        gc.unfreeze()
    assert len(LISTED) == 10
    assert len(batch.changes) == 10 * LONG
    assert not batch.problems
    figures = f"{len(turns.took_s)} turns, {sum(turns.took_s):.2f} s, the longest {max(turns.took_s) * 1000:.1f} ms"
    print(figures)  # noqa: T201  (for whoever asks with -s)
    assert max(turns.took_s) < 0.05
    assert all(len(cluster.server.asked_for(path, watches=False)) == 10 for path in api.scripts)


async def test_a_bug_ends_the_source_and_is_not_waited_for() -> None:
    def heard(state: KindState) -> None:
        message = f"a bug at {state.kind}"
        raise RuntimeError(message)

    async with scripted(Api()) as server, KubeClient(Fixed(server.access)) as client:
        source = ClusterSource(client, tell=heard)
        with pytest.raises(ExceptionGroup, match="unhandled errors"):
            await _first(source)


async def _first(source: ClusterSource) -> Batch:
    async with source.running():
        return await asyncio.wait_for(source.batch(), PATIENCE_S)


async def test_what_was_intended_is_read_with_an_object_whose_text_is_not() -> None:
    """Of what runs Envoys nothing is of use but whether it is as intended; and it is asked for by our label alone."""
    path = "/apis/apps/v1/deployments"
    asked: list[Request] = []

    async def deployments(request: Request, reply: Reply) -> None:
        asked.append(request)
        if request.watches:
            await reply.stream()
            await reply.hang()
        metadata = {"name": "edge", "namespace": "a", "uid": "u", "resourceVersion": "7", "annotations": {INTENT: "i"}}
        await reply.json({"metadata": {"resourceVersion": "9"}, "items": [{"metadata": metadata}]})

    api = Api()
    api.scripts[path] = deployments
    (followed,) = (one for one in ours() if one.kind.name == "Deployment")
    async with watched(api, followed=(followed,)) as cluster:
        batch = await cluster.batch()
        assert batch.readings == ((ObjectKey("Deployment", "a", "edge"), Observed("u", "7", 0, b"", "i")),)
    assert all(one.query["labelSelector"] == "app.kubernetes.io/managed-by=xdsserver" for one in asked)
    assert "as=PartialObjectMetadataList;" in asked[0].headers["accept"]


async def test_of_nodes_the_statuses_are_read_where_their_addresses_are() -> None:
    """What leaves out all but metadata would leave them out too; the script does as the API server does."""
    status = {"addresses": [{"type": "InternalIP", "address": "192.0.2.5"}]}

    async def nodes(request: Request, reply: Reply) -> None:
        if request.watches:
            await reply.stream()
            await reply.hang()
        whole = {"metadata": {"name": "node-1", "uid": "u", "resourceVersion": "7"}, "status": status}
        partial = "PartialObjectMetadata" in request.headers["accept"]
        item = {"metadata": whole["metadata"]} if partial else whole
        await reply.json({"metadata": {"resourceVersion": "9"}, "items": [item]})

    api = Api()
    api.scripts["/api/v1/nodes"] = nodes
    async with watched(api, followed=(NODES,)) as cluster:
        ((key, observed),) = (await cluster.batch()).readings
        assert observed is not None
        assert (key.name, node_addresses_in_status(observed.status)) == ("node-1", ("192.0.2.5",))
