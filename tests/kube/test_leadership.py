"""Who leads and who is there, from the Lease and from pods."""

from __future__ import annotations

import asyncio
import random
from typing import TYPE_CHECKING

import pytest

from tests.kube.leases import Line, Server
from tests.kube.virtual import in_virtual_time
from xdsserver.kube.elector import Elector, Listeners, process_identity
from xdsserver.kube.executor import Clock
from xdsserver.kube.leadership import LeaseLeadership, replica_name
from xdsserver.kube.lease import Election
from xdsserver.kube.pods import Pod, PodAddress, PodCondition, PodStatus
from xdsserver.objects.meta import ObjectMeta

if TYPE_CHECKING:
    from xdsserver.objects.meta import Name
    from xdsserver.replicas.membership import Membership


def pod(name: str, *addresses: str, ready: bool = True, phase: str = "Running") -> tuple[Name, Pod]:
    metadata = ObjectMeta(name=name, namespace="infra")
    conditions = (PodCondition(type="Ready", status="True" if ready else "False"),)
    ips = tuple(PodAddress(ip=ip) for ip in addresses)
    found = Pod(metadata=metadata, status=PodStatus(phase=phase, pod_ips=ips, conditions=conditions))
    return found.name, found


ONE, TWO, THREE = pod("one", "10.0.0.1"), pod("two", "10.0.0.2"), pod("three", "10.0.0.3", ready=False)


def leadership(*pods: tuple[Name, Pod], holder: str) -> Membership:
    found = LeaseLeadership("one_7_aa", 18002)
    found.pods(dict(pods))
    found.held_by(holder)
    return found.now


@pytest.mark.parametrize(
    ("holder", "leader"),
    [
        ("", None),
        ("one_7_aa", "one"),
        ("two_9_bb", "two"),
        ("a_b-c_9_bb", "a_b-c"),
        # An earlier process in our own pod: we are not it, and must not act as if we were.
        ("one_1_00", None),
        ("somebody", "somebody"),
    ],
)
def test_the_leader_is_the_pod_of_who_holds_the_lease(holder: str, leader: str | None) -> None:
    assert leadership(ONE, TWO, holder=holder).leader == leader


def test_those_that_are_ready_are_there_and_whoever_leads_is_to_be_reached() -> None:
    both = {"one": "10.0.0.1:18002", "two": "10.0.0.2:18002"}
    assert leadership(ONE, TWO, THREE, holder="").addresses == both
    assert leadership(ONE, TWO, THREE, holder="three_1_1").addresses == both | {"three": "10.0.0.3:18002"}
    ended = (pod("two", "10.0.0.2", phase="Failed"), pod("three"))
    assert leadership(ONE, *ended, holder="two_9_bb").addresses == {"one": "10.0.0.1:18002"}
    assert leadership(pod("six", "fd00::6", "10.0.0.6"), holder="").addresses == {"six": "10.0.0.6:18002"}
    assert leadership(pod("six", "fd00::6"), holder="").addresses == {"six": "[fd00::6]:18002"}


def test_an_identity_leads_back_to_its_pod() -> None:
    assert replica_name(process_identity("xdsserver-7c5d_x")) == "xdsserver-7c5d_x"


async def test_whoever_waits_for_a_change_is_woken_by_one_and_by_nothing_else() -> None:
    found = LeaseLeadership("one_7_aa", 18002)
    found.pods(dict([ONE]))
    before = found.now
    waiting = asyncio.create_task(found.changed(before))
    found.pods(dict([ONE]))
    found.held_by("")
    await asyncio.sleep(0)
    assert not waiting.done()
    found.held_by("one_7_aa")
    await waiting


def test_k18_k19_all_replicas_hear_who_leads_and_nobody_leads_without_the_lease() -> None:
    """K18, K19: a leader that may not write any more leads nobody either; all hear of its successor in time."""

    async def story() -> None:
        server, loop = Server(), asyncio.get_running_loop()
        chance = random.Random(3).random  # noqa: S311 (a test that can be repeated)
        clock = Clock(loop.time, sleep=lambda seconds: asyncio.sleep(seconds + 0.001), jitter=chance)
        lines, seen, leaving = {}, {}, {}
        tasks = []
        for name in ("one", "two"):
            identity = process_identity(name)
            lines[name], seen[name], leaving[name] = Line(server), LeaseLeadership(identity, 1), asyncio.Event()
            seen[name].pods(dict([ONE, TWO]))
            elector = Elector(lines[name], Election(identity), Listeners(holder=seen[name].held_by), clock)

            async def take_part(elector: Elector = elector, end: asyncio.Event = leaving[name]) -> None:
                async with elector.taking_part():
                    await end.wait()

            tasks.append(asyncio.create_task(take_part()))

        async def hear_of(leader: str | None, within_s: float, *who: str) -> None:
            async with asyncio.timeout(within_s):
                for one in who:
                    while seen[one].now.leader != leader:
                        await seen[one].changed(seen[one].now)

        await asyncio.sleep(5)
        first = seen["one"].now.leader
        assert first is not None
        second = {"one": "two", "two": "one"}[first]
        await hear_of(first, 3, first, second)
        lines[first].way = "hangs"
        await hear_of(None, 10.1, first)
        assert seen[second].now.leader == first, "others believe it until its time is over"
        await hear_of(second, 7, second)
        lines[first].way = "open"
        await hear_of(second, 7, first)
        leaving[second].set()
        await hear_of(first, 3, first)
        leaving[first].set()
        await asyncio.gather(*tasks)
        assert seen[first].now.leader is None

    in_virtual_time(story())
