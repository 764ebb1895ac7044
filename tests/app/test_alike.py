"""Whichever of several servers is asked, the answer is the same; and where it is not whole, it says so."""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack
from typing import TYPE_CHECKING, Any

import pytest

from tests.app.replicated import servers
from tests.cli.folders import GATEWAY, ROUTE, SHOP
from xdsserver.admin.answering import Question
from xdsserver.model.places import Delivery
from xdsserver.replicas.membership import Membership
from xdsserver.replicas.questions import AskError
from xdsserver.server.inspections import InspectionPeers
from xdsserver.server.meeting import GivenLeadership
from xdsserver.server.reporter import connect_locally

if TYPE_CHECKING:
    from pathlib import Path

    from tests.app.replicated import Cluster, Server

NAMES = ("one", "two", "three")
POISON = ROUTE.replace("- backendRefs", "- matches: [{path: {value: /poison}}]\n    backendRefs")
CHANGED = GATEWAY.replace("port: 8080}", "port: 8080, hostname: shop.example}")


async def in_force(cluster: Cluster) -> None:
    cluster.lead("one")
    cluster.write(a=GATEWAY, b=ROUTE, c=SHOP)
    for name in NAMES:
        await cluster[name].until(lambda name=name: cluster[name].row == Delivery(1))  # type: ignore[misc]


async def nodes(server: Server, limit: int = 10) -> list[tuple[str, str]]:
    """Give all Envoys, page by page, each with the server that it is connected to."""
    found: list[tuple[str, str]] = []
    after = ""
    while True:
        page = await server.answerer.of_all(Question("fleet", after, limit))
        assert not page.partial, page.missing
        found += [(one["node"], one["replica"]) for one in page.document["items"]]
        after = page.document["next"]
        if not after:
            return found


async def test_every_server_tells_of_the_envoys_of_all(tmp_path: Path) -> None:
    async with servers(tmp_path, *NAMES) as cluster, AsyncExitStack() as stack:
        for name in NAMES:
            for letter in "ab":
                await stack.enter_async_context(cluster[name].envoy(f"{name}-{letter}"))
        await in_force(cluster)
        expected = sorted((f"{name}-{letter}", name) for name in NAMES for letter in "ab")
        for name in NAMES:
            for limit in (1, 4, 10):
                assert await nodes(cluster[name], limit) == expected
        held = await cluster["one"].answerer.of_all(Question("held", node="three-a"))
        assert {one["type"] for one in held.document["items"]} == {"Listener", "RouteConfiguration"}
        assert all(one["answer"] == "acknowledged" for one in held.document["items"])


async def test_what_envoys_of_one_server_reject_and_what_happened_is_told_by_all(tmp_path: Path) -> None:
    """A NACK is in the problems of every server, in the words of the Envoy."""
    async with servers(tmp_path, *NAMES) as cluster, cluster["three"].envoy("c", rejects=b"/poison"):
        await in_force(cluster)
        cluster.write(b=POISON)

        async def problems(server: Server) -> list[Any]:
            found = await server.answerer.of_leader(Question("problems"))
            assert not found.partial, found.missing
            return [one for one in found.document["items"] if one["severity"] == "error"]

        one = cluster["one"]
        await one.until(lambda: one.plane.reconciler.pipeline.rejections.rows)
        await one.until(lambda: "c does not like it" in one.conditions("HTTPRoute", "shop"))
        told = [await problems(cluster[name]) for name in NAMES]
        assert told[0] == told[1] == told[2]
        rejected = next(one for one in told[0] if one["source"] == "rejected")
        assert (rejected["kind"], rejected["namespace"], rejected["envoys"]) == ("HTTPRoute", "default", ["c"])
        assert "c does not like it" in rejected["message"]
        histories = [await cluster[name].answerer.of_leader(Question("history", limit=5)) for name in NAMES]
        assert [one.document for one in histories] == [histories[0].document] * 3
        assert histories[0].document["items"][-1]["number"] == 1


