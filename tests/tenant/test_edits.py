"""Somebody else writes to what is ours: what we decide on is taken back, all else stays, and nobody fights for ever."""

from __future__ import annotations

from typing import Any

from tests.kube.virtual import in_virtual_time
from tests.tenant.scene import SET, a_pool, a_secret, a_tenant, key, operating, world

SIDECAR = {"name": "sidecar", "image": "example.com/sidecar"}


def image(name: str) -> Any:  # noqa: ANN401
    def change(document: dict[str, Any]) -> None:
        document["spec"]["template"]["spec"]["containers"][0]["image"] = name

    return change


def test_t5_an_edit_of_what_is_ours_is_taken_back() -> None:
    """T5: owned fields only, by a forced apply under our own manager; foreign labels and annotations survive."""

    async def story() -> None:
        cluster = world(a_secret(), a_tenant())
        async with operating(cluster) as scene:
            await scene.settle()

            def theirs(document: dict[str, Any]) -> None:
                image("example.com/other")(document)
                document["metadata"]["labels"]["team"] = "blue"
                document["metadata"]["annotations"]["example.com/note"] = "ours"

            scene.forget_writes()
            cluster.edit(SET, theirs)
            await scene.settle()
            assert len(scene.writes("StatefulSet")) == 1
            document = cluster.objects[SET]
            assert scene.container()["image"] == "rustfs/rustfs:latest"
            assert document["metadata"]["labels"]["team"] == "blue"
            assert document["metadata"]["annotations"]["example.com/note"] == "ours"

    in_virtual_time(story())


def test_t5_what_others_add_stays_and_costs_nothing() -> None:
    """T5: foreign sidecars survive, and are no reason to write, to wait or to step back."""

    async def story() -> None:
        cluster = world(a_secret(), a_tenant(pools=[a_pool(), a_pool("pool-1")]))
        async with operating(cluster) as scene:
            await scene.settle()
            scene.forget_writes()
            for number in range(5):

                def inject(document: dict[str, Any], number: int = number) -> None:
                    template = document["spec"]["template"]
                    template["metadata"]["annotations"] = {"kubectl.kubernetes.io/restartedAt": f"{number}"}
                    containers = template["spec"]["containers"]
                    containers[1:] = [SIDECAR | {"image": f"example.com/sidecar:{number}"}]

                cluster.edit(SET, inject)
                await scene.settle()
            assert scene.writes("StatefulSet") == []
            assert scene.status["currentState"] == "Ready"
            scene.change(image="rustfs/rustfs:next")
            await scene.settle()
            for name in ("data-pool-0", "data-pool-1"):
                assert scene.container(key("StatefulSet", name))["image"] == "rustfs/rustfs:next"
            containers = cluster.objects[SET]["spec"]["template"]["spec"]["containers"]
            assert [one["name"] for one in containers] == ["rustfs", "sidecar"]
            assert scene.status["currentState"] == "Ready"

    in_virtual_time(story())


def test_a_variable_that_its_user_takes_away_goes() -> None:
    async def story() -> None:
        cluster = world(a_secret(), a_tenant(env=[{"name": "OTHER", "value": "1"}]))
        async with operating(cluster) as scene:
            await scene.settle()
            scene.change(env=[])
            await scene.settle()
            assert "OTHER" not in scene.variables()
            assert sum(cluster.restarted.values()) == 2

    in_virtual_time(story())


def test_t5_after_three_times_in_ten_minutes_we_step_back() -> None:
    """T5: no fight: after 3 reverts in 10 minutes the condition says Conflicted, and nothing is written for as long."""

    async def story() -> None:
        cluster = world(a_secret(), a_tenant())
        async with operating(cluster) as scene:
            await scene.settle()
            scene.forget_writes()
            for number in range(6):
                cluster.edit(SET, image(f"example.com/other:{number}"))
                await scene.settle()
            assert len(scene.writes("StatefulSet")) == 3
            assert scene.verdicts()["WorkloadsReady"] == ("False", "Conflicted")
            assert scene.container()["image"] == "example.com/other:5"
            assert scene.notes().count("Conflicted") == 1
            await scene.settle(660)
            assert scene.container()["image"] == "rustfs/rustfs:latest"
            assert scene.status["currentState"] == "Ready"

    in_virtual_time(story())


def test_t5_changes_of_the_user_are_no_fight() -> None:
    """T5: what is counted is what was taken back, not what a Tenant's own changes write."""

    async def story() -> None:
        cluster = world(a_secret(), a_tenant())
        async with operating(cluster) as scene:
            await scene.settle()
            for number in range(6):
                scene.change(image=f"rustfs/rustfs:{number}")
                await scene.settle()
            assert scene.container()["image"] == "rustfs/rustfs:5"
            assert scene.status["currentState"] == "Ready"

    in_virtual_time(story())


def test_what_somebody_deletes_is_made_anew() -> None:
    async def story() -> None:
        cluster = world(a_secret(), a_tenant())
        async with operating(cluster) as scene:
            await scene.settle()
            there = {key for key in cluster.objects if key.kind in {"Service", "Role", "StatefulSet"}}
            for key in there:
                cluster.remove(key)
            await scene.settle()
            assert there <= cluster.objects.keys()
            assert scene.status["currentState"] == "Ready"

    in_virtual_time(story())


def test_an_object_of_the_same_name_that_is_somebody_elses_is_left_alone() -> None:
    async def story() -> None:
        theirs = {"kind": "Service", "metadata": {"name": "data-io", "namespace": "storage"}, "spec": {"type": "X"}}
        cluster = world(a_secret(), a_tenant(), theirs)
        async with operating(cluster) as scene:
            await scene.settle()
            assert cluster.objects[key("Service", "data-io")]["spec"] == {"type": "X"}
            status, reason, message = scene.condition("WorkloadsReady")
            assert (status, reason) == ("False", "ObjectApplyFailed")
            assert "Service data-io cannot be written: there is an object of this name that is not ours" in message
            assert cluster.named("StatefulSet") == []

    in_virtual_time(story())
