"""What cannot be changed is never asked for; what else was changed is done."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from tests.kube.virtual import in_virtual_time
from tests.tenant.scene import SET, TENANT, a_pool, a_secret, a_tenant, key, operating, world

if TYPE_CHECKING:
    from tests.tenant.scene import Scene


def claim(**spec: Any) -> dict[str, Any]:  # noqa: ANN401
    found = {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "10Gi"}}} | spec
    return {"persistence": {"volumeClaimTemplate": found}}


CHANGES: dict[str, tuple[dict[str, Any], str]] = {
    "servers": ({"pools": [a_pool(servers=4)]}, "spec.pools[pool-0].servers: cannot be changed from 2 to 4"),
    "volumes": ({"pools": [a_pool(volumes=3)]}, "volumesPerServer: cannot be changed from 2 to 3"),
    "class": ({"pools": [a_pool(**claim(storageClassName="fast"))]}, "storageClassName: cannot be changed from None"),
    "modes": ({"pools": [a_pool(**claim(accessModes=["ReadWriteMany"]))]}, "accessModes: cannot be changed from"),
    "smaller": (
        {"pools": [a_pool(**claim(resources={"requests": {"storage": "5Gi"}}))]},
        "resources.requests.storage: cannot be changed from 10Gi to 5Gi",
    ),
    "management": ({"podManagementPolicy": "OrderedReady"}, "podManagementPolicy: cannot be changed from Parallel to"),
    "logs": ({"logging": {"mode": "persistent"}}, "spec.logging.mode: cannot be changed from not persistent to"),
}


@pytest.mark.parametrize("name", CHANGES)
def test_t1_a_change_of_what_is_immutable_costs_no_request(name: str) -> None:
    """T1: no API call for the StatefulSet; a condition names field, old and new; the rest goes on; a revert clears."""
    spec, words = CHANGES[name]

    async def story() -> None:
        cluster = world(a_secret(), a_tenant(pools=[a_pool(), a_pool("other")]))
        if name not in {"management", "logs"}:
            spec["pools"] = [*spec["pools"], a_pool("other")]
        async with operating(cluster) as scene:
            await scene.settle()
            before = cluster.objects[TENANT]["spec"] | {"logging": None, "podManagementPolicy": None}
            scene.forget_writes()
            scene.change(**spec)
            await scene.settle()
            assert [one for one in scene.writes("StatefulSet") if one[1] == SET] == []
            status, reason, message = scene.condition("PoolsReady")
            assert (status, reason) == ("False", "ImmutableFieldModified")
            assert words in message
            assert scene.verdicts()["Degraded"] == ("True", "ImmutableFieldModified")
            assert scene.status["currentState"] == "Blocked"
            assert "restoreImmutableField" in scene.status["nextActions"]
            await the_rest_is_reconciled(scene)
            scene.change(**before)
            await scene.settle()
            assert scene.status["currentState"] == "Ready"
            assert scene.verdicts()["Degraded"] == ("False", "ReconcileSucceeded")

    in_virtual_time(story())


async def the_rest_is_reconciled(scene: Scene) -> None:
    scene.cluster.remove(key("Service", "data-io"))
    await scene.settle()
    assert key("Service", "data-io") in scene.cluster.objects


def test_t1_a_refusal_of_the_server_is_told_and_ends_with_its_cause() -> None:
    """T1: 422 from the server is handled as well: its words are in a condition until something else is intended."""

    async def story() -> None:
        cluster = world(a_secret(), a_tenant())
        async with operating(cluster) as scene:
            await scene.settle()
            cluster.refuse = lambda one: "spec: Forbidden: updates to fields" if one.kind == "StatefulSet" else ""
            scene.change(image="rustfs/rustfs:next")
            await scene.settle()
            status, reason, message = scene.condition("WorkloadsReady")
            assert (status, reason) == ("False", "StatefulSetApplyFailed")
            assert "StatefulSet data-pool-0 cannot be written: spec: Forbidden" in message
            cluster.refuse = lambda _one: ""
            scene.change(image=None)
            await scene.settle()
            assert scene.status["currentState"] == "Ready"

    in_virtual_time(story())


def test_t7_fewer_servers_are_refused() -> None:
    """T7: a scale-in is refused unless the pool was drained, which takes a decommission: nothing is deleted."""

    async def story() -> None:
        cluster = world(a_secret(), a_tenant(pools=[a_pool(servers=4)]))
        async with operating(cluster) as scene:
            await scene.settle()
            scene.forget_writes()
            scene.change(pools=[a_pool(servers=2)])
            await scene.settle()
            assert scene.writes("StatefulSet") == []
            assert len(cluster.named("Pod")) == 4
            assert "servers: cannot be changed from 4 to 2" in scene.condition("PoolsReady")[2]

    in_virtual_time(story())


@pytest.mark.parametrize("pools", [[a_pool()], [a_pool(), a_pool("renamed")]], ids=["removed", "renamed"])
def test_t7_a_pool_that_leaves_the_spec_is_kept_and_told(pools: list[dict[str, Any]]) -> None:
    """T7: of a pool that is gone from the spec nothing is deleted; what other pools need is done all the same."""

    async def story() -> None:
        cluster = world(a_secret(), a_tenant(pools=[a_pool(), a_pool("pool-1")]))
        async with operating(cluster) as scene:
            await scene.settle()
            scene.change(pools=pools)
            await scene.settle()
            assert key("StatefulSet", "data-pool-1") in cluster.objects
            status, reason, message = scene.condition("PoolsReady")
            assert (status, reason) == ("False", "PoolDeleteBlocked")
            assert "StatefulSet data-pool-1" in message
            assert "restorePoolSpec" in scene.status["nextActions"]
            assert not [one for one in scene.writes() if one[0] == "Delete"]

    in_virtual_time(story())
