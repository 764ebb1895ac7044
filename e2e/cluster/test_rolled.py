"""What is done to a release, and what goes wrong around it, costs no request: counted, and nothing asked twice."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from e2e.cluster.objects import route
from e2e.cluster.outages import another_leads, api_server_cut_off, killed, on_the_rig
from e2e.cluster.release import ENVOYS, SERVERS, WITHIN_S

if TYPE_CHECKING:
    from e2e.cluster.release import Release

AWAY_S = 60.0


async def test_an_upgrade_that_changes_the_server_costs_no_request(release: Release) -> None:
    before = await release.pods(SERVERS)
    envoys = await release.pods(ENVOYS)
    upgrade = (
        "helm upgrade xdsserver deploy/chart/xdsserver --namespace xdsserver-system --reset-then-reuse-values --wait"
        " --set logFormat=text"
    )
    async with release.under_load("helm upgrade"):
        await release.sh(upgrade)
        await release.gone(*before)
    assert not before.items() & (await release.pods(SERVERS)).items()
    assert await release.pods(ENVOYS) == envoys


async def test_the_commands_of_the_guide_upgrade(release: Release) -> None:
    async with release.under_load("the guide's upgrade, which changes nothing"):
        await asyncio.to_thread(release.shell.do, "upgrade", "In a cluster")


async def test_a6_the_envoy_of_a_single_node_is_replaced_without_a_failed_request(release: Release) -> None:
    """A6: preStop fails the health check, drains, and waits; with one node there are two Envoys for a while."""
    before = await release.pods(ENVOYS)
    async with release.under_load("rollout of the DaemonSet"):
        await release.kubectl("rollout", "restart", "daemonset/fleet-default")
        await release.rolled_out("daemonset/fleet-default")
        await release.gone(*before)
    after = await release.pods(ENVOYS)
    assert len(before) == len(after) == 1
    assert before != after


async def test_servers_come_and_go_and_the_leader_is_killed(release: Release) -> None:
    """From one to three, the one that leads killed without a word, and back to one."""
    async with release.under_load("1 -> 3, leader killed, 3 -> 1"):
        await release.kubectl("scale", "deployment/xdsserver", "--replicas=3")
        await release.rolled_out("deployment/xdsserver")
        leader = await release.leader()
        assert leader.pod in await release.pods(SERVERS)
        await killed(release, leader)
        await another_leads(release, leader)
        await release.rolled_out("deployment/xdsserver")
        three = await release.pods(SERVERS)
        await release.kubectl("scale", "deployment/xdsserver", "--replicas=1")
        (last,) = list(await until_count(release, 1))
        await release.gone(*(three.keys() - {last}))
    # What is new is decided by whoever is left.
    await release.apply(route("after", "/after"), namespace="default")
    await release.kubectl(
        *("wait", "--for=jsonpath={.status.parents[0].conditions[?(@.type=='Accepted')].status}=True"),
        *("httproute/after", f"--timeout={WITHIN_S}s"),
        namespace="default",
    )
    await release.kubectl("delete", "httproute", "after", namespace="default")


async def test_a_leader_that_dies_during_a_rollout_costs_no_request(release: Release) -> None:
    """It is killed when the new Envoy is there and the old one serves on: the slices are the next leader's to write."""
    before = await release.pods(ENVOYS)
    async with release.under_load("the leader killed during a rollout"):
        await release.kubectl("rollout", "restart", "daemonset/fleet-default")
        await release.kubectl(
            *("wait", "--for=jsonpath={.status.updatedNumberScheduled}=1", "daemonset/fleet-default"),
            f"--timeout={WITHIN_S}s",
        )
        leader = await release.leader()
        await killed(release, leader)
        await release.rolled_out("daemonset/fleet-default")
        await release.gone(*before)
        await another_leads(release, leader)
    assert before != await release.pods(ENVOYS)


async def test_k4_pods_that_cannot_reach_the_api_server_serve_on(release: Release) -> None:
    """K4: no pod reaches the API server for 60 s: 0 failed requests, and what came meanwhile is served then."""
    on_the_rig()
    before = await release.pods(SERVERS)
    async with release.under_load(f"API server away for {AWAY_S:.0f} s"):
        with api_server_cut_off(release):
            await release.apply(route("meanwhile", "/meanwhile"), namespace="default")
            await asyncio.sleep(AWAY_S)
        await release.kubectl(
            *("wait", "--for=jsonpath={.status.parents[0].conditions[?(@.type=='Accepted')].status}=True"),
            *("httproute/meanwhile", f"--timeout={WITHIN_S}s"),
            namespace="default",
        )
    assert await release.pods(SERVERS) == before
    await release.kubectl("delete", "httproute", "meanwhile", namespace="default")


async def test_a_backend_that_is_rolled_costs_no_request(release: Release) -> None:
    before = await release.pods("app=shop", namespace="default")
    async with release.under_load("backend rolled"):
        await release.kubectl("rollout", "restart", "deployment/shop", namespace="default")
        await release.rolled_out("deployment/shop", namespace="default")
        await release.gone(*before, namespace="default")
    assert not before.items() & (await release.pods("app=shop", namespace="default")).items()


async def until_count(release: Release, count: int) -> dict[str, str]:
    async with asyncio.timeout(WITHIN_S):
        while len(found := await release.pods(SERVERS)) != count:  # noqa: ASYNC110 (another process)
            await asyncio.sleep(0.3)
    return found
