"""Three servers, six Envoys, one answer: what the leader says is true of all of them."""

from __future__ import annotations

from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from typing import TYPE_CHECKING

from tests.app.replicated import servers
from tests.cli.folders import GATEWAY, ROUTE, SHOP
from xdsserver.model.places import Delivery
from xdsserver.replicas.membership import Membership
from xdsserver.replicas.tally import SILENT_S
from xdsserver.translation import sources

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator
    from pathlib import Path

    import pytest

    from tests.app.replicated import Cluster, Envoy

NAMES = ("one", "two", "three")
CHANGED = GATEWAY.replace("port: 8080}", "port: 8080, hostname: shop.example}")
POISON = ROUTE.replace("- backendRefs", "- matches: [{path: {value: /poison}}]\n    backendRefs")


@asynccontextmanager
async def six_envoys(cluster: Cluster) -> AsyncIterator[dict[str, Envoy]]:
    """Connect two Envoys to each server: one-a, one-b, two-a, and so on."""
    async with AsyncExitStack() as stack:
        yield {
            f"{name}-{letter}": await stack.enter_async_context(cluster[name].envoy(f"{name}-{letter}"))
            for name in cluster.servers
            for letter in "ab"
        }


async def test_the_leader_decides_when_all_six_envoys_have_it_and_all_servers_say_the_same(tmp_path: Path) -> None:
    async with servers(tmp_path, *NAMES) as cluster, six_envoys(cluster) as envoys:
        one = cluster["one"]
        cluster.lead("one")
        cluster.write(a=GATEWAY, b=ROUTE, c=SHOP)
        for name in NAMES:
            await cluster[name].until(lambda name=name: cluster[name].row == Delivery(1))  # type: ignore[misc]
        # One Envoy of a follower is slow with the next generation.
        slow = envoys["three-b"]
        slow.mute = True
        cluster.write(a=CHANGED)
        await one.until(lambda: one.answer_of("three") == ["three-b"])
        assert [cluster[name].decided() for name in NAMES] == [1, 1, 1]
        assert "three-b" not in one.conditions(), "nobody is named before ten seconds"
        await slow.speak_up()
        for name in NAMES:
            await cluster[name].until(lambda name=name: cluster[name].decided() == 2)  # type: ignore[misc]


async def test_envoys_of_a_server_that_is_cut_off_are_named_after_ten_seconds(tmp_path: Path) -> None:
    async with servers(tmp_path, *NAMES) as cluster, six_envoys(cluster):
        one = cluster["one"]
        cluster.lead("one")
        cluster.write(a=GATEWAY, b=ROUTE, c=SHOP)
        await one.until(lambda: one.row == Delivery(1))
        # Nothing comes through, and no connection ends: neither end is told.
        cluster["two"].relays["one"].hold()
        cluster.write(a=CHANGED)
        await one.until(lambda: one.row != Delivery(1), SILENT_S + 3)
        assert one.row == Delivery(1, ("two-a", "two-b")), "and nobody else: those of server three have it"
        assert "two-a" in one.conditions()
        cluster["two"].relays["one"].flow()
        await one.until(lambda: one.row == Delivery(2), SILENT_S + 3)


