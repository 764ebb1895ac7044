"""The Service of a Gateway, as it is applied."""

from __future__ import annotations

from typing import Any

import yaml

from xdsserver.infrastructure.gateway_service import Given, Opened, gateway_service
from xdsserver.infrastructure.marks import Marked
from xdsserver.objects.meta import Name, ObjectKey

EXPECTED = """
apiVersion: v1
kind: Service
metadata:
  name: gateway-edge
  namespace: shop
  labels:
    team: payments
    app.kubernetes.io/managed-by: xdsserver
    gateway.networking.k8s.io/gateway-name: edge
  annotations:
    example.com/paid-by: payments
    gateway.xdsserver.io/gateway: edge
    gateway.xdsserver.io/gateway-uid: one
    gateway.xdsserver.io/address: 10.0.0.5
  ownerReferences:
  - {apiVersion: gateway.networking.k8s.io/v1, kind: Gateway, name: edge, uid: one,
     controller: true, blockOwnerDeletion: false}
spec:
  type: ClusterIP
  ports:
  - {name: udp-53, port: 53, protocol: UDP}
  - {name: tcp-80, port: 80, protocol: TCP}
  - {name: tcp-443, port: 443, protocol: TCP}
---
apiVersion: discovery.k8s.io/v1
kind: EndpointSlice
metadata:
  name: gateway-edge-0
  namespace: shop
  labels:
    team: payments
    app.kubernetes.io/managed-by: xdsserver
    gateway.networking.k8s.io/gateway-name: edge
    kubernetes.io/service-name: gateway-edge
    endpointslice.kubernetes.io/managed-by: gateway.xdsserver.io
  annotations: {example.com/paid-by: payments}
  ownerReferences:
  - {apiVersion: gateway.networking.k8s.io/v1, kind: Gateway, name: edge, uid: one,
     controller: true, blockOwnerDeletion: false}
addressType: IPv4
endpoints: [{addresses: [10.0.0.5], conditions: {ready: true}}]
ports:
- {name: tcp-80, port: 8080, protocol: TCP}
- {name: tcp-443, port: 443, protocol: TCP}
"""


def gateway(name: str = "edge", **labels: str) -> Marked:
    annotations = (("example.com/paid-by", "payments"),) if labels else ()
    return Marked(Name("shop", name), "one", tuple(labels.items()), annotations)


def documents(of: Marked, given: Given, *ports: Opened) -> list[dict[str, Any]]:
    return [one.document for one in gateway_service(of, given, ports).values()]


def served(address: str) -> Given:
    return Given(address, served=True)


def test_ports_are_those_that_users_dial_and_lead_to_those_that_are_opened() -> None:
    found = documents(
        gateway(team="payments"),
        served("10.0.0.5"),
        Opened(443, "TCP", 443),
        Opened(80, "TCP", 8080),
        Opened(53, "UDP"),
    )
    assert found == list(yaml.safe_load_all(EXPECTED))


def test_before_an_address_is_served_there_is_a_name_and_nobody_behind_it() -> None:
    assert [one["kind"] for one in documents(gateway(), Given(), Opened(80, "TCP"))] == ["Service"]


def test_without_a_port_there_is_nothing() -> None:
    assert documents(gateway(), Given()) == []


def test_users_cannot_label_it_as_another_gateways() -> None:
    marks = {"gateway.networking.k8s.io/gateway-name": "other"}
    (service,) = documents(gateway(**marks), Given(), Opened(80, "TCP"))
    assert service["metadata"]["labels"]["gateway.networking.k8s.io/gateway-name"] == "edge"


def test_the_longest_name_of_a_gateway_gives_names_and_labels_that_fit() -> None:
    found = gateway_service(gateway("g." * 126 + "g"), served("10.0.0.5"), [Opened(80, "TCP", 80)])
    for key, one in found.items():
        assert len(key.name) <= 63 + len("-0")
        labels = one.document["metadata"]["labels"]
        assert all(len(value) <= 63 for value in labels.values())
    assert len({key.name.removesuffix("-0") for key in found}) == 1


def test_more_ports_than_a_slice_can_have_are_in_several() -> None:
    found = gateway_service(gateway(), served("fd00::1"), [Opened(port, "TCP", port) for port in range(1, 202)])
    slices = [one.document for key, one in found.items() if key.kind == "EndpointSlice"]
    assert [len(one["ports"]) for one in slices] == [100, 100, 1]
    assert {one["addressType"] for one in slices} == {"IPv6"}
    assert ObjectKey("EndpointSlice", "shop", "gateway-edge-2") in found
