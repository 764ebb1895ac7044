"""Namespaces that are named: each kind followed in each of them, and nothing asked for beyond what the roles allow."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from tests.kube.cluster import event, route
from tests.kube.test_source import Api, watched
from xdsserver.kube.following import EAGER_S, Standing
from xdsserver.kube.reflector import Timing
from xdsserver.kube.source import everything
from xdsserver.objects.kinds import KINDS
from xdsserver.objects.meta import Name

if TYPE_CHECKING:
    from tests.kube.scripted import Reply, Request

NAMESPACES = "/api/v1/namespaces"
CLUSTER_WIDE = {kind.name for kind in KINDS if not kind.namespaced} - {"Namespace"}


@dataclass
class Named(Api):
    """An API server whose roles allow to read what is in some namespaces, and these alone of all Namespaces."""

    exist: set[str] = field(default_factory=set)
    granted: set[str] = field(default_factory=set)
    came: asyncio.Queue[str] = field(default_factory=asyncio.Queue)
    """Namespaces that are made later."""

    async def __call__(self, request: Request, reply: Reply) -> None:
        namespace = (
            request.path.partition(f"{NAMESPACES}/")[2].partition("/")[0]
            or (request.path.partition("/namespaces/")[2].partition("/")[0])
        )
        if request.path == NAMESPACES:
            await self._namespaces(request, reply)
        elif namespace and namespace not in self.granted:
            await reply.error(403, "Forbidden", "no role")
        elif namespace and request.path.endswith("/httproutes") and not request.watches:
            item = route(f"of-{namespace}", 8)
            item["metadata"]["namespace"] = namespace
            await reply.json({"metadata": {"resourceVersion": "8"}, "items": [item]})
        elif not namespace and request.path.rpartition("/")[2] in {"httproutes", "secrets", "services"}:
            await reply.error(403, "Forbidden", "in all namespaces: no")
        else:
            await super().__call__(request, reply)

    async def _namespaces(self, request: Request, reply: Reply) -> None:
        name = request.query.get("fieldSelector", "").removeprefix("metadata.name=")
        if not name:
            await reply.error(403, "Forbidden", "all of them: no")
        elif not request.watches:
            items = [_namespace(name, 7)] if name in self.exist else []
            await reply.json({"metadata": {"resourceVersion": "7"}, "items": items})
        else:
            await reply.stream()
            while (made := await self.came.get()) != name:
                await self.came.put(made)
                await asyncio.sleep(0.01)
            self.exist.add(name)
            await reply.line(event("ADDED", _namespace(name, 9)))
            await reply.hang()


def _namespace(name: str, version: int) -> dict[str, Any]:
    return {"metadata": {"name": name, "uid": f"uid-{name}", "resourceVersion": str(version), "labels": {"a": "b"}}}


async def test_s11_each_kind_is_asked_for_in_each_named_namespace_and_nowhere_else() -> None:
    """S11: where Roles of some namespaces are all that there is, nothing is asked for that they refuse."""
    api = Named(exist={"shop", "pay"}, granted={"shop", "pay"})
    async with watched(api, followed=everything(namespaces=("shop", "pay", "shop"))) as cluster:
        batch = await cluster.batch()
        routes = {change.name for change in batch.changes if change.kind == "HTTPRoute"}
        assert routes == {Name("shop", "of-shop"), Name("pay", "of-pay")}
        assert {change.name.name for change in batch.changes if change.kind == "Namespace"} == {"shop", "pay"}
        assert {one.standing for one in cluster.source.states()} == {Standing.SYNCED}
        followed = [(one.kind, one.namespace) for one in cluster.source.states()]
        assert len(followed) == len(set(followed)) == 2 * (len(KINDS) - len(CLUSTER_WIDE)) + len(CLUSTER_WIDE)
        assert {kind for kind, namespace in followed if not namespace} == CLUSTER_WIDE
        assert (cluster.source.version("HTTPRoute"), cluster.source.version("Service")) == ("v1", "v1")


async def test_a_named_namespace_that_does_not_exist_holds_nobody_up_and_is_followed_once_it_does() -> None:
    """Its Role cannot exist before it does, so that 403 is what it answers; others are served meanwhile."""
    api = Named(exist={"shop"}, granted={"shop"})
    now_s = 0.0

    async def sleep(pause_s: float) -> None:
        """The pause of a minute after a refusal never ends; only what is looked for eagerly is found."""
        nonlocal now_s
        await (asyncio.sleep(0.02) if pause_s <= EAGER_S else asyncio.Event().wait())
        now_s += pause_s

    timing = Timing(lambda: now_s, sleep, lambda: 0.0)
    async with watched(api, timing, followed=everything(namespaces=("shop", "later"))) as cluster:
        batch = await cluster.batch()
        assert {change.name for change in batch.changes if change.kind == "HTTPRoute"} == {Name("shop", "of-shop")}
        absent = [one for one in cluster.source.states() if one.standing is Standing.ABSENT]
        assert {one.namespace for one in absent} == {"later"}
        assert {one.words for one in absent} == {"its namespace does not exist"}
        await api.came.put("later")
        refused = len([one for one in cluster.server.asked if "/later/" in one.path])
        await cluster.until(lambda: len([one for one in cluster.server.asked if "/later/" in one.path]) > refused + 3)
        # The namespace came first, and what grants it comes a moment later.
        api.granted.add("later")
        found: set[Name] = set()
        while Name("later", "of-later") not in found:
            found |= {change.name for change in (await cluster.batch()).changes}


async def test_a_namespace_that_exists_and_may_not_be_read_holds_a_start() -> None:
    """K7: a forgotten Role is a pod that does not become ready, beside the old one that serves on."""
    api = Named(exist={"shop", "pay"}, granted={"shop"})
    async with watched(api, followed=everything(namespaces=("shop", "pay"))) as cluster:
        waiting = asyncio.create_task(cluster.batch())
        await cluster.until(
            lambda: (
                sum(one.standing is Standing.FORBIDDEN for one in cluster.source.states())
                == len(KINDS) - len(CLUSTER_WIDE) - 1
            )
        )
        assert not waiting.done()
        waiting.cancel()


async def test_a_selector_is_asked_for_with_every_list_and_watch_of_secrets() -> None:
    """S11: a label selector for Secrets: others are never sent to us."""
    api = Api()
    async with watched(api, followed=everything({"Secret": "use=gateway"})) as cluster:
        await cluster.batch()
        await cluster.until(lambda: bool(cluster.server.asked_for("/api/v1/secrets", watches=True)))
        assert {one.query.get("labelSelector") for one in cluster.server.asked_for("/api/v1/secrets")} == {
            "use=gateway"
        }
        assert not any("labelSelector" in one.query for one in cluster.server.asked if "secrets" not in one.path)
