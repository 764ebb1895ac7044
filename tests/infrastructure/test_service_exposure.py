"""Services that expose Gateways: what is read back from them, and endpoints that follow those of a fleet."""

from __future__ import annotations

import msgspec
import pytest

from xdsserver.infrastructure.allocation import Written
from xdsserver.infrastructure.marks import Marked, service_name
from xdsserver.infrastructure.observed import ingress_in_status, node_addresses_in_status
from xdsserver.infrastructure.service_exposure import (
    Asked,
    ServedPort,
    exposing_service,
    mirrored_slices,
    written_in_service,
)
from xdsserver.model.fleets import PerService
from xdsserver.model.places import EVERYWHERE, Bind
from xdsserver.objects.core import EndpointSlice, Service
from xdsserver.objects.decode import decode_json
from xdsserver.objects.kinds import BY_NAME
from xdsserver.objects.meta import Name, ObjectMeta

LONG = Name("shop", "g." * 126 + "g")


def ports(*numbers: int) -> list[ServedPort]:
    return [ServedPort(number, Bind("fleets/edge", EVERYWHERE, 20_000 + number, "TCP")) for number in numbers]


def applied(gateway: Name, exposure: PerService | None = None) -> Service:
    """Give the Service of a Gateway as it comes back from the API server."""
    document = exposing_service(Marked(gateway, "one"), Asked(exposure or PerService()), ports(80, 443)).document
    annotations = {"gateway.xdsserver.io/intent": "x"} | document["metadata"]["annotations"]
    whole = document | {"metadata": document["metadata"] | {"annotations": annotations}}
    service = decode_json(BY_NAME["Service"], msgspec.json.encode(whole))
    assert isinstance(service, Service)
    return service


@pytest.mark.parametrize("gateway", [Name("shop", "edge"), LONG])
def test_what_is_written_is_what_is_read(gateway: Name) -> None:
    service = applied(gateway)

    assert written_in_service(service.name, service) == (
        gateway,
        Written("one", "", {(80, "TCP"): 20_080, (443, "TCP"): 20_443}),
    )
    assert len(service.metadata.name) <= 63


def test_a_copy_under_another_name_says_nothing() -> None:
    service = applied(Name("shop", "edge"))

    assert written_in_service(Name("shop", "copy"), service) is None


def test_a_service_is_exposed_as_it_was_asked_for() -> None:
    exposure = PerService("NodePort", external_traffic_policy="Local")
    asked = Asked(exposure, ("192.0.2.1",), {"fleet": "edge"})

    spec = exposing_service(Marked(Name("shop", "edge"), "one"), asked, ports(80)).document["spec"]

    assert spec == {
        "type": "NodePort",
        "ports": [{"name": "tcp-80", "port": 80, "protocol": "TCP", "targetPort": 20_080}],
        "selector": {"fleet": "edge"},
        "externalTrafficPolicy": "Local",
        "externalIPs": ["192.0.2.1"],
    }


def test_more_ports_than_a_slice_can_have_are_in_several() -> None:
    pods = EndpointSlice(metadata=ObjectMeta(name="fleet-edge-x", namespace="fleets"), address_type="IPv4")

    found = list(mirrored_slices(Marked(Name("shop", "edge"), "one"), ports(*range(1, 202)), "fleet-edge-x", pods))

    assert [len(one.document["ports"]) for one in found] == [100, 100, 1]
    assert len({one.document["metadata"]["name"] for one in found}) == 3


def test_names_of_slices_fit_and_differ() -> None:
    pods = EndpointSlice(metadata=ObjectMeta(name="x", namespace="fleets"), address_type="IPv4")
    marked = Marked(LONG, "one")

    names = {
        one.document["metadata"]["name"]
        for name in ("fleet-edge-aaaaa", "fleet-edge-bbbbb")
        for one in mirrored_slices(marked, ports(80), name, pods)
    }

    assert len(names) == 2
    assert all(len(name) <= 63 for name in names)
    assert service_name(LONG) not in names


@pytest.mark.parametrize(
    ("status", "expected"),
    [
        (b"", ()),
        (b'{"loadBalancer": {}}', ()),
        (
            b'{"loadBalancer": {"ingress": [{"ip": "192.0.2.7"}, {"hostname": "lb.example.com"}]}}',
            ("192.0.2.7", "lb.example.com"),
        ),
        (
            b'{"loadBalancer": {"ingress": [{"ip": "192.0.2.7", "hostname": "x"}, {"ip": "192.0.2.7"}, {}]}}',
            ("192.0.2.7",),
        ),
        (b'{"loadBalancer": "?"}', ()),
    ],
)
def test_a_load_balancer_says_where_it_is(status: bytes, expected: tuple[str, ...]) -> None:
    assert ingress_in_status(status) == expected


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        ([], ()),
        ([("Hostname", "node-1"), ("InternalIP", "10.0.0.1")], ("10.0.0.1",)),
        ([("InternalIP", "10.0.0.1"), ("ExternalIP", "192.0.2.1")], ("192.0.2.1",)),
        ([("InternalIP", "10.0.0.1"), ("InternalIP", "fd00::1")], ("10.0.0.1", "fd00::1")),
    ],
)
def test_a_node_is_dialled_from_outside_where_it_can_be(said: list[tuple[str, str]], expected: tuple[str, ...]) -> None:
    status = msgspec.json.encode({"addresses": [{"type": type_, "address": address} for type_, address in said]})

    assert node_addresses_in_status(status) == expected