async def test_two_releases_side_by_side_agree_though_their_versions_differ(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    @contextmanager
    def next_release() -> Iterator[None]:
        with monkeypatch.context() as patch:
            patch.setattr(sources, "_WITHOUT_END_S", 3600)
            yield

    async with servers(tmp_path, "one", "two") as cluster:
        one, two = cluster["one"], cluster["two"]
        two.release = next_release
        async with one.envoy("a") as a, two.envoy("b") as b:
            cluster.lead("one")
            cluster.write(a=GATEWAY, b=ROUTE, c=SHOP)
            await one.until(lambda: one.row == Delivery(1) == two.row)
            assert a.versions.keys() == b.versions.keys()
            assert a.versions != b.versions, "or this test shows nothing"


async def test_a_follower_that_has_not_read_a_change_vouches_for_nothing(tmp_path: Path) -> None:
    """What its Envoys have is what they had before: it says nothing, and what it said before counts for nothing."""
    async with servers(tmp_path, "one", "two") as cluster:
        one, two = cluster["one"], cluster["two"]
        async with one.envoy("a"), two.envoy("b"):
            cluster.lead("one")
            cluster.write(a=GATEWAY, b=ROUTE, c=SHOP)
            await one.until(lambda: one.row == Delivery(1) == two.row)
            # What it said before it was told of the decision may still be on the way.
            await one.hear_out(two)
            before = one.said_of("two")
            late = cluster.write(but="two", a=CHANGED)
            await two.until(lambda: two.told() == 2)
            await one.hear_out(two)
            await one.until(lambda: one.waits_for() == [])
            assert one.said_of("two") is before
            assert one.decided() == 1
            two.take(late)
            await one.until(lambda: one.row == Delivery(2) == two.row)


async def test_who_takes_over_falls_back_on_nothing_and_decides_what_was_open(tmp_path: Path) -> None:
    async with servers(tmp_path, *NAMES) as cluster, six_envoys(cluster) as envoys:
        one, two, three = (cluster[name] for name in NAMES)
        cluster.lead("one")
        cluster.write(a=GATEWAY, b=ROUTE, c=SHOP)
        await one.until(lambda: one.row == two.row == three.row == Delivery(1))
        envoys["three-a"].mute = True
        cluster.write(a=CHANGED)
        await one.until(lambda: one.answer_of("three") == ["three-a"])
        before = len(two.rows)
        cluster.lead("two")
        await two.until(lambda: two.answer_of("three") == ["three-a"])
        await envoys["three-a"].speak_up()
        await two.until(lambda: [cluster[name].row for name in NAMES] == [Delivery(2)] * 3)
        assert two.rows[before:] == [Delivery(2)], "what was decided is not taken back meanwhile"
        # The one before decides nothing, and says who does.
        assert one.situations[-1].leader == "two"
        assert not one.plane.answers.leads


async def test_x23_an_envoy_that_moves_is_spoken_for_by_the_server_with_its_newest_stream(tmp_path: Path) -> None:
    """X23: two streams with one node id are both served; the status uses the newest."""
    async with servers(tmp_path, *NAMES) as cluster, AsyncExitStack() as stack:
        one, two, three = (cluster[name] for name in NAMES)
        cluster.lead("one")
        await stack.enter_async_context(two.envoy("mover", mute=True))
        cluster.write(a=GATEWAY, b=ROUTE, c=SHOP)
        await one.until(lambda: one.answer_of("two") == ["mover"])
        # Its first stream stays, as it does after a connection was lost and nobody has noticed.
        moved = await stack.enter_async_context(three.envoy("mover", mute=True))
        await one.until(lambda: one.speaker_of("mover") == "three")
        assert one.row is None
        await moved.speak_up()
        await one.until(lambda: one.row == Delivery(1))


async def test_x16_a_condition_names_the_envoys_of_all_servers_that_reject(tmp_path: Path) -> None:
    """X16: poison that only some Envoys reject: the condition names the nodes."""
    async with servers(tmp_path, *NAMES) as cluster, AsyncExitStack() as stack:
        one, two, three = (cluster[name] for name in NAMES)
        for server, node, rejects in (
            (one, "fine", b""),
            (two, "old-2", b"/poison"),
            (two, "fine-2", b""),
            (three, "old-3", b"/poison"),
        ):
            await stack.enter_async_context(server.envoy(node, rejects))
        cluster.lead("one")
        cluster.write(a=GATEWAY, b=ROUTE, c=SHOP)
        await one.until(lambda: one.row == Delivery(1))
        cluster.write(b=POISON)
        await one.until(lambda: [said.nodes for said in one.rejected()] == [("old-2", "old-3")])
        said = one.conditions("HTTPRoute", "shop")
        assert all(words in said for words in ("Rejected", "old-2", "old-3", "does not like it"))
        assert "fine" not in said
        # Mended: it goes by itself.
        cluster.write(b=ROUTE)
        await one.until(lambda: not one.rejected())
        assert "Rejected" not in one.conditions("HTTPRoute", "shop")


async def test_x16_a_backend_that_envoys_of_another_server_reject_is_a_condition_of_its_users(tmp_path: Path) -> None:
    """X16: the condition names the nodes, whichever server they are connected to."""
    async with servers(tmp_path, "one", "two") as cluster, cluster["one"].envoy("fine", clusters=True):
        one = cluster["one"]
        cluster.lead("one")
        async with cluster["two"].envoy("old", b"Service/default/shop", clusters=True):
            cluster.write(a=GATEWAY, b=ROUTE, c=SHOP)
            await one.until(lambda: [said.nodes for said in one.rejected()] == [("old",)])
            said = one.conditions("HTTPRoute", "shop")
            assert all(words in said for words in ("Rejected", "backend Service default/shop", "old does not like it"))
            cluster.write(b="")
            await one.until(lambda: not one.rejected())


async def test_a_new_leader_knows_of_rejections_from_the_first_picture(tmp_path: Path) -> None:
    async with servers(tmp_path, "one", "two", "three") as cluster:
        two, three = cluster["two"], cluster["three"]
        async with three.envoy("old", b"/poison"):
            cluster.lead("one")
            cluster.write(a=GATEWAY, b=ROUTE, c=SHOP)
            await three.until(lambda: three.row == Delivery(1))
            cluster.write(b=POISON)
            await three.until(three.rejected)
            assert not two.rejected()
            cluster.lead("two")
            await two.until(two.rejected)
            await three.until(lambda: three.situations[-1].leader == "two")


async def test_followers_come_back_after_a_connection_is_lost(tmp_path: Path) -> None:
    async with servers(tmp_path, "one", "two") as cluster:
        one, two = cluster["one"], cluster["two"]
        async with two.envoy("b"):
            cluster.lead("one")
            cluster.write(a=GATEWAY, b=ROUTE, c=SHOP)
            await one.until(lambda: one.row == Delivery(1))
            start = len(two.situations)
            two.relays["one"].cut()
            # It may be over before anybody looks.
            await two.until(lambda: any(said.problem for said in two.situations[start:]))
            await two.until(lambda: not two.situations[-1].problem)
            cluster.write(a=CHANGED)
            await one.until(lambda: one.row == Delivery(2))


async def test_a_server_that_is_added_costs_the_others_no_stream(tmp_path: Path) -> None:
    async with servers(tmp_path, *NAMES) as cluster:
        one, two, three = (cluster[name] for name in NAMES)
        addresses = {server.name: server.reports.address for server in (one, two)}
        for server in (one, two):
            server.leadership.set(Membership(addresses, "one"))
        async with two.envoy("b"), three.envoy("c", mute=True) as late:
            cluster.write(a=GATEWAY, b=ROUTE, c=SHOP)
            await one.until(lambda: one.row == Delivery(1) == two.row)
            before = one.reports._streams["two"]
            for server in (one, two, three):
                server.leadership.set(Membership({**addresses, "three": three.reports.address}, "one"))
            await one.until(lambda: "three" in one.reports._streams and three.row == Delivery(1))
            assert one.reports._streams["two"] is before
            # From now on its Envoys are waited for, too.
            cluster.write(a=CHANGED)
            await one.until(lambda: one.answer_of("three") == ["c"] and one.answer_of("two") == [])
            await late.speak_up()
            await one.until(lambda: one.row == Delivery(2))


async def test_a_gateway_made_anew_is_decided_anew(tmp_path: Path) -> None:
    """Another object of the same name: what was acknowledged of the one before says nothing."""
    async with servers(tmp_path, "one", "two") as cluster:
        one, two = cluster["one"], cluster["two"]
        async with two.envoy("b"):
            cluster.lead("one")
            cluster.write(a=GATEWAY, b=ROUTE, c=SHOP)
            await one.until(lambda: one.row == Delivery(1) == two.row)
            cluster.write(a="")
            await one.until(lambda: one.row is None and two.row is None)
            cluster.write(a=GATEWAY)
            await one.until(lambda: one.row == Delivery(1) == two.row)
