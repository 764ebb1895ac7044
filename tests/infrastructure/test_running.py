"""Whose Envoys run in pods follows from EnvoyFleets and Gateways, and a change of one touches no other."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tests.infrastructure.fleets import PLANE
from tests.objects.documents import envoy_fleet
from xdsserver.effects import Intended
from xdsserver.objects.decode import decode
from xdsserver.objects.gatewayclass import CONTROLLER
from xdsserver.objects.kinds import BY_NAME
from xdsserver.objects.meta import Name, ObjectKey
from xdsserver.objects.validation import validate
from xdsserver.pipeline import Options
from xdsserver.reconciler import Reconciler, Surroundings

if TYPE_CHECKING:
    from xdsserver.objects.meta import KubeObject
    from xdsserver.reconciler import Outcome

GATEWAY_API = "gateway.networking.k8s.io/v1"
KINDS = ("ServiceAccount", "ConfigMap", "Deployment", "PodDisruptionBudget")


def gateway_class() -> dict[str, Any]:
    reference = {"group": "gateway.xdsserver.io", "kind": "EnvoyFleet", "name": "own", "namespace": "edge"}
    spec = {"controllerName": CONTROLLER, "parametersRef": reference}
    return {"apiVersion": GATEWAY_API, "kind": "GatewayClass", "metadata": {"name": "own"}, "spec": spec}


def gateway(name: str, port: int = 80, **infrastructure: object) -> dict[str, Any]:
    listeners = [{"name": "http", "port": port, "protocol": "HTTP"}]
    spec = {"gatewayClassName": "own", "listeners": listeners, "infrastructure": infrastructure}
    metadata = {"name": name, "namespace": "shop", "uid": f"uid-{name}"}
    return {"apiVersion": GATEWAY_API, "kind": "Gateway", "metadata": metadata, "spec": spec}


class Cluster:
    """A reconciler that is told of objects as a cluster tells of them."""

    def __init__(self, options: Options) -> None:
        self.reconciler = Reconciler(Surroundings(options=options))

    def tell(self, *documents: dict[str, Any]) -> Outcome:
        return self.reconciler.objects([(one["kind"], name_of(one), decoded(one)) for one in documents])

    def forget(self, document: dict[str, Any]) -> Outcome:
        return self.reconciler.objects([(document["kind"], name_of(document), None)])


def running() -> Cluster:
    return Cluster(Options(data_plane=PLANE))


def name_of(document: dict[str, Any]) -> Name:
    return Name(document["metadata"].get("namespace", ""), document["metadata"]["name"])


def decoded(document: dict[str, Any]) -> KubeObject:
    checked = validate(document).document
    assert checked is not None
    # What an API server adds, and a folder has not.
    checked["metadata"]["uid"] = document["metadata"].get("uid", "u")
    return decode(BY_NAME[document["kind"]], checked)


def own(**workload: object) -> dict[str, Any]:
    exposure = {"type": "AddressPool", "addresses": ["192.0.2.0/28"]}
    return envoy_fleet("own", "edge", mode="Dedicated", exposure=exposure, workload=workload)


def objects_of(name: str) -> set[ObjectKey]:
    return {ObjectKey(kind, "shop", f"gateway-{name}") for kind in KINDS}


def workloads(outcome: Outcome) -> dict[ObjectKey, bool]:
    """Give what is intended of workloads now, and (False) what is not any more; Services are told elsewhere."""
    return {key: one is not None for key, one in outcome.intended.items() if key.kind in KINDS}


def test_each_gateway_of_a_dedicated_fleet_gets_its_own() -> None:
    cluster = running()
    outcome = cluster.tell(gateway_class(), own(), gateway("a"), gateway("b"))
    assert workloads(outcome) == dict.fromkeys(objects_of("a") | objects_of("b"), True)
    intended = cluster.reconciler.pipeline.intended.rows[ObjectKey("Deployment", "shop", "gateway-a")]
    assert isinstance(intended, Intended)
    assert intended.document["metadata"]["ownerReferences"][0]["uid"] == "uid-a"
    config = cluster.reconciler.pipeline.intended.rows[ObjectKey("ConfigMap", "shop", "gateway-a")]
    assert isinstance(config, Intended)
    assert "cluster: shop/gateway/a\n" in config.document["data"]["bootstrap.yaml"]


def test_what_belongs_to_one_gateway_goes_and_changes_with_it_alone() -> None:
    cluster = running()
    cluster.tell(gateway_class(), own(), gateway("a"), gateway("b"))
    assert workloads(cluster.tell(gateway("a", port=81))) == {}
    labelled = cluster.tell(gateway("a", port=81, labels={"team": "x"}))
    assert workloads(labelled) == dict.fromkeys(objects_of("a"), True)
    assert workloads(cluster.forget(gateway("a"))) == dict.fromkeys(objects_of("a"), False)


def test_a_change_of_the_fleet_reaches_all_of_its_gateways_and_only_what_it_says() -> None:
    cluster = running()
    cluster.tell(gateway_class(), own(), gateway("a"), gateway("b"))
    deployments = {ObjectKey("Deployment", "shop", f"gateway-{name}") for name in "ab"}
    assert workloads(cluster.tell(own(replicas=3))) == dict.fromkeys(deployments, True)


def test_a_shared_fleet_runs_where_it_is_once_for_all() -> None:
    cluster = running()
    shared = own() | {"spec": own()["spec"] | {"mode": "Shared"}}
    outcome = cluster.tell(gateway_class(), shared, gateway("a"), gateway("b"))
    assert workloads(outcome) == {ObjectKey(kind, "edge", "fleet-own"): True for kind in KINDS}


def test_a_deployment_becomes_a_daemon_set() -> None:
    cluster = running()
    cluster.tell(gateway_class(), own(), gateway("a"))
    outcome = cluster.tell(own(kind="DaemonSet"))
    gone = {key.kind for key, one in outcome.intended.items() if one is None}
    made = {key.kind for key, one in outcome.intended.items() if one is not None}
    assert (gone, made) == ({"Deployment", "PodDisruptionBudget"}, {"DaemonSet"})


def test_nothing_is_run_where_somebody_else_runs_envoys() -> None:
    cluster = Cluster(Options())
    assert workloads(cluster.tell(gateway_class(), own(), gateway("a"))) == {}
    assert set(cluster.reconciler.pipeline.envoys.rows) == {"shop/gateway/a"}
