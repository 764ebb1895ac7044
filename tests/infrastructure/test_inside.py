"""A Gateway that asks for an address of the cluster alone: its own is written down in its Service, and nowhere else."""

from __future__ import annotations

from typing import Any

from xdsserver.effects import Intended
from xdsserver.gatewayapi.installed import Installed
from xdsserver.infrastructure.allocation import Pool
from xdsserver.infrastructure.observed import written_in_status
from xdsserver.model.places import Bind, Promised
from xdsserver.objects.decode import decode
from xdsserver.objects.gatewayclass import CONTROLLER
from xdsserver.objects.kinds import BY_NAME
from xdsserver.objects.meta import KubeObject, Name, ObjectKey
from xdsserver.reconciler import Reconciler, Surroundings

GATEWAY = Name("shop", "edge")
SERVICE = ObjectKey("Service", "shop", "gateway-edge")
CLASS = {"apiVersion": "gateway.networking.k8s.io/v1", "kind": "GatewayClass", "metadata": {"name": "ours"}}
CLASS["spec"] = {"controllerName": CONTROLLER}
NETWORKS = {"apiVersion": "networking.k8s.io/v1", "kind": "ServiceCIDR", "metadata": {"name": "kubernetes"}}
NETWORKS["spec"] = {"cidrs": ["10.96.0.0/16"]}


def gateway(*addresses: dict[str, str]) -> dict[str, Any]:
    listeners = [{"name": "http", "port": 80, "protocol": "HTTP"}]
    spec = {"gatewayClassName": "ours", "listeners": listeners, "addresses": list(addresses)}
    metadata = {"name": "edge", "namespace": "shop", "uid": "one"}
    return {"apiVersion": "gateway.networking.k8s.io/v1", "kind": "Gateway", "metadata": metadata, "spec": spec}


INSIDE = gateway({"routability": "Cluster"})


def reconciler() -> Reconciler:
    schemas = Installed(("v1.7.0",), in_cluster=True)
    return Reconciler(Surroundings(Pool(("192.0.2.1", "192.0.2.2")), schemas=schemas, promising=True))


def tell(to: Reconciler, *documents: dict[str, Any]) -> None:
    to.objects([(one["kind"], decoded(one).name, decoded(one)) for one in documents])


def decoded(document: dict[str, Any]) -> KubeObject:
    found = decode(BY_NAME[document["kind"]], document)
    assert isinstance(found, KubeObject)
    return found


def owed(by: Reconciler) -> dict[str, Any]:
    intended = by.pipeline.intended.rows[SERVICE]
    assert isinstance(intended, Intended)
    return dict(intended.document)


def written(by: Reconciler, cluster_ip: str = "10.96.0.42") -> dict[str, Any]:
    """Give the Service as the API server has it once it was written."""
    document = owed(by)
    annotations = {**document["metadata"]["annotations"], "gateway.xdsserver.io/intent": "1"}
    spec = {**document["spec"], "clusterIP": document["spec"].get("clusterIP", cluster_ip)}
    return {**document, "metadata": {**document["metadata"], "annotations": annotations}, "spec": spec}


def bindings(of: Reconciler) -> list[object]:
    return list(of.pipeline.bindings.rows.values())


def addresses(of: Reconciler) -> list[dict[str, str]]:
    status = of.pipeline.statuses.rows[ObjectKey("Gateway", *GATEWAY)]
    found: list[dict[str, str]] = status.document()["addresses"]
    return found


def test_it_is_served_once_its_service_says_where_on_every_replica_and_after_a_restart() -> None:
    leader, follower = reconciler(), reconciler()
    for one in (leader, follower):
        tell(one, CLASS, NETWORKS, INSIDE)
    assert [type(one) for one in bindings(leader)] == [Promised]
    assert addresses(leader) == []
    service = written(leader)
    # A follower that would have chosen another address for want of the first serves what is written.
    follower.written = {}
    for one in (leader, follower):
        tell(one, service)
        assert bindings(one) == [Bind("xdsserver-system/default", "192.0.2.1", 80, "TCP")]
        assert addresses(one) == [{"type": "IPAddress", "value": "10.96.0.42", "routability": "Cluster"}]
    later = reconciler()
    tell(later, CLASS, NETWORKS, service, {**INSIDE, "metadata": {**INSIDE["metadata"], "creationTimestamp": ""}})
    assert bindings(later) == bindings(leader)


def test_a_gateway_that_asks_for_less_keeps_the_address_on_which_it_is_served() -> None:
    """The status that told the address no longer does; the Service did so all the time."""
    ours = reconciler()
    other = gateway()
    other["metadata"] |= {"name": "other", "uid": "two", "creationTimestamp": "2026-01-01T00:00:00Z"}
    tell(ours, CLASS, NETWORKS, other)
    first = written_in_status("two", b'{"addresses": [{"value": "192.0.2.1"}]}')
    second = written_in_status("one", b'{"addresses": [{"value": "192.0.2.2", "routability": ""}]}')
    assert first is not None
    assert second is not None
    ours.observed({Name("shop", "other"): first, GATEWAY: second})
    tell(ours, gateway())
    tell(ours, written(ours))
    before = [one for one in bindings(ours) if isinstance(one, Bind)]
    tell(ours, INSIDE)
    assert written_in_status("one", b'{"addresses": [{"value": "10.96.0.42", "routability": "Cluster"}]}') is None
    # The other Gateway goes too, and leaves an address that comes first.
    ours.observed({})
    ours.objects([("Gateway", Name("shop", "other"), None)])
    assert bindings(ours) == [one for one in before if one.ip == "192.0.2.2"]


def test_its_service_is_asked_for_the_address_that_the_gateway_names() -> None:
    ours = reconciler()
    tell(ours, CLASS, NETWORKS, gateway({"routability": "Cluster", "value": "10.96.0.77"}))
    assert owed(ours)["spec"]["clusterIP"] == "10.96.0.77"
    tell(ours, written(ours))
    assert addresses(ours) == [{"type": "IPAddress", "value": "10.96.0.77", "routability": "Cluster"}]
    # It is never asked to change: the API server refuses that for good, and with it the ports.
    tell(ours, gateway({"routability": "Cluster", "value": "10.96.0.78"}, {}))
    assert "clusterIP" not in owed(ours)["spec"]


def test_marks_of_a_user_say_nothing_of_where_a_gateway_is_served() -> None:
    ours = reconciler()
    marked = gateway({"routability": "Cluster"})
    marked["spec"]["infrastructure"] = {"annotations": {"gateway.xdsserver.io/address": "192.0.2.2"}}
    tell(ours, CLASS, NETWORKS, marked)
    assert owed(ours)["metadata"]["annotations"]["gateway.xdsserver.io/address"] == "192.0.2.1"
