"""The Helm chart: what Helm and the schemas of the API take, and what each preset means."""

from __future__ import annotations

import json
import re
from importlib import metadata
from typing import TYPE_CHECKING, Any

import helm_python
import kubernetes_validate
import pytest
import yaml
from typer.testing import CliRunner

from tests.deploy.charts import CHART, NAMESPACE, definitions, documents, of_kind, presets, texts
from tests.docs.chart import comments
from xdsserver.cli.main import app
from xdsserver.infrastructure.permissions import NAME, manifest
from xdsserver.infrastructure.tenant_permissions import TENANTS
from xdsserver.objects.validation import validate

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.deploy.charts import Document

OURS = ("gateway.networking.k8s.io/", "gateway.xdsserver.io/")
PROMETHEUS = "monitoring.coreos.com/v1"
VALUES: dict[str, Any] = yaml.safe_load((CHART / "values.yaml").read_text(encoding="utf-8"))
SCHEMA: dict[str, Any] = json.loads((CHART / "values.schema.json").read_text(encoding="utf-8"))
ALL = presets() | {"tenants": {"tenants": {"enabled": True}}, "tokens": {"xds": {"tokensPort": 18001}}}


@pytest.mark.parametrize("preset", ALL)
def test_a_preset_is_taken_by_helm_and_by_the_schemas_of_the_api(preset: str) -> None:
    report = helm_python.lint(CHART, ALL[preset], strict=True, with_subcharts=True)
    assert report["errors"] == []
    assert [one for one in report["messages"] if one["severity"] > 1] == []
    found = documents(ALL[preset])
    assert len({(one["kind"], one["metadata"].get("namespace"), one["metadata"]["name"]) for one in found}) == len(
        found
    )
    for one in found:
        if one["apiVersion"].startswith(OURS):
            checked = validate(one)
            assert checked.errors == ()
            assert checked.unknown == ()
        elif one["apiVersion"] != PROMETHEUS:
            kubernetes_validate.validate(one, "1.36", strict=True)


def test_our_kinds_are_made_known_before_objects_of_them_and_only_where_that_is_wanted() -> None:
    for one in definitions():
        kubernetes_validate.validate(one, "1.36", strict=True)
    assert {one["spec"]["names"]["kind"] for one in definitions()} >= {one["kind"] for one in of_kind({}, "EnvoyFleet")}
    (kinds,) = yaml.safe_load((CHART / "Chart.yaml").read_text(encoding="utf-8"))["dependencies"]
    assert (kinds["name"], kinds["condition"]) == ("crds", "crds.enabled")


def test_the_chart_says_which_release_it_installs() -> None:
    charts = [yaml.safe_load(path.read_text(encoding="utf-8")) for path in CHART.rglob("Chart.yaml")]
    assert {one["version"] for one in charts} == {metadata.version("xdsserver")}
    assert {one["appVersion"] for one in charts if "appVersion" in one} == {metadata.version("xdsserver")}


def test_notes_tell_the_next_command_and_what_is_missing() -> None:
    with helm_python.Chart.load(CHART) as chart:
        notes = next(text for path, text in chart.render({}, name="x").items() if path.endswith("NOTES.txt"))
    assert "CustomResourceDefinitions of the Gateway API are not installed: nothing is served before they are" in notes
    assert "kubectl apply --server-side -f https://" in notes


def test_the_presets_that_are_asked_for_are_there() -> None:
    assert {"default", "ha", "hostport", "addresspool", "namespaced", "no-crds", "monitoring"} <= ALL.keys()


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"replicas": 3}, "replicas"),
        ({"image": {"repository": ""}}, "repository"),
        ({"envoy": {"exposure": {"type": "AddressPool"}}}, "addresses"),
        ({"envoy": {"exposure": {"type": "HostPort"}, "kind": "Deployment"}}, "kind"),
        ({"envoy": {"replicas": 2}}, "replicas"),
        ({"envoy": {"terminationGracePeriodSeconds": 5}}, "terminationGracePeriodSeconds"),
        ({"xds": {"port": 443}}, "port"),
        ({"watchNamespaces": ["Not_a_name"]}, "watchNamespaces"),
        ({"metrics": {"serviceMonitor": {"interval": 30}}}, "interval"),
        ({"tenants": {"enabled": "yes"}}, "enabled"),
    ],
)
def test_values_that_make_no_sense_are_refused_by_name(values: dict[str, Any], words: str) -> None:
    with helm_python.Chart.load(CHART) as chart, pytest.raises(helm_python.HelmError, match=words):
        chart.validate_schema(values)


