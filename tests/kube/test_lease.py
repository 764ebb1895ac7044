"""The election: who writes when the way to the API server fails, clocks are wrong, and replicas come and go."""

from __future__ import annotations

import asyncio
import random
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, get_args

import pytest

from tests.kube.leases import Candidate, Line, Server, Way, Wrong, overlaps
from tests.kube.scripted import Fixed, answers, in_turn, refuses, scripted
from tests.kube.virtual import in_virtual_time
from xdsserver.kube.client import KubeClient
from xdsserver.kube.elector import Elector, KubeLease, process_identity
from xdsserver.kube.errors import Conflict, Garbled
from xdsserver.kube.lease import Election, Read, Record, Seen, Write

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Sequence

    from tests.kube.leases import Written

SKEWS = (Wrong(), Wrong(today_h=1, monotonic_s=5e6), Wrong(today_h=-1, monotonic_s=-900))


class Replicas:
    """Candidates for one Lease, and all that they wrote."""

    def __init__(self, count: int, seed: int = 0) -> None:
        self.random = random.Random(seed)  # noqa: S311 (a test that can be repeated)
        self.server = Server()
        self.trace: list[Written] = []
        self.all = [
            Candidate(f"replica-{number}", Line(self.server), self.random, SKEWS[number % len(SKEWS)])
            for number in range(count)
        ]

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        tasks = [asyncio.create_task(one.run(self.trace)) for one in self.all]
        try:
            yield
        finally:
            for one in self.all:
                one.line.way = "open"
                one.leave()
            await asyncio.gather(*tasks)

    @property
    def leaders(self) -> list[Candidate]:
        return [one for one in self.all if one.elector.may_write()]

    async def leader(self, *, other_than: Sequence[Candidate] = ()) -> Candidate:
        await until(lambda: any(one not in other_than for one in self.leaders))
        return next(one for one in self.leaders if one not in other_than)


def now() -> float:
    return asyncio.get_running_loop().time()


async def until(true: Callable[[], bool]) -> None:
    """Look again and again; it costs nothing where time is virtual."""
    while not true():  # noqa: ASYNC110
        await asyncio.sleep(0.01)


@pytest.mark.parametrize("seed", range(10))
def test_k18_never_two_writers_at_a_time_whatever_the_way_to_the_server_does(seed: int) -> None:
    """K18: writes are made as leader only, asked before each one, through hangs, refusals, conflicts and wrong clocks.

    Ten minutes of three replicas whose ways open and close at random; a write takes up to four seconds, and no two of
    different replicas are ever under way at once.
    """

    async def story() -> Replicas:
        replicas = Replicas(3, seed)
        chance = replicas.random
        for one in replicas.all:
            one.line.delay_s = lambda: chance.choice((0.002, 0.05, 0.5, 1.5, 5.0))
        async with replicas.running():
            end_s = now() + 600
            while now() < end_s:
                one = chance.choice(replicas.all)
                one.line.way = chance.choices(get_args(Way), (5, 1, 1, 1))[0]
                await asyncio.sleep(chance.uniform(0.5, 15))
        return replicas

    replicas = in_virtual_time(story())
    assert not overlaps(replicas.trace)
    assert len({one.who for one in replicas.trace}) >= 2
    assert len(replicas.trace) > 500


@pytest.mark.parametrize("way", ["refused", "hangs", "deaf"])
def test_k18_a_leader_without_a_way_stops_within_ten_seconds_and_another_leads_within_seventeen(way: Way) -> None:
    """K18: on loss it stops writing within the renew deadline (10 s), another one is elected in under 17 s."""

    async def story() -> None:
        replicas = Replicas(3)
        async with replicas.running():
            first = await replicas.leader()
            await asyncio.sleep(30)
            assert replicas.leaders == [first]
            cut_s = now()
            renewed_s = replicas.server.writes[-1][0]
            first.line.way = way
            second = await replicas.leader(other_than=[first])
            # What a deaf way still carries to the server counts for the others.
            renewed_s = max(renewed_s, *(at for at, record in replicas.server.writes if record.holder == first.name))
            assert now() - renewed_s < 17 + 0.1
            last_s = max(one.began_s for one in replicas.trace if one.who == first.name)
            assert last_s - cut_s <= 10
            assert not first.elector.may_write()
            assert [leads for _, leads in first.told] == [True, False]
            assert first.told[-1][0] - cut_s <= 10 + 0.1
            assert first.troubles[-1]

            first.line.way = "open"
            await asyncio.sleep(30)
            assert replicas.leaders == [second]
            assert first.troubles[-1] == ""
        assert not overlaps(replicas.trace)

    in_virtual_time(story())


def test_k18_a_rival_write_costs_a_leader_nothing() -> None:
    """K18: a conflict is no loss; somebody put a label on the Lease, and the leader reads and renews at once."""

    async def story() -> None:
        replicas = Replicas(2)
        async with replicas.running():
            first = await replicas.leader()
            for _ in range(60):
                await asyncio.sleep(1)
                replicas.server.version += 1
            assert replicas.leaders == [first]
            assert len(first.told) == 1

    in_virtual_time(story())


