"""Volumes grow one by one, where they may, and the StatefulSet is never asked for it."""

from __future__ import annotations

from typing import Any

import pytest

from tests.kube.virtual import in_virtual_time
from tests.tenant.scene import a_pool, a_secret, a_tenant, key, operating, world


def sized(storage: str, **spec: Any) -> dict[str, Any]:  # noqa: ANN401
    template = {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": storage}}} | spec
    return a_pool(persistence={"volumeClaimTemplate": template})


def test_t2_volumes_grow_one_by_one() -> None:
    """T2: PVCs are patched one after the other where the StorageClass allows it; templates stay as they are."""

    async def story() -> None:
        cluster = world(a_secret(), a_tenant(pools=[sized("10Gi")]))
        async with operating(cluster) as scene:
            await scene.settle()
            scene.forget_writes()
            scene.change(pools=[sized("20Gi")])
            await scene.settle()
            grown = [key.name for verb, key in scene.writes("PersistentVolumeClaim") if verb == "Amend"]
            assert grown == [f"vol-{volume}-data-pool-0-{server}" for server in range(2) for volume in range(2)]
            sizes = {one["spec"]["resources"]["requests"]["storage"] for one in cluster.named("PersistentVolumeClaim")}
            assert sizes == {"20Gi"}
            assert scene.writes("StatefulSet") == []
            assert not cluster.restarted
            assert scene.status["currentState"] == "Ready"

    in_virtual_time(story())


def test_t2_the_next_volume_waits_for_the_one_before() -> None:
    """T2: one by one: a volume that was asked to grow and has not yet holds the others back."""

    async def story() -> None:
        cluster = world(a_secret(), a_tenant(pools=[sized("10Gi")]))
        async with operating(cluster) as scene:
            await scene.settle()
            # A driver that takes its time: capacities stay as they are.
            cluster.grows = False
            scene.change(pools=[sized("20Gi")])
            await scene.settle()
            assert len(scene.writes("PersistentVolumeClaim")) == 1
            assert scene.verdicts()["PoolsReady"] == ("Unknown", "VolumesGrowing")
            cluster.grows = True
            cluster.flush()
            await scene.settle()
            assert len(scene.writes("PersistentVolumeClaim")) == 4

    in_virtual_time(story())


@pytest.mark.parametrize("same", ["10240Mi", "10Gi", "10737418240"])
def test_t2_the_same_amount_in_other_words_is_no_difference(same: str) -> None:
    """T2: amounts are compared by what they mean."""

    async def story() -> None:
        cluster = world(a_secret(), a_tenant(pools=[sized("10Gi")]))
        async with operating(cluster) as scene:
            await scene.settle()
            scene.forget_writes()
            scene.change(pools=[sized(same)])
            await scene.settle()
            assert scene.writes("PersistentVolumeClaim") == []
            assert scene.writes("StatefulSet") == []
            assert scene.status["currentState"] == "Ready"

    in_virtual_time(story())


def test_t2_where_volumes_cannot_grow_that_is_told() -> None:
    """T2: without allowVolumeExpansion nothing is asked of a volume, and the condition names the StorageClass."""

    async def story() -> None:
        cluster = world(a_secret(), a_tenant(pools=[sized("10Gi")]))
        cluster.edit(key("StorageClass", "standard"), lambda one: one.update(allowVolumeExpansion=False))
        async with operating(cluster) as scene:
            await scene.settle()
            scene.change(pools=[sized("20Gi")])
            await scene.settle()
            assert scene.writes("PersistentVolumeClaim") == []
            status, reason, message = scene.condition("PoolsReady")
            assert (status, reason) == ("False", "VolumeExpansionNotAllowed")
            assert "StorageClass standard does not allow it" in message
            # It is heard when that is allowed after all.
            cluster.edit(key("StorageClass", "standard"), lambda one: one.update(allowVolumeExpansion=True))
            await scene.settle()
            assert scene.status["currentState"] == "Ready"

    in_virtual_time(story())


def test_t3_volumes_outlive_their_tenant() -> None:
    """T3: PVCs belong to nobody and are retained when a StatefulSet is deleted or scaled."""

    async def story() -> None:
        cluster = world(a_secret(), a_tenant())
        async with operating(cluster) as scene:
            await scene.settle()
            spec = cluster.objects[key("StatefulSet", "data-pool-0")]["spec"]
            assert spec["persistentVolumeClaimRetentionPolicy"] == {"whenDeleted": "Retain", "whenScaled": "Retain"}
            assert not [one for one in spec["volumeClaimTemplates"] if "ownerReferences" in one["metadata"]]
            cluster.remove(key("Tenant", "data"))
            await scene.settle()
            assert len(cluster.named("PersistentVolumeClaim")) == 4
            assert cluster.named("StatefulSet") == cluster.named("Service") == cluster.named("Pod") == []

    in_virtual_time(story())


def test_t3_a_tenant_goes_also_while_no_operator_runs() -> None:
    """T3: deletion works with the operator absent: all is owned by the Tenant, and no finalizer holds."""

    async def story() -> None:
        cluster = world(a_secret(), a_tenant())
        async with operating(cluster) as scene:
            await scene.settle()
        cluster.remove(key("Tenant", "data"))
        kinds = {one.kind for one in cluster.objects}
        assert kinds == {"Secret", "PersistentVolumeClaim", "StorageClass", "Node"}

    in_virtual_time(story())


def test_t4_there_is_no_finalizer_that_an_uninstalled_operator_would_leave() -> None:
    """T4: nothing of a Tenant is outside the cluster, so nothing has to be patched when the operator is gone."""

    async def story() -> None:
        cluster = world(a_secret(), a_tenant())
        async with operating(cluster) as scene:
            await scene.settle()
            assert not [key for key, one in cluster.objects.items() if one["metadata"].get("finalizers")]

    in_virtual_time(story())


def test_t3_nothing_is_owed_to_a_tenant_that_is_leaving() -> None:
    """T3: what is deleted in the foreground is not made anew meanwhile."""

    async def story() -> None:
        cluster = world(a_secret(), a_tenant())
        async with operating(cluster) as scene:
            await scene.settle()
            scene.forget_writes()
            leaving = "2026-01-01T00:01:00Z"
            cluster.edit(key("Tenant", "data"), lambda one: one["metadata"].update(deletionTimestamp=leaving))
            cluster.remove(key("Service", "data-io"))
            await scene.settle()
            assert scene.writes() == []

    in_virtual_time(story())