def paths(values: dict[str, Any], above: str = "") -> Iterator[str]:
    for key, value in values.items():
        yield f"{above}{key}"
        if isinstance(value, dict):
            yield from paths(value, f"{above}{key}.")


def test_every_value_has_a_type_and_every_type_a_value() -> None:
    def typed(schema: dict[str, Any], above: str = "") -> Iterator[str]:
        for key, inner in schema.get("properties", {}).items():
            yield f"{above}{key}"
            yield from typed(inner, f"{above}{key}.")

    free = ("podSecurityContext.", "securityContext.", "metrics.dashboards.labels.")
    said = {path for path in paths(VALUES) if not path.startswith(free) and not re.search(r"requests\.", path)}
    known = set(typed(SCHEMA))
    assert said - known == set()
    # What Helm adds by itself, and what stands in the comment of its map.
    inside = ("global", "crds.global", "envoy.autoscaling.", "envoy.exposure.service.", "namespaceQuota.")
    shares = (
        "resources.",
        "envoy.resources.",
        "tenants.resources.",
        "podDisruptionBudget.",
        "envoy.podDisruptionBudget.",
    )
    assert {path for path in known - said if not path.startswith((*inside, *shares))} == set()


def test_every_comment_is_about_a_value() -> None:
    assert set(comments()) - set(paths(VALUES)) == set()


# What the server may do, and who may reach it.


def without_labels(found: list[Document]) -> list[Document]:
    bare = [
        {**one, "metadata": {key: value for key, value in one["metadata"].items() if key != "labels"}} for one in found
    ]
    return sorted(bare, key=lambda one: (one["kind"], one["metadata"].get("namespace", ""), one["metadata"]["name"]))


def rules(found: list[Document]) -> list[Document]:
    """Give them with rules in one order: roles mean the same in any."""
    return [{**one, "rules": sorted(one["rules"], key=json.dumps)} if "rules" in one else one for one in found]


@pytest.mark.parametrize("watched", [(), ("shop", "payments")], ids=["all", "some"])
def test_s11_the_roles_of_the_chart_are_those_of_the_table(watched: tuple[str, ...]) -> None:
    """S11: the rendered roles say what the reviewed table says, and there is no other role."""
    kinds = {"ServiceAccount", "ClusterRole", "ClusterRoleBinding", "Role", "RoleBinding"}
    rendered = [one for one in documents({"watchNamespaces": list(watched)}) if one["kind"] in kinds]
    # Our own namespace is among those that are read: the EnvoyFleet of the chart is there.
    expected = list(yaml.safe_load_all(manifest((*watched, NAMESPACE) if watched else ())))
    assert rules(without_labels(rendered)) == rules(without_labels(expected))


@pytest.mark.parametrize("watched", [(), ("shop", "payments")], ids=["all", "some"])
def test_s11_the_operator_of_tenants_has_roles_of_its_own(watched: tuple[str, ...]) -> None:
    """S11: those of its own table, and its account is bound to no other."""
    kinds = {"ServiceAccount", "ClusterRole", "ClusterRoleBinding", "Role", "RoleBinding"}
    found = documents({"tenants": {"enabled": True}, "watchNamespaces": list(watched)})
    rendered = [one for one in found if one["kind"] in kinds and one["metadata"]["name"].startswith(TENANTS.name)]
    expected = list(yaml.safe_load_all(manifest((*watched, NAMESPACE) if watched else (), TENANTS)))
    assert rules(without_labels(rendered)) == rules(without_labels(expected))
    (pods,) = [
        one["spec"]["template"]["spec"]
        for one in found
        if one["metadata"]["name"] == TENANTS.name and "template" in one.get("spec", ())
    ]
    assert pods["serviceAccountName"] == TENANTS.name


