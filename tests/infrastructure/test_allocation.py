"""Each Gateway gets an address of its own and keeps it; a port that cannot be opened is found another place."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from xdsserver.infrastructure.allocation import Pool, Wanted, Written, allocate
from xdsserver.model.fleets import AddressPool, Placement
from xdsserver.model.places import Bind, PortClaim, PortKey, Refusal
from xdsserver.objects.meta import Name

if TYPE_CHECKING:
    from collections.abc import Mapping

    from xdsserver.model.places import Binding

POOL = Pool(("127.0.0.1", "127.0.0.2"))
A, B, C = (Name("default", name) for name in "abc")
NOTHING: Mapping[Name, Written] = {}


class Machine:
    """Answers whether a port can be opened, and remembers what it was asked."""

    def __init__(self, *taken: tuple[str, int]) -> None:
        self.taken = set(taken)
        self.asked: list[tuple[str, int, str]] = []

    def __call__(self, address: str, port: int, transport: str) -> str | None:
        self.asked.append((address, port, transport))
        return f"{port} is in use" if (address, port) in self.taken else None


FREE = Machine()


def claim(
    gateway: Name, *ports: int, created: str = "2026", uid: str = "", addresses: tuple[str, ...] = ()
) -> dict[PortKey, PortClaim]:
    one = PortClaim(uid or f"uid of {gateway.name}", created, addresses, Placement("edge", AddressPool()))
    return {PortKey(gateway, port, "TCP"): one for port in ports or (80,)}


def answer(
    claims: Mapping[PortKey, PortClaim], written: Mapping[Name, Written], machine: Machine = FREE, *waiting: Name
) -> tuple[dict[Name, Written], dict[PortKey, Binding]]:
    """Allocate where those exist who have claims, and those who wait without one."""
    uids = {gateway: f"uid of {gateway.name}" for gateway in waiting}
    uids |= {key.gateway: one.uid for key, one in claims.items()}
    return allocate(Wanted(claims, uids), written, POOL, machine)


def bind(ip: str, port: int = 80) -> Bind:
    return Bind("edge", ip, port, "TCP")


def found(bindings: Mapping[PortKey, Binding], gateway: Name, port: int = 80) -> Binding:
    return bindings[PortKey(gateway, port, "TCP")]


def reason(bindings: Mapping[PortKey, Binding], gateway: Name, port: int = 80) -> str:
    refusal = found(bindings, gateway, port)
    assert isinstance(refusal, Refusal)
    return refusal.reason


def test_nothing_is_claimed_and_nothing_is_written() -> None:
    assert answer({}, NOTHING) == ({}, {})


def test_each_gateway_gets_one_address_for_all_its_ports() -> None:
    written, bindings = answer(claim(A, 80, 8080) | claim(B, 80), NOTHING)

    assert found(bindings, A, 80) == bind("127.0.0.1", 80)
    assert found(bindings, A, 8080) == bind("127.0.0.1", 8080)
    assert found(bindings, B, 80) == bind("127.0.0.2", 80)
    assert written == {
        A: Written("uid of a", "127.0.0.1", {(80, "TCP"): 80, (8080, "TCP"): 8080}),
        B: Written("uid of b", "127.0.0.2", {(80, "TCP"): 80}),
    }


def test_the_order_of_claims_does_not_matter() -> None:
    claims = claim(A, 80, 8080, created="2026") | claim(B, 80, created="2025") | claim(C, 80, created="")

    assert answer(dict(reversed(claims.items())), NOTHING) == answer(claims, NOTHING)


def test_the_older_gateway_comes_first() -> None:
    _, bindings = answer(claim(A, created="2026") | claim(B, created="2025"), NOTHING)

    assert (found(bindings, B), found(bindings, A)) == (bind("127.0.0.1"), bind("127.0.0.2"))


def test_of_gateways_of_one_age_the_uid_decides() -> None:
    _, bindings = answer(claim(A, uid="2") | claim(B, uid="1"), NOTHING)

    assert (found(bindings, B), found(bindings, A)) == (bind("127.0.0.1"), bind("127.0.0.2"))


def test_what_was_written_is_kept_whoever_comes_later() -> None:
    written, _ = answer(claim(A, created="2026"), NOTHING)

    again, bindings = answer(claim(A, created="2026") | claim(B, created="2025"), written)

    assert (found(bindings, A), found(bindings, B)) == (bind("127.0.0.1"), bind("127.0.0.2"))
    assert again[A] == written[A]


def test_a_port_that_is_open_already_is_not_asked_for_again() -> None:
    """The machine would say that the port is in use: by our own Envoy."""
    written, bindings = answer(claim(A), NOTHING)
    machine = Machine(("127.0.0.1", 80))

    assert answer(claim(A), written, machine) == (written, bindings)
    assert not machine.asked


def test_an_address_that_is_given_back_is_free_for_another() -> None:
    written, _ = answer(claim(A) | claim(B), NOTHING)

    written, bindings = answer(claim(B) | claim(C), written)

    assert (found(bindings, B), found(bindings, C)) == (bind("127.0.0.2"), bind("127.0.0.1"))
    assert set(written) == {B, C}


def test_a_gateway_without_a_claim_for_a_while_keeps_its_address_and_ports() -> None:
    """As one does whose class is not accepted for a moment, or whose listeners are all wrong while they are edited."""
    written, before = answer(claim(A) | claim(B), NOTHING, Machine(("127.0.0.1", 80)))

    waiting, _ = answer(claim(B) | claim(C), written, FREE, A)

    assert waiting[A] == written[A]
    _, after = answer(claim(A) | claim(B), waiting, Machine(("127.0.0.1", 8080)))
    assert after == before


def test_a_gateway_that_was_made_again_does_not_inherit_where_its_ports_were_moved() -> None:
    before = {A: Written("another uid", "127.0.0.1", {(80, "TCP"): 8080})}

    written, bindings = answer(claim(A), before)

    assert found(bindings, A) == bind("127.0.0.1", 80)
    assert written == {A: Written("uid of a", "127.0.0.1", {(80, "TCP"): 80})}


def test_an_address_is_handed_on_with_its_sockets() -> None:
    """The machine would say that the port is in use: by our own Envoy, which has not heard of the change yet."""
    written, _ = answer(claim(A), NOTHING)

    _, bindings = answer(claim(B), written, Machine(("127.0.0.1", 80)))

    assert found(bindings, B) == bind("127.0.0.1", 80)


def test_an_address_that_left_the_pool_is_replaced() -> None:
    before = {A: Written("uid of a", "127.0.0.9", {(80, "TCP"): 80})}

    written, bindings = answer(claim(A), before)

    assert found(bindings, A) == bind("127.0.0.1")
    assert written[A].address == "127.0.0.1"


def test_the_ports_of_an_address_that_is_replaced_are_asked_for_again() -> None:
    machine = Machine(("127.0.0.2", 80))
    written, _ = answer(claim(A), NOTHING)

    _, bindings = answer(claim(A, addresses=("127.0.0.2",)), written, machine)

    assert found(bindings, A) == bind("127.0.0.2", 8080)


def test_an_exhausted_pool_refuses_the_youngest() -> None:
    claims = claim(A, 80, 8080, created="2027") | claim(B, created="2026") | claim(C, created="2025")

    written, bindings = answer(claims, NOTHING)

    assert (reason(bindings, A, 80), reason(bindings, A, 8080)) == ("AddressNotAssigned", "AddressNotAssigned")
    assert set(written) == {B, C}


def test_an_address_that_is_asked_for_is_given() -> None:
    _, bindings = answer(claim(A, addresses=("127.0.0.2",)), NOTHING)

    assert found(bindings, A) == bind("127.0.0.2")


@pytest.mark.parametrize("addresses", [("192.0.2.1",), ("127.0.0.1", "127.0.0.2")], ids=["not in the pool", "two"])
def test_addresses_that_cannot_be_given_refuse_all_ports(addresses: tuple[str, ...]) -> None:
    written, bindings = answer(claim(A, 80, 8080, addresses=addresses), NOTHING)

    assert (reason(bindings, A, 80), reason(bindings, A, 8080)) == ("AddressNotUsable", "AddressNotUsable")
    assert not written


def test_of_two_gateways_that_ask_for_one_address_the_older_gets_it() -> None:
    asked = ("127.0.0.2",)
    claims = claim(A, created="2026", addresses=asked) | claim(B, created="2025", addresses=asked)

    _, bindings = answer(claims, NOTHING)

    assert found(bindings, B) == bind("127.0.0.2")
    assert reason(bindings, A) == "AddressNotUsable"


def test_whoever_has_an_address_keeps_it_from_an_older_gateway_that_asks_for_it() -> None:
    written, _ = answer(claim(A, created="2026"), NOTHING)

    _, bindings = answer(claim(A, created="2026") | claim(B, created="2025", addresses=("127.0.0.1",)), written)

    assert found(bindings, A) == bind("127.0.0.1")
    assert reason(bindings, B) == "AddressNotUsable"


def test_an_address_that_is_asked_for_later_replaces_the_one_that_was_given() -> None:
    written, _ = answer(claim(A), NOTHING)

    written, bindings = answer(claim(A, addresses=("127.0.0.2",)), written)

    assert found(bindings, A) == bind("127.0.0.2")
    assert written[A].address == "127.0.0.2"


def test_a_port_that_cannot_be_opened_is_opened_8000_higher_and_stays_there() -> None:
    written, bindings = answer(claim(A), NOTHING, Machine(("127.0.0.1", 80)))

    assert found(bindings, A) == bind("127.0.0.1", 8080)
    assert answer(claim(A), written) == (written, bindings)


def test_a_port_that_cannot_be_opened_in_either_place_is_refused_and_the_others_are_not() -> None:
    machine = Machine(("127.0.0.1", 80), ("127.0.0.1", 8080))

    written, bindings = answer(claim(A, 80, 81), NOTHING, machine)

    refusal = found(bindings, A, 80)
    assert isinstance(refusal, Refusal)
    assert refusal.reason == "PortUnavailable"
    assert "80 is in use; 8080 is in use" in refusal.message
    assert found(bindings, A, 81) == bind("127.0.0.1", 81)
    assert written[A].ports == {(81, "TCP"): 81}


def test_a_port_that_was_refused_is_asked_for_again() -> None:
    machine = Machine(("127.0.0.1", 80), ("127.0.0.1", 8080))
    written, _ = answer(claim(A), NOTHING, machine)

    _, bindings = answer(claim(A), written)

    assert found(bindings, A) == bind("127.0.0.1", 80)


def test_a_port_beyond_the_last_is_never_asked_for() -> None:
    machine = Machine(("127.0.0.1", 60000))

    _, bindings = answer(claim(A, 60000), NOTHING, machine)

    assert reason(bindings, A, 60000) == "PortUnavailable"
    assert machine.asked == [("127.0.0.1", 60000, "TCP")]


def test_a_port_is_not_moved_onto_another_listener_of_the_gateway() -> None:
    """The machine says that 8080 is free, since nobody has opened it yet; two sockets cannot have it all the same."""
    written, bindings = answer(claim(A, 80, 8080), NOTHING, Machine(("127.0.0.1", 80)))

    assert found(bindings, A, 8080) == bind("127.0.0.1", 8080)
    assert reason(bindings, A, 80) == "PortUnavailable"
    assert written[A].ports == {(8080, "TCP"): 8080}


def test_a_listener_does_not_get_the_port_that_another_was_moved_to() -> None:
    written, _ = answer(claim(A, 80), NOTHING, Machine(("127.0.0.1", 80)))

    _, bindings = answer(claim(A, 80, 8080), written)

    assert found(bindings, A, 80) == bind("127.0.0.1", 8080)
    assert found(bindings, A, 8080) == bind("127.0.0.1", 16080)


def test_a_port_that_is_moved_is_free_again_when_its_listener_is_gone() -> None:
    written, _ = answer(claim(A, 80), NOTHING, Machine(("127.0.0.1", 80)))

    _, bindings = answer(claim(A, 8080), written)

    assert found(bindings, A, 8080) == bind("127.0.0.1", 8080)
