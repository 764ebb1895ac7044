"""What the operator before us made is taken over without replacing a pod; what it lacked comes with the next change."""

from __future__ import annotations

import copy
from typing import Any

import pytest
import yaml

from tests.kube.virtual import in_virtual_time
from tests.tenant.cases import CASES
from tests.tenant.scene import TENANT, defaulted, key, operating
from tests.tenant.simulated import Simulated
from xdsserver.effects.objects import INTENT

SET = key("StatefulSet", "data-primary")


def theirs() -> Simulated:
    """Give a cluster as the operator before us left it, with its pods running."""
    cluster = Simulated()
    for one in yaml.safe_load_all((CASES / "adopted" / "cluster.yaml").read_text(encoding="utf-8")):
        cluster.put(defaulted(one) if one["kind"] == "Tenant" else one)
    cluster.flush()
    return cluster


def test_statefulsets_are_adopted_without_a_restart() -> None:
    async def story() -> None:
        cluster = theirs()
        before = copy.deepcopy(cluster.objects[SET]["spec"])
        async with operating(cluster) as scene:
            await scene.settle()
            after = cluster.objects[SET]
            assert after["spec"]["template"] == before["template"]
            assert after["spec"]["volumeClaimTemplates"] == before["volumeClaimTemplates"]
            assert after["metadata"]["annotations"][INTENT]
            assert not cluster.restarted
            assert scene.status["currentState"] == "Ready"
            scene.forget_writes()
            scene.operator.executor.touch(cluster.objects)
            await scene.settle()
            assert scene.writes() == []
        async with operating(cluster) as scene:
            await scene.settle()
            assert scene.writes() == []
            assert not cluster.restarted

    in_virtual_time(story())


def test_what_was_missing_comes_with_the_next_change_of_the_user() -> None:
    async def story() -> None:
        cluster = theirs()
        async with operating(cluster) as scene:
            await scene.settle()
            assert "readinessProbe" not in scene.container(SET)
            # What makes no difference to the pods is no such change.
            scene.change(podDeletionPolicyWhenNodeIsDown="Delete")
            await scene.settle()
            assert "readinessProbe" not in scene.container(SET)
            assert not cluster.restarted
            scene.change(image="rustfs/rustfs:1.0.0")
            await scene.settle()
            container = scene.container(SET)
            assert container["image"] == "rustfs/rustfs:1.0.0"
            assert container["readinessProbe"]["httpGet"]["path"] == "/health/ready"
            assert container["securityContext"]["allowPrivilegeEscalation"] is False
            assert cluster.restarted == {"data-primary-0": 1, "data-primary-1": 1}

    in_virtual_time(story())


def test_a_change_that_was_made_while_nobody_looked_is_done() -> None:
    async def story() -> None:
        cluster = theirs()
        cluster.edit(TENANT, lambda one: one["spec"].update(image="rustfs/rustfs:1.0.0"))
        async with operating(cluster) as scene:
            await scene.settle()
            assert scene.container(SET)["image"] == "rustfs/rustfs:1.0.0"
            assert "readinessProbe" in scene.container(SET)

    in_virtual_time(story())


def later(document: dict[str, Any]) -> None:
    """Let a StatefulSet be one of a later release of that operator, which watched its pods and confined them."""
    spec = document["spec"]["template"]["spec"]
    spec["securityContext"] |= {"runAsNonRoot": True, "seccompProfile": {"type": "RuntimeDefault"}}
    spec["automountServiceAccountToken"] = False
    probe = {"httpGet": {"path": "/health", "port": 9000, "scheme": "HTTP"}, "periodSeconds": 10}
    spec["containers"][0] |= {"livenessProbe": probe, "startupProbe": probe}
    spec["containers"][0]["securityContext"] = {"allowPrivilegeEscalation": False, "capabilities": {"drop": ["ALL"]}}


def test_one_of_a_later_release_is_adopted_as_it_is_too() -> None:
    async def story() -> None:
        cluster = theirs()
        cluster.edit(SET, later)
        cluster.flush()
        cluster.restarted.clear()
        before = copy.deepcopy(cluster.objects[SET]["spec"]["template"])
        async with operating(cluster) as scene:
            await scene.settle()
            assert cluster.objects[SET]["spec"]["template"] == before
            assert not cluster.restarted

    in_virtual_time(story())


@pytest.mark.parametrize("name", ["data-io", "data-console", "data-hl"])
def test_services_are_adopted_as_they_are(name: str) -> None:
    async def story() -> None:
        cluster = theirs()
        one = key("Service", name)
        before = copy.deepcopy(cluster.objects[one])
        async with operating(cluster) as scene:
            await scene.settle()
            assert cluster.objects[one]["spec"] == before["spec"]
            assert cluster.objects[one]["metadata"]["uid"] == before["metadata"]["uid"]

    in_virtual_time(story())


def test_what_belongs_to_another_tenant_of_the_name_is_not_taken_over() -> None:
    """The label and the name are the same, the uid of the owner is not: it is left alone, and told."""

    async def story() -> None:
        cluster = theirs()

        def disown(document: dict[str, Any]) -> None:
            document["metadata"]["ownerReferences"][0]["uid"] = "an-older-tenant"

        cluster.edit(SET, disown)
        async with operating(cluster) as scene:
            await scene.settle()
            assert INTENT not in cluster.objects[SET]["metadata"].get("annotations", {})
            assert scene.verdicts()["WorkloadsReady"] == ("False", "StatefulSetApplyFailed")

    in_virtual_time(story())
