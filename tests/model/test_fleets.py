"""Names of fleets, and the ports that Envoys open in pods."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from xdsserver.model.fleets import SERVICE_PORTS, container_ports, dedicated_fleet, fleet_namespace, shared_fleet
from xdsserver.objects.meta import Name
from xdsserver.xds.identity import fleet_of_uri, fleet_uri

names = st.builds(Name, st.sampled_from(["gateway", "a"]), st.sampled_from(["gateway", "a", "a.gateway", "b"]))


@given(names, names)
def test_a_fleet_of_one_gateway_is_never_one_that_is_shared(one: Name, other: Name) -> None:
    assert dedicated_fleet(one) != shared_fleet(other)


@given(names)
def test_envoys_of_both_have_an_identity_and_a_namespace(name: Name) -> None:
    for fleet in (dedicated_fleet(name), shared_fleet(name)):
        assert fleet_of_uri(fleet_uri(fleet)) == fleet
        assert fleet_namespace(fleet) == name.namespace


@given(st.lists(st.integers(1, 65535) | st.integers(1, 1023) | st.integers(10_001, 11_100)))
def test_published_ports_are_opened_where_no_right_is_needed_and_none_twice(ports: list[int]) -> None:
    opened = container_ports(ports)

    assert opened.keys() == set(ports)
    assert len(set(opened.values())) == len(opened)
    assert min(opened.values(), default=1024) >= 1024


def test_ports_of_the_web_are_where_people_look_for_them() -> None:
    assert container_ports([443, 80, 8080]) == {80: 10080, 443: 10443, 8080: 8080}
    assert container_ports([80, 10080]) == {80: 10081, 10080: 10080}


def test_services_get_ports_of_no_other_use() -> None:
    assert SERVICE_PORTS.start > 1023
    assert not {18000, 19000, *range(30_000, 65_536)} & set(SERVICE_PORTS)
