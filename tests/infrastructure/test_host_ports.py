"""Gateways share a list of ports; nothing is given out, so whoever asks gets the same answer."""

from __future__ import annotations

from xdsserver.infrastructure.host_ports import host_binds
from xdsserver.model.fleets import DEFAULT_PLACEMENT, HostPorts, Placement
from xdsserver.model.places import EVERYWHERE, Bind, PortClaim, PortKey, Refusal
from xdsserver.objects.meta import Name

NODES = Placement("fleets/nodes", HostPorts((80, 443, 8080)), Name("fleets", "nodes"))
A, B = Name("default", "a"), Name("default", "b")


def claim(placement: Placement = NODES, addresses: tuple[str, ...] = ()) -> PortClaim:
    return PortClaim("uid", "2026", addresses, placement)


def test_gateways_meet_on_one_bind_and_no_port_below_1024_is_opened() -> None:
    claims = {PortKey(gateway, port, "TCP"): claim() for gateway in (A, B) for port in (80, 443, 8080)}

    found = host_binds(claims)

    assert {binding.port for binding in found.values() if isinstance(binding, Bind)} == {10080, 10443, 8080}
    assert (
        found[PortKey(A, 80, "TCP")] == found[PortKey(B, 80, "TCP")] == Bind("fleets/nodes", EVERYWHERE, 10080, "TCP")
    )


def test_a_port_that_is_not_published_is_refused_with_those_that_are() -> None:
    refusal = host_binds({PortKey(A, 81, "TCP"): claim()})[PortKey(A, 81, "TCP")]

    assert isinstance(refusal, Refusal)
    assert refusal.reason == "PortUnavailable"
    assert "80, 443, 8080" in refusal.message
    assert "EnvoyFleet fleets/nodes" in refusal.message


def test_an_address_cannot_be_asked_for() -> None:
    refusal = host_binds({PortKey(A, 80, "TCP"): claim(addresses=("192.0.2.1",))})[PortKey(A, 80, "TCP")]

    assert isinstance(refusal, Refusal)
    assert refusal.reason == "AddressNotUsable"


def test_claims_of_other_exposures_are_left_to_others() -> None:
    assert host_binds({PortKey(A, 80, "TCP"): claim(DEFAULT_PLACEMENT)}) == {}
