"""A Tenant from its first second to the steady state, and what a change of it costs."""

from __future__ import annotations

from collections import Counter

import pytest

from tests.kube.virtual import in_virtual_time
from tests.tenant.scene import SET, START, TENANT, a_pool, a_secret, a_tenant, key, operating, world
from xdsserver.effects import Book, Intended, Taken


def test_a_tenant_becomes_ready() -> None:
    async def story() -> None:
        cluster = world(a_secret(), a_tenant(pools=[a_pool(), a_pool("pool-1")]))
        async with operating(cluster) as scene:
            await scene.settle()
            assert scene.status["currentState"] == "Ready"
            assert scene.status["availableReplicas"] == 4
            assert scene.condition("Ready") == ("True", "AllPodsReady", "4/4 pods ready")
            made = Counter(key.kind for key in cluster.objects)
            assert made["StatefulSet"] == made["PodDisruptionBudget"] == 2
            assert made["Service"] == 3
            assert made["PersistentVolumeClaim"] == 8

    in_virtual_time(story())


def test_t6_a_hundred_reconciles_of_an_unchanged_tenant_make_one_write() -> None:
    """T6: what an API server fills in is no difference: each object is written once, and so is a settled status."""

    async def story() -> None:
        cluster = world(a_secret(), a_tenant())
        async with operating(cluster) as scene:
            await scene.settle()
            assert {count for (_, key), count in Counter(scene.writes()).items() if key != TENANT} == {1}
            scene.forget_writes()
            for _ in range(100):
                cluster.tell = None
                scene.operator.take(*cluster.listed())
                scene.operator.executor.touch(cluster.objects)
                cluster.tell = scene.operator.take
                await scene.settle(1)
            assert scene.writes() == []
        # Another operator, which remembers nothing.
        async with operating(cluster) as scene:
            await scene.settle()
            assert scene.writes() == []

    in_virtual_time(story())


@pytest.mark.parametrize("size", ["10Gi", "2048Mi", "2000M", "10737418240", "1.5Gi"])
def test_t6_a_size_in_any_words_is_written_once(size: str) -> None:
    """T6: a server writes amounts in a form of its own, which is no difference either."""

    async def story() -> None:
        template = {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": size}}}
        pools = [a_pool(persistence={"volumeClaimTemplate": template})]
        cluster = world(a_secret(), a_tenant(pools=pools))
        async with operating(cluster) as scene:
            await scene.settle()
            assert len(scene.writes("StatefulSet")) == 1
            assert scene.status["currentState"] == "Ready"

    in_virtual_time(story())


def test_t6_what_a_server_fills_in_is_no_difference() -> None:
    """T6: the hash of what is intended is compared, never the object: defaults of a server cost nothing."""

    async def story() -> None:
        cluster = world(a_secret(), a_tenant())
        async with operating(cluster) as scene:
            await scene.settle()
            scene.forget_writes()

            def fill(document: dict) -> None:  # type: ignore[type-arg]
                spec = document["spec"]["template"]["spec"]
                spec |= {"schedulerName": "default-scheduler", "dnsPolicy": "ClusterFirst", "restartPolicy": "Always"}
                spec["containers"][0] |= {"imagePullPolicy": "Always", "terminationMessagePath": "/dev/termination-log"}

            cluster.edit(SET, fill)
            await scene.settle(3600 - 60)
            assert scene.writes("StatefulSet") == []

    in_virtual_time(story())


def test_t10_what_comes_first_is_there_first() -> None:
    """T10: accounts and Services before StatefulSets; only then what leans on these."""

    async def story() -> None:
        cluster = world(a_secret(), a_tenant())
        async with operating(cluster) as scene:
            await scene.settle()
            kinds = [key.kind for verb, key in scene.writes() if verb == "Apply"]
            at = kinds.index("StatefulSet")
            assert set(kinds[:at]) == {"ServiceAccount", "Role", "RoleBinding", "Service"}
            assert kinds[at:] == ["StatefulSet", "PodDisruptionBudget"]
            assert kinds.index("Role") < kinds.index("RoleBinding")

    in_virtual_time(story())


def test_a_pool_is_added_before_others_are_rolled() -> None:
    async def story() -> None:
        cluster = world(a_secret(), a_tenant())
        async with operating(cluster) as scene:
            await scene.settle()
            scene.forget_writes()
            scene.change(pools=[a_pool(), a_pool("pool-1"), a_pool("pool-2")])
            await scene.settle()
            applied = [key.name for verb, key in scene.writes("StatefulSet") if verb == "Apply"]
            assert sorted(applied[:2]) == ["data-pool-1", "data-pool-2"]
            assert applied[2:] == ["data-pool-0"]
            assert set(cluster.restarted) == {"data-pool-0-0", "data-pool-0-1"}
            assert scene.status["currentState"] == "Ready"

    in_virtual_time(story())


def test_t11_while_a_pod_is_not_ready_no_other_pool_is_touched() -> None:
    """T11: partial rollout, a pod does not become ready: no further pods are touched, and the Tenant is not Ready."""

    async def story() -> None:
        cluster = world(a_secret(), a_tenant(pools=[a_pool(), a_pool("pool-1")]))
        async with operating(cluster) as scene:
            await scene.settle()
            scene.forget_writes()
            cluster.unready.add("data-pool-0-1")
            scene.change(image="rustfs/rustfs:broken")
            await scene.settle()
            assert {key.name for _, key in scene.writes("StatefulSet")} == {"data-pool-0"}
            assert not [name for name in cluster.restarted if name.startswith("data-pool-1")]
            assert scene.condition("Ready")[0] == "False"
            assert scene.condition("WorkloadsReady") == (
                "False",
                "RolloutHeld",
                "pool pool-1 waits until pool pool-0 has been rolled",
            )
            # What mends it is let through.
            cluster.unready.clear()
            scene.change(image="rustfs/rustfs:mended")
            await scene.settle()
            assert scene.status["currentState"] == "Ready"
            assert scene.container(key("StatefulSet", "data-pool-1"))["image"] == "rustfs/rustfs:mended"

    in_virtual_time(story())


def test_the_controller_of_gateways_leaves_what_tenants_have_alone() -> None:
    """Both may run beside each other, and both know their own objects by an intention that stands on them."""

    async def story() -> None:
        cluster = world(a_secret(), a_tenant())
        async with operating(cluster) as scene:
            await scene.settle()
            book = Book()
            theirs = scene.operator.executor.book.reading(key("Service", "data-io"))
            assert theirs is not None
            book.read(key("Service", "data-io"), theirs)
            assert book.owed(key("Service", "data-io"), None, START) is None
            meant = Intended({"metadata": {"name": "data-io"}})
            assert book.owed(key("Service", "data-io"), meant, START) == Taken()

    in_virtual_time(story())