def test_k18_a_lease_that_is_deleted_makes_no_second_writer() -> None:
    """K18: whoever saw another one hold it lets that one's time run out; the leader makes it anew before that."""

    async def story() -> None:
        replicas = Replicas(3)
        async with replicas.running():
            first = await replicas.leader()
            await asyncio.sleep(10)
            replicas.server.record = None
            await asyncio.sleep(30)
            assert replicas.leaders == [first]
        assert not overlaps(replicas.trace)

    in_virtual_time(story())


def test_k19_a_leader_that_stops_gives_the_lease_back_and_is_followed_within_three_seconds() -> None:
    """K19: the lease is released (`holderIdentity: ""`) after the last write has ended; takeover in under 3 s."""

    async def story() -> None:
        replicas = Replicas(3)
        async with replicas.running():
            first = await replicas.leader()
            await asyncio.sleep(10)
            first.leave()
            await until(lambda: replicas.server.record is not None and not replicas.server.record.holder)
            released_s = now()
            assert max(one.ended_s for one in replicas.trace if one.who == first.name) <= released_s
            second = await replicas.leader(other_than=[first])
            assert now() - released_s < 3
            assert second is not first
        assert not overlaps(replicas.trace)

    in_virtual_time(story())


def test_k19_a_release_waits_for_a_renewal_that_is_under_way() -> None:
    """K19: else the renewal would win, and everybody would wait for fifteen seconds."""

    async def story() -> None:
        replicas = Replicas(1)
        (only,) = replicas.all
        only.line.delay_s = lambda: 1.0
        async with replicas.running():
            await replicas.leader()
            writes = len(replicas.server.writes)
            await until(lambda: len(replicas.server.writes) > writes)
        assert replicas.server.record is not None
        assert not replicas.server.record.holder

    in_virtual_time(story())


@pytest.mark.parametrize("hours", [-1.0, 1.0, 24 * 365.0])
def test_k20_times_of_other_clocks_are_never_compared(hours: float) -> None:
    """K20: what counts is when a change was seen; a clock an hour off neither takes a Lease early nor waits longer."""

    async def story() -> None:
        replicas = Replicas(2)
        for one, skew_h in zip(replicas.all, (0.0, hours), strict=True):
            one.wrong = Wrong(today_h=skew_h)
        async with replicas.running():
            first = await replicas.leader()
            await asyncio.sleep(60)
            assert replicas.leaders == [first]
            first.line.way = "refused"
            cut_s = now()
            await replicas.leader(other_than=[first])
            assert 15 - 2 <= now() - cut_s < 17
            first.line.way = "open"
        assert not overlaps(replicas.trace)

    in_virtual_time(story())


def test_who_comes_new_waits_for_as_long_as_a_lease_lasts() -> None:
    """A Lease with a holder may have been renewed a moment ago, whatever time it names."""
    election = Election("new")
    old = Seen(Record("other", 15, "2001-01-01T00:00:00.000000Z", "2001-01-01T00:00:00.000000Z", 3), "7")
    assert election.step(100.0, "now") == Read()
    election.read(old, 100.0, 1.0)
    assert election.step(101.9, "now") is None
    election.read(old, 114.9, 1.0)
    assert election.next_at == pytest.approx(115.0)
    assert election.step(115.0, "now") == Read()
    election.read(old, 115.0, 1.0)
    assert election.step(115.0, "now") == Write(Record("new", 15, "now", "now", 4), "7")
    assert not election.may_write(115.0)
    election.wrote(Seen(Record("new", 15, "now", "now", 4), "8"), 115.0, 116.0, 1.0)
    assert election.may_write(124.9)
    assert not election.may_write(125.0)


def test_no_two_processes_have_one_identity() -> None:
    assert process_identity() != process_identity()


LEASE = {
    "metadata": {"name": "xdsserver", "resourceVersion": "41"},
    "spec": {"holderIdentity": "a", "leaseDurationSeconds": 15, "leaseTransitions": 2, "renewTime": "then"},
}


async def test_a_lease_is_read_and_written_over_its_version() -> None:
    async with (
        scripted(in_turn(answers(LEASE), answers(LEASE), answers(LEASE), refuses(409, "Conflict"))) as server,
        KubeClient(Fixed(server.access)) as client,
    ):
        lease = KubeLease(client, "infra", "xdsserver")
        assert await lease.read() == Seen(Record("a", 15, "", "then", 2), "41")
        await lease.write(Write(Record("b", 15, "t1", "t2", 3), None))
        await lease.write(Write(Record("", 1, "t1", "t2", 3), "41"))
        with pytest.raises(Conflict):
            await lease.write(Write(Record("b"), "40"))
    _, created, patched, _ = server.asked
    path = "/apis/coordination.k8s.io/v1/namespaces/infra/leases"
    assert (created.method, created.path) == ("POST", path)
    assert created.json()["spec"]["holderIdentity"] == "b"
    assert (patched.method, patched.path) == ("PATCH", f"{path}/xdsserver")
    assert patched.headers["content-type"] == "application/merge-patch+json"
    assert patched.json()["metadata"] == {"resourceVersion": "41"}
    assert patched.json()["spec"]["holderIdentity"] == ""


async def test_an_answer_that_is_no_lease_is_an_error_and_not_a_fault() -> None:
    async with (
        scripted(answers({"metadata": 1})) as server,
        KubeClient(Fixed(server.access)) as client,
    ):
        lease = KubeLease(client, "infra", "xdsserver")
        with pytest.raises(Garbled):
            await lease.read()
        async with Elector(lease, Election("a")).taking_part():
            pass
