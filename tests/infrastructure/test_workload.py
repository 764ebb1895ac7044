"""What runs a fleet: without any right, replaced when it must be, and found by labels that never change."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any

import msgspec
import pytest
from hypothesis import given, settings

from tests.infrastructure.fleets import PLANE, dedicated, shared, spec_of
from tests.infrastructure.generated import envoys_of_any_spec
from tests.objects.fleets import TAKEN
from xdsserver.infrastructure.identity import object_name
from xdsserver.infrastructure.names import MAX_NAME
from xdsserver.infrastructure.pods import BOOTSTRAP_HASH
from xdsserver.infrastructure.workload import workload
from xdsserver.objects.names import is_label, is_label_value, is_qualified_name

if TYPE_CHECKING:
    from xdsserver.infrastructure.dataplane import DataPlane, Envoys

RUNNERS = ("Deployment", "DaemonSet")


def documents(envoys: Envoys, plane: DataPlane = PLANE) -> dict[str, dict[str, Any]]:
    """Give the objects of a fleet by kind; of each kind there is one."""
    found = [one.document for one in workload(envoys, plane)]
    kinds = {one["kind"]: one for one in found}
    assert len(kinds) == len(found)
    return kinds


def pods(envoys: Envoys, plane: DataPlane = PLANE) -> dict[str, Any]:
    kinds = documents(envoys, plane)
    (runner,) = (kinds[kind] for kind in RUNNERS if kind in kinds)
    template: dict[str, Any] = runner["spec"]["template"]
    return template


@given(envoys_of_any_spec())
@settings(max_examples=30)
def test_s13_no_pod_has_any_right(envoys: Envoys) -> None:
    """S13: non-root 65532, read-only root file system, no capability, no new privileges, seccomp RuntimeDefault."""
    spec = pods(envoys)["spec"]
    assert spec["securityContext"]["runAsNonRoot"] is True
    assert spec["securityContext"]["runAsUser"] == 65532
    assert spec["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
    for container in spec["containers"]:
        rights = container["securityContext"]
        assert rights["capabilities"] == {"drop": ["ALL"]}
        assert (rights["privileged"], rights["allowPrivilegeEscalation"]) == (False, False)
        assert rights["readOnlyRootFilesystem"] is True
        assert all(port["containerPort"] > 1023 for port in container["ports"])


@given(envoys_of_any_spec())
@settings(max_examples=30)
def test_s12_no_pod_can_ask_the_api_server(envoys: Envoys) -> None:
    """S12: no ServiceAccount token; and the account has no role, since the table of permissions has no row for it."""
    assert pods(envoys)["spec"]["automountServiceAccountToken"] is False
    assert documents(envoys)["ServiceAccount"]["automountServiceAccountToken"] is False
    volumes = pods(envoys)["spec"]["volumes"]
    assert {next(kind for kind in volume if kind != "name") for volume in volumes} == {
        "configMap",
        "secret",
        "emptyDir",
    }


@given(envoys_of_any_spec())
@settings(max_examples=30)
def test_whatever_a_user_asks_for_pods_are_found_and_owned(envoys: Envoys) -> None:
    kinds = documents(envoys)
    (runner,) = (kinds[kind] for kind in RUNNERS if kind in kinds)
    wanted = runner["spec"]["selector"]["matchLabels"]
    template = runner["spec"]["template"]["metadata"]
    assert wanted.items() <= template["labels"].items()
    for one in kinds.values():
        assert one["metadata"]["ownerReferences"] == [envoys.owner.reference]
        assert one["metadata"]["namespace"] == envoys.owner.name.namespace
        assert is_label(one["metadata"]["name"])
        for key, value in {**one["metadata"]["labels"], **template["labels"]}.items():
            assert is_qualified_name(key)
            assert is_label_value(value), (key, value)
    if budget := kinds.get("PodDisruptionBudget"):
        assert budget["spec"]["selector"]["matchLabels"] == wanted


@given(envoys_of_any_spec())
@settings(max_examples=30)
def test_equal_fleets_are_equal_objects_and_every_object_is_json(envoys: Envoys) -> None:
    assert [one.intent for one in workload(envoys, PLANE)] == [one.intent for one in workload(envoys, PLANE)]
    for one in workload(envoys, PLANE):
        assert msgspec.json.decode(msgspec.json.encode(one.document)) == one.document


def test_pods_are_replaced_when_what_they_start_with_is_another_and_only_then() -> None:
    def started_with(plane: DataPlane, spec: dict[str, Any]) -> str:
        return str(pods(shared(spec_of(spec)), plane)["metadata"]["annotations"][BOOTSTRAP_HASH])

    other = dataclasses.replace(PLANE, bootstrap=lambda fleet, heap: PLANE.bootstrap(fleet, heap) + "# more\n")
    before = started_with(PLANE, {})
    assert started_with(other, {}) != before
    assert started_with(PLANE, {"workload": {"replicas": 5}}) == before
    assert started_with(PLANE, {"workload": {"resources": {"limits": {"memory": "1Gi"}}}}) != before


def test_the_labels_that_find_pods_do_not_change_with_the_spec() -> None:
    """A selector of a Deployment cannot be changed: what is in it must never depend on what users may edit."""
    plain, everything = (documents(dedicated(spec_of(TAKEN[name]))) for name in ("all defaults", TAKEN_WHOLE))
    assert plain["Deployment"]["spec"]["selector"] == everything["Deployment"]["spec"]["selector"]


TAKEN_WHOLE = "a Deployment with everything"


def test_labels_of_users_replace_none_of_ours() -> None:
    spec = spec_of({"workload": {"podLabels": {"gateway.xdsserver.io/fleet": "x", "app.kubernetes.io/name": "y"}}})
    envoys = dataclasses.replace(shared(spec), labels=(("gateway.xdsserver.io/fleet", "z"),))
    assert pods(envoys)["metadata"]["labels"] == pods(shared(spec_of({})))["metadata"]["labels"]


@pytest.mark.parametrize(
    ("limits", "heap_bytes", "threads"),
    [
        ({}, None, None),
        ({"memory": "1Gi", "cpu": "1500m"}, 966367641, "2"),
        ({"memory": "100M", "cpu": 3}, 90_000_000, "3"),
        ({"memory": 0, "cpu": "0"}, None, None),
    ],
)
def test_envoy_knows_its_limits(limits: dict[str, Any], heap_bytes: int | None, threads: str | None) -> None:
    envoys = shared(spec_of({"workload": {"resources": {"limits": limits}}}))
    plane = dataclasses.replace(PLANE, bootstrap=lambda _fleet, heap: str(heap))
    args = pods(envoys, plane)["spec"]["containers"][0]["args"]
    assert documents(envoys, plane)["ConfigMap"]["data"]["bootstrap.yaml"] == str(heap_bytes)
    assert ([*args, None][args.index("--concurrency") + 1] if "--concurrency" in args else None) == threads


def test_a_number_of_replicas_is_said_by_one_only() -> None:
    scaled = documents(shared(spec_of({"workload": {"autoscaling": {"maxReplicas": 3}}})))
    assert "replicas" not in scaled["Deployment"]["spec"]
    assert (
        scaled["HorizontalPodAutoscaler"]["spec"]["scaleTargetRef"]["name"] == scaled["Deployment"]["metadata"]["name"]
    )
    assert documents(shared(spec_of({"workload": {"replicas": 0}})))["Deployment"]["spec"]["replicas"] == 0
    assert documents(shared(spec_of({})))["Deployment"]["spec"]["replicas"] == 2


def test_names_that_are_too_long_or_have_dots_stay_apart() -> None:
    spec = spec_of({})
    long = [f"{'a' * 60}.{end}" for end in ("b", "c")]
    names = [*long, "a.b", "a-b", "a" * 253]
    found = {
        object_name(make(spec, owner._replace(name=name)).owner)
        for make, owner in ((shared, shared(spec).owner.name), (dedicated, dedicated(spec).owner.name))
        for name in names
    }
    assert len(found) == 2 * len(names)
    assert all(is_label(name) and len(name) <= MAX_NAME for name in found)


def test_a6_one_envoy_goes_at_a_time_and_tells_its_clients_first() -> None:
    """A6: preStop fails the health check and waits until nothing is under way or the deadline; `maxUnavailable` 1."""
    nodes = documents(shared(spec_of(TAKEN["a DaemonSet on ports of its nodes"])))["DaemonSet"]["spec"]
    assert nodes["updateStrategy"]["rollingUpdate"] == {"maxSurge": 0, "maxUnavailable": 1}
    deployment = documents(shared(spec_of({})))
    assert deployment["Deployment"]["spec"]["strategy"]["rollingUpdate"]["maxUnavailable"] == 0
    assert deployment["PodDisruptionBudget"]["spec"]["maxUnavailable"] == 1
    template = deployment["Deployment"]["spec"]["template"]["spec"]
    *_, serve_on, deadline = template["containers"][0]["lifecycle"]["preStop"]["exec"]["command"]
    assert 25 == int(serve_on) < int(deadline) < template["terminationGracePeriodSeconds"]


def test_a6_on_a_single_node_a_new_envoy_is_ready_before_the_old_one_goes() -> None:
    """A6: no failure with retries off; where nothing of the node is taken there are two for a while, never none."""
    nodes = documents(shared(spec_of({"workload": {"kind": "DaemonSet"}})))["DaemonSet"]["spec"]
    assert nodes["updateStrategy"]["rollingUpdate"] == {"maxSurge": 1, "maxUnavailable": 0}
    pool = spec_of({"exposure": {"type": "AddressPool", "addresses": ["192.0.2.1"]}, "workload": {"kind": "DaemonSet"}})
    nodes = documents(shared(pool))["DaemonSet"]["spec"]
    assert nodes["updateStrategy"]["rollingUpdate"] == {"maxSurge": 0, "maxUnavailable": 1}


def test_a_pool_of_addresses_is_opened_in_the_network_of_the_node() -> None:
    kinds = documents(dedicated(spec_of(TAKEN["a pool of addresses"])))
    assert kinds["Deployment"]["spec"]["template"]["spec"]["hostNetwork"] is True
    # A new pod could not open what the old one has open.
    assert kinds["Deployment"]["spec"]["strategy"]["rollingUpdate"] == {"maxSurge": 0, "maxUnavailable": 1}
    assert "hostNetwork" not in pods(shared(spec_of({})))["spec"]


def test_ports_of_nodes_lead_to_ports_that_need_no_right() -> None:
    ports = pods(shared(spec_of(TAKEN["a DaemonSet on ports of its nodes"])))["spec"]["containers"][0]["ports"]
    tcp = {one["hostPort"]: one["containerPort"] for one in ports if "hostPort" in one and one["protocol"] == "TCP"}
    udp = {one["hostPort"]: one["containerPort"] for one in ports if "hostPort" in one and one["protocol"] == "UDP"}
    assert tcp == udp == {80: 10080, 443: 10443, 8443: 8443}