def test_s12_xds_is_open_to_envoys_alone() -> None:
    """S12: NetworkPolicy lets pods of fleets alone to the xDS port, and no one to what replicas tell each other."""
    (policy,) = of_kind({"xds": {"tokensPort": 18001}}, "NetworkPolicy")
    (server,) = of_kind({}, "Deployment", name=NAME)
    assert (
        policy["spec"]["podSelector"]["matchLabels"].items() <= server["spec"]["template"]["metadata"]["labels"].items()
    )
    assert policy["spec"]["policyTypes"] == ["Ingress"]
    allowed = {port["port"]: one.get("from") for one in policy["spec"]["ingress"] for port in one["ports"]}
    fleets = {"matchExpressions": [{"key": "gateway.xdsserver.io/fleet", "operator": "Exists"}]}
    assert allowed["xds"] == allowed["tokens"] == [{"namespaceSelector": {}, "podSelector": fleets}]
    assert allowed["reports"] == [{"podSelector": policy["spec"]["podSelector"]}]
    assert {name for name, whence in allowed.items() if whence is None} == {"health"}


def test_s12_no_pod_but_those_of_controllers_gets_a_token() -> None:
    """S12: an Envoy's pod has no ServiceAccount token, and neither has that of `helm test`."""
    pods = of_kind({}, "Pod")
    assert pods
    assert all(pod["spec"]["automountServiceAccountToken"] is False for pod in pods)
    # Envoys are the server's to run: no pod of theirs is in the chart, and what it makes of an EnvoyFleet has no token.
    assert of_kind({}, "DaemonSet") == []


@pytest.mark.parametrize("preset", ALL)
def test_s13_no_container_of_the_chart_has_any_right(preset: str) -> None:
    """S13: non-root 65532, read-only root file system, no capability, no new privileges, seccomp RuntimeDefault."""
    templates = [one["spec"]["template"]["spec"] for one in of_kind(ALL[preset], "Deployment")]
    pods = [one["spec"] for one in of_kind(ALL[preset], "Pod")]
    assert templates
    for spec in (*templates, *pods):
        whole = spec["securityContext"]
        assert (whole["runAsNonRoot"], whole["runAsUser"], whole["runAsGroup"]) == (True, 65532, 65532)
        assert whole["seccompProfile"] == {"type": "RuntimeDefault"}
        assert "hostNetwork" not in spec
        for container in spec["containers"]:
            rights = container["securityContext"]
            assert rights["capabilities"] == {"drop": ["ALL"]}
            assert (rights["privileged"], rights["allowPrivilegeEscalation"]) == (False, False)
            assert rights["readOnlyRootFilesystem"] is True
            assert all(port["containerPort"] > 1023 for port in container.get("ports", ()))


# What is run.


def server_arguments(values: dict[str, Any], name: str = NAME) -> list[str]:
    (server,) = of_kind(values, "Deployment", name=name)
    (container,) = server["spec"]["template"]["spec"]["containers"]
    return [str(one) for one in container["args"]]


@pytest.mark.parametrize(
    "values",
    [
        {},
        *presets().values(),
        {
            "xds": {"port": 18443, "tokensPort": 18444, "envoysAnywhere": True},
            "watchNamespaces": ["shop"],
            "secretSelector": "gateway=yes",
            "namespaceQuota": {"routes": 500, "hostnames": 1000000},
            "controllerNames": ["example.com/a", "example.com/b"],
            "envoy": {"image": {"repository": "example.com/envoy", "tag": "x"}},
            "logFormat": "text",
            "admin": {"tokenSecret": "xdsserver-admin"},
        },
    ],
)
def test_the_server_knows_all_options_that_it_is_given(values: dict[str, Any]) -> None:
    """It gets as far as to look for its cluster, which is the first thing after its options."""
    answer = CliRunner().invoke(
        app, server_arguments(values), env={"KUBECONFIG": None, "KUBERNETES_SERVICE_HOST": None}
    )
    assert answer.exit_code == 2
    assert "there is no API server to ask" in " ".join(re.sub(r"[│╭╰─╮╯]", " ", answer.output).split())


