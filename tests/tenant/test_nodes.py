"""Pods on nodes that are down are deleted where that is asked for, sure, and costs no data."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from tests.kube.virtual import in_virtual_time
from tests.tenant.scene import a_pool, a_secret, a_tenant, key, operating, world

if TYPE_CHECKING:
    from tests.tenant.scene import Scene
    from tests.tenant.simulated import Simulated

FENCED = [{"key": "node.kubernetes.io/out-of-service", "effect": "NoExecute", "value": "nodeshutdown"}]
POD = key("Pod", "data-pool-0-0")


def down(cluster: Simulated, *, fenced: bool = True, pod: str = "data-pool-0-0") -> None:
    """Let the node of a pod go down, and the pod be on its way out."""
    conditions = [{"type": "Ready", "status": "Unknown", "lastTransitionTime": "2026-01-01T00:00:00Z"}]
    spec: dict[str, Any] = {"taints": FENCED} if fenced else {}
    cluster.put({"kind": "Node", "metadata": {"name": "n2"}, "spec": spec, "status": {"conditions": conditions}})
    cluster.unready.add(pod)

    def leave(document: dict[str, Any]) -> None:
        document["metadata"]["deletionTimestamp"] = "2026-01-01T00:00:30Z"
        document["spec"]["nodeName"] = "n2"
        document["status"]["conditions"][0]["status"] = "False"

    cluster.edit(key("Pod", pod), leave)


def deleted(scene: Scene) -> list[str]:
    return [key.name for verb, key in scene.writes("Pod") if verb == "Delete"]


def a_world(policy: str, servers: int = 4) -> Simulated:
    pools = [a_pool(servers=servers)]
    return world(a_secret(), a_tenant(pools=pools, podDeletionPolicyWhenNodeIsDown=policy))


@pytest.mark.parametrize("policy", ["ForceDelete", "DeleteStatefulSetPod", "DeleteBothStatefulSetAndDeploymentPod"])
def test_t8_a_pod_on_a_fenced_node_is_deleted_by_force_after_five_minutes(policy: str) -> None:
    """T8: only with a policy, after the node was NotReady for 5 minutes, and with the quorum kept."""

    async def story() -> None:
        cluster = a_world(policy)
        async with operating(cluster) as scene:
            await scene.settle()
            down(cluster)
            await scene.settle(260)
            assert deleted(scene) == []
            await scene.settle(30)
            assert deleted(scene) == ["data-pool-0-0"]
            assert "ForceDeletedPodOnDownNode" in scene.notes()

    in_virtual_time(story())


@pytest.mark.parametrize("policy", ["DoNothing", "DeleteDeploymentPod"])
def test_t8_without_a_policy_for_it_nothing_is_deleted(policy: str) -> None:
    """T8: only with policy set; a policy for Deployments is about no pod of a Tenant."""

    async def story() -> None:
        cluster = a_world(policy)
        async with operating(cluster) as scene:
            await scene.settle()
            down(cluster)
            await scene.settle(1200)
            assert deleted(scene) == []

    in_virtual_time(story())


def test_t8_a_node_that_may_still_run_its_pods_is_not_forced() -> None:
    """T8: a node that is only silent may run the pod on; two of one name on one volume would lose data."""

    async def story() -> None:
        cluster = a_world("ForceDelete")
        async with operating(cluster) as scene:
            await scene.settle()
            down(cluster, fenced=False)
            await scene.settle(1200)
            assert deleted(scene) == []
            assert scene.notes().count("PodForceDeleteSkippedNodeNotFenced") == 1

    in_virtual_time(story())


def test_t8_a_node_that_is_gone_is_fenced() -> None:
    """T8: where the Node object was deleted its pods run no more; five minutes count from when the pod had to leave."""

    async def story() -> None:
        cluster = a_world("ForceDelete")
        async with operating(cluster) as scene:
            await scene.settle()
            down(cluster, fenced=False)
            cluster.remove(key("Node", "n2"))
            await scene.settle(290)
            assert deleted(scene) == []
            await scene.settle(30)
            assert deleted(scene) == ["data-pool-0-0"]

    in_virtual_time(story())


def test_t8_without_a_quorum_nothing_is_forced() -> None:
    """T8: quorum kept: where most servers are not ready, somebody has to look first."""

    async def story() -> None:
        cluster = a_world("ForceDelete", servers=2)
        async with operating(cluster) as scene:
            await scene.settle()
            down(cluster)
            await scene.settle(1200)
            assert deleted(scene) == []

    in_virtual_time(story())


def test_t8_a_pod_that_only_says_that_it_is_ours_is_left_alone() -> None:
    """T8: the owner is verified by its uid, not by labels and names; one signal was enough once."""

    async def story() -> None:
        cluster = a_world("ForceDelete")
        async with operating(cluster) as scene:
            await scene.settle()
            owner = {"kind": "StatefulSet", "name": "data-pool-0", "uid": "of-somebody-else", "controller": True}
            metadata: dict[str, Any] = {"name": "other", "namespace": "storage", "labels": {"rustfs.tenant": "data"}}
            metadata |= {"ownerReferences": [owner], "deletionTimestamp": "2026-01-01T00:00:30Z"}
            cluster.put({"kind": "Pod", "metadata": metadata, "spec": {"nodeName": "gone"}})
            await scene.settle(1200)
            assert deleted(scene) == []

    in_virtual_time(story())


def test_t8_a_pod_that_is_not_leaving_stays() -> None:
    """T8: only pods that the cluster itself has given up are helped along."""

    async def story() -> None:
        cluster = a_world("ForceDelete")
        async with operating(cluster) as scene:
            await scene.settle()
            down(cluster)
            cluster.edit(POD, lambda one: one["metadata"].pop("deletionTimestamp"))
            await scene.settle(1200)
            assert deleted(scene) == []

    in_virtual_time(story())


def test_t8_a_node_that_comes_back_in_time_costs_nothing() -> None:
    """T8: five minutes are five minutes: what was due is not done any more when the reason is gone."""

    async def story() -> None:
        cluster = a_world("ForceDelete")
        async with operating(cluster) as scene:
            await scene.settle()
            down(cluster)
            await scene.settle(200)

            def back(document: dict[str, Any]) -> None:
                document["status"]["conditions"][0]["status"] = "True"

            cluster.edit(key("Node", "n2"), back)
            await scene.settle(1200)
            assert deleted(scene) == []

    in_virtual_time(story())
