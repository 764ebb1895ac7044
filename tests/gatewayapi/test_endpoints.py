from __future__ import annotations

from xdsserver.gatewayapi.backends.endpoints import endpoints
from xdsserver.gatewayapi.backends.kinds import Port
from xdsserver.gatewayapi.backends.services import service_ports
from xdsserver.model.routing import EndpointsKey
from xdsserver.objects.core import (
    Endpoint,
    EndpointConditions,
    EndpointPort,
    EndpointSlice,
    Service,
    ServicePort,
    ServiceSpec,
)
from xdsserver.objects.meta import ObjectMeta

KEY = EndpointsKey("Service", "default", "web", 80, "TCP")
HTTP = Port("http")


def slice_(
    *members: Endpoint, ports: tuple[EndpointPort, ...] = (EndpointPort(name="http", port=8080),)
) -> EndpointSlice:
    metadata = ObjectMeta(name="s", namespace="default")
    return EndpointSlice(metadata=metadata, address_type="IPv4", endpoints=members, ports=ports)


def at(*addresses: str, ready: bool | None = None, serving: bool | None = None, ending: bool | None = None) -> Endpoint:
    conditions = EndpointConditions(ready=ready, serving=serving, terminating=ending)
    return Endpoint(addresses=addresses, conditions=conditions)


def found(*slices: EndpointSlice, port: Port = HTTP) -> list[tuple[str, int]]:
    return [(one.address, one.port) for one in endpoints(KEY, port, slices).members]


def test_several_addresses_of_one_endpoint_are_one_pod() -> None:
    assert found(slice_(at("10.0.0.1", "10.0.0.2"))) == [("10.0.0.1", 8080)]


def test_any_order_of_slices_and_members_gives_the_same() -> None:
    one, two = slice_(at("10.0.0.2"), at("10.0.0.1")), slice_(at("10.0.0.3"))
    assert found(one, two) == found(two, one) == [("10.0.0.1", 8080), ("10.0.0.2", 8080), ("10.0.0.3", 8080)]


def test_one_that_ends_counts_only_where_none_is_ready_in_any_slice() -> None:
    ending = slice_(at("10.0.0.1", ready=False, serving=True, ending=True))
    assert found(ending) == [("10.0.0.1", 8080)]
    assert found(ending, slice_(at("10.0.0.2"))) == [("10.0.0.2", 8080)]


def test_one_that_ends_and_no_longer_serves_never_counts() -> None:
    assert found(slice_(at("10.0.0.1", ready=False, serving=False, ending=True))) == []


def test_ready_while_ending_does_not_count_as_ready() -> None:
    """A Service with publishNotReadyAddresses says ready of everybody, also of those that end."""
    members = at("10.0.0.1", ready=True, serving=True, ending=True), at("10.0.0.2", ready=True)
    assert found(slice_(*members)) == [("10.0.0.2", 8080)]


def test_a_port_without_a_name_fits_a_port_without_a_name_only() -> None:
    unnamed = slice_(at("10.0.0.1"), ports=(EndpointPort(port=8080),))
    assert found(unnamed) == []
    assert found(unnamed, port=Port()) == [("10.0.0.1", 8080)]


def test_a_slice_port_of_another_transport_does_not_fit() -> None:
    assert found(slice_(at("10.0.0.1"), ports=(EndpointPort(name="http", port=8080, protocol="UDP"),))) == []


def test_a_slice_port_without_a_number_gives_nothing() -> None:
    assert found(slice_(at("10.0.0.1"), ports=(EndpointPort(name="http"),))) == []


def test_one_number_for_two_transports_is_two_ports() -> None:
    tcp, udp = ServicePort(port=53, name="t"), ServicePort(port=53, name="u", protocol="UDP")
    for ports in ((tcp, udp), (udp, tcp)):
        service = Service(metadata=ObjectMeta(name="dns", namespace="default"), spec=ServiceSpec(ports=ports))
        assert service_ports(service) == {(53, "TCP"): Port("t"), (53, "UDP"): Port("u", "UDP")}