def test_values_reach_the_server() -> None:
    values = {
        "fullnameOverride": "gate",
        "xds": {"port": 18443},
        "namespaceQuota": {"routes": 500, "hostnames": 1000000},
        "watchNamespaces": ["shop"],
    }
    given = server_arguments(values, "gate")
    assert f"--envoys-xds=gate.{NAMESPACE}.svc:18443" in given
    assert "--namespace-quota=hostnames=1000000,routes=500" in given
    assert f"--watch-namespaces=shop,{NAMESPACE}" in given
    (service,) = of_kind(values, "Service")
    assert service["metadata"]["name"] == "gate"
    assert {one["name"]: one["port"] for one in service["spec"]["ports"]} == {"xds": 18443, "health": 8080}


def test_a_token_of_the_admin_api_is_mounted_where_a_secret_is_named() -> None:
    """Nobody but the server's own user may read it, or the server does not take it."""
    assert not any("--admin" in one for one in server_arguments({}))
    values = {"admin": {"tokenSecret": "xdsserver-admin"}}
    (file,) = (one.partition("=")[2] for one in server_arguments(values) if one.startswith("--admin-token-file="))
    (server,) = of_kind(values, "Deployment")
    spec = server["spec"]["template"]["spec"]
    (volume,) = (one["secret"] for one in spec["volumes"] if one["name"] == "admin")
    assert (volume["secretName"], volume["defaultMode"]) == ("xdsserver-admin", 0o440)
    (mount,) = (one for one in spec["containers"][0]["volumeMounts"] if one["name"] == "admin")
    assert file == f"{mount['mountPath']}/{volume['items'][0]['path']}"
    assert spec["securityContext"]["fsGroup"] == spec["securityContext"]["runAsGroup"]


def test_several_servers_may_not_all_go_at_once_and_one_may() -> None:
    assert of_kind({}, "PodDisruptionBudget") == []
    (budget,) = of_kind({"replicaCount": 3}, "PodDisruptionBudget")
    assert budget["spec"]["maxUnavailable"] == 1
    (server,) = of_kind({"replicaCount": 3}, "Deployment")
    assert server["spec"]["strategy"]["rollingUpdate"] == {"maxSurge": 1, "maxUnavailable": 0}
    assert budget["spec"]["selector"] == server["spec"]["selector"]


def test_the_class_leads_to_the_envoys_of_the_chart() -> None:
    (fleet,) = of_kind({}, "EnvoyFleet")
    (class_,) = of_kind({}, "GatewayClass")
    named = class_["spec"]["parametersRef"]
    assert (named["kind"], named["namespace"], named["name"]) == (
        "EnvoyFleet",
        fleet["metadata"]["namespace"],
        fleet["metadata"]["name"],
    )
    assert class_["metadata"]["name"] == "xdsserver"


def test_where_the_gateway_api_is_not_installed_there_is_no_class_and_the_rest_is() -> None:
    """Without a cluster Helm knows no kinds of others, which is how it is where they are not installed."""
    with helm_python.Chart.load(CHART) as chart:
        found = chart.render({}, name="xdsserver", namespace=NAMESPACE)
    assert not any("kind: GatewayClass" in text for path, text in found.items() if path.endswith(".yaml"))
    assert any("kind: EnvoyFleet" in text for text in found.values())


def test_pods_of_other_kinds_are_not_taken_for_servers() -> None:
    """Servers find each other by a label: a pod that has it and takes no reports would hold up every decision."""
    values = {"tenants": {"enabled": True}}
    labels = {
        one["metadata"]["name"]: one["spec"]["template"]["metadata"]["labels"]["app.kubernetes.io/name"]
        for one in of_kind(values, "Deployment")
    }
    labels |= {
        one["metadata"]["name"]: one["metadata"]["labels"]["app.kubernetes.io/name"] for one in of_kind(values, "Pod")
    }
    assert [name for name, label in labels.items() if label == NAME] == [NAME]


def test_a_release_of_another_name_and_namespace_keeps_apart() -> None:
    found = documents({}, name="edge", namespace="gates")
    assert {one["metadata"].get("namespace", "gates") for one in found} == {"gates"}
    named = {one["metadata"]["name"] for one in found} - {"default", "xdsserver"}
    assert named == {"edge-xdsserver", "edge-xdsserver-leader", "edge-xdsserver-test"}


def test_names_of_files_say_what_is_in_them() -> None:
    assert set(texts({})) >= {"deployment.yaml", "envoyfleet.yaml", "rbac.yaml", "networkpolicy.yaml"}