@pytest.mark.parametrize("name", ["HTTPRoute", "Gateway"])
async def test_a_wait_ends_when_the_last_envoy_of_any_server_has_it(name: str, tmp_path: Path) -> None:
    key = {"HTTPRoute": ("HTTPRoute", "default", "shop"), "Gateway": ("Gateway", "default", "edge")}[name]
    async with (
        servers(tmp_path, *NAMES) as cluster,
        cluster["one"].envoy("a", clusters=True),
        cluster["three"].envoy("c", clusters=True) as slow,
    ):
        await in_force(cluster)
        two = cluster["two"].answerer
        now = await two.wait(Question("wait", object=key, generation=1, timeout_s=30))
        assert (now.document["outcome"], now.document["envoys"]) == ("programmed", ["a", "c"])
        slow.mute = True
        cluster.write(a=CHANGED)
        newer = 2 if name == "Gateway" else 1
        late = await two.wait(Question("wait", object=key, generation=newer, timeout_s=0.2))
        assert (late.document["outcome"], late.document["waiting"]) == ("waiting", ["c"])
        waiting = asyncio.create_task(two.wait(Question("wait", object=key, generation=newer, timeout_s=30)))
        # It is waited for before it speaks.
        await cluster["three"].until(lambda: cluster["three"].plane.waits._waiters)
        await slow.speak_up()
        done = await waiting
        assert (done.document["outcome"], done.document["generation"]) == ("programmed", newer)
        unseen = await two.wait(Question("wait", object=key, generation=newer + 1, timeout_s=0.0))
        assert unseen.document["outcome"] == "absent"


async def test_an_answer_without_a_server_that_is_away_says_so(tmp_path: Path) -> None:
    async with (
        servers(tmp_path, "one", "two") as cluster,
        cluster["one"].envoy("a", clusters=True),
        cluster["two"].envoy("b", clusters=True),
    ):
        cluster.lead("one")
        cluster.write(a=GATEWAY, b=ROUTE, c=SHOP)
        one, two = cluster["one"], cluster["two"]
        await two.until(lambda: two.row == Delivery(1))
        # Nobody listens there.
        two.leadership.set(Membership({"one": "127.0.0.1:1", "two": two.reports.address}, "one"))
        fleet = await two.answerer.of_all(Question("fleet"))
        assert [one["node"] for one in fleet.document["items"]] == ["b"]
        assert (fleet.partial, fleet.missing[0].partition(":")[0]) == (True, "one")
        problems = await two.answerer.of_leader(Question("problems"))
        assert (problems.partial, problems.missing[0].startswith("one: UNAVAILABLE")) == (True, True)
        history = await two.answerer.of_leader(Question("history"))
        assert history.document["items"], "what is known here is told all the same"
        key = ("HTTPRoute", "default", "shop")
        waited = await two.answerer.wait(Question("wait", object=key, timeout_s=30))
        assert (waited.document["outcome"], waited.partial) == ("programmed", True)
        two.leadership.set(Membership({}, None))
        nobody = await two.answerer.of_leader(Question("problems"))
        assert (nobody.partial, nobody.missing) == (True, ("nobody leads",))
        assert not (await one.answerer.of_leader(Question("problems"))).partial


@pytest.mark.parametrize("question", [b"", b"{}", b'{"view": "secrets"}', b"\xff", b'{"view": "fleet", "limit": "x"}'])
async def test_what_is_no_question_is_refused(question: bytes, tmp_path: Path) -> None:
    async with servers(tmp_path, "one") as cluster:
        members = GivenLeadership(Membership({"one": cluster["one"].reports.address}, "one"))
        peers = InspectionPeers("two", members, connect_locally)
        with pytest.raises(AskError, match="INVALID_ARGUMENT"):
            await peers.ask("one", question, 10)
        with pytest.raises(AskError, match="not there any more"):
            await peers.ask("three", question, 10)
