"""Ports of Services: unique in a fleet, the same on every replica, and opened only once they are written down."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hypothesis import given
from hypothesis import strategies as st

from xdsserver.infrastructure.allocation import Wanted, Written
from xdsserver.infrastructure.service_ports import service_binds
from xdsserver.model.fleets import DEFAULT_PLACEMENT, SERVICE_PORTS, PerService, Placement
from xdsserver.model.places import Bind, PortClaim, PortKey, Promised, Refusal
from xdsserver.objects.meta import Name

if TYPE_CHECKING:
    from collections.abc import Mapping

    from xdsserver.model.places import Binding

EDGE = Placement("fleets/edge", PerService(addresses=("192.0.2.1", "192.0.2.2")), Name("fleets", "edge"))
OTHER = Placement("fleets/other", PerService(), Name("fleets", "other"))
A, B, C, D = (Name("default", name) for name in "abcd")


def claim(
    gateway: Name, *ports: int, created: str = "2026", addresses: tuple[str, ...] = (), placement: Placement = EDGE
) -> dict[PortKey, PortClaim]:
    one = PortClaim(f"uid of {gateway.name}", created, addresses, placement)
    return {PortKey(gateway, port, "TCP"): one for port in ports or (80,)}


def wanted(claims: Mapping[PortKey, PortClaim], *waiting: Name) -> Wanted:
    return Wanted(claims, {name: f"uid of {name.name}" for name in (*(key.gateway for key in claims), *waiting)})


def port(binding: Binding) -> int:
    assert not isinstance(binding, Refusal)
    return binding.bind.port if isinstance(binding, Promised) else binding.port


def write(bindings: Mapping[PortKey, Binding]) -> dict[Name, Written]:
    """Stand for the leader: write down in Services what was decided."""
    found: dict[Name, Written] = {}
    for key, binding in bindings.items():
        if not isinstance(binding, Refusal):
            one = found.setdefault(key.gateway, Written(f"uid of {key.gateway.name}", "", {}))
            found[key.gateway] = Written(one.uid, "", {**one.ports, (key.port, key.transport): port(binding)})
    return found


def test_a_port_is_promised_until_it_is_written_down_and_then_opened() -> None:
    promised = service_binds(wanted(claim(A, 80, 443)), {})
    assert all(isinstance(one, Promised) for one in promised.values())
    assert all(port(one) in SERVICE_PORTS for one in promised.values())

    opened = service_binds(wanted(claim(A, 80, 443)), write(promised))

    assert {key: port(one) for key, one in opened.items()} == {key: port(one) for key, one in promised.items()}
    assert all(isinstance(one, Bind) for one in opened.values())


def test_another_port_than_was_written_down_is_not_opened_either() -> None:
    written = {A: Written("uid of a", "", {(443, "TCP"): 20_005})}

    assert isinstance(service_binds(wanted(claim(A, 80)), written)[PortKey(A, 80, "TCP")], Promised)


def test_what_is_written_counts_and_not_the_hash() -> None:
    written = {A: Written("uid of a", "", {(80, "TCP"): 20_005})}

    assert port(service_binds(wanted(claim(A)), written)[PortKey(A, 80, "TCP")]) == 20_005


def test_a_gateway_that_was_made_again_inherits_nothing() -> None:
    written = {A: Written("another uid", "", {(80, "TCP"): 20_005})}

    assert port(service_binds(wanted(claim(A)), written)[PortKey(A, 80, "TCP")]) != 20_005


def test_no_port_outside_of_the_range_is_ever_opened_whoever_writes_it_down() -> None:
    for there in (80, 8080, SERVICE_PORTS.start - 1, SERVICE_PORTS.stop):
        written = {A: Written("uid of a", "", {(80, "TCP"): there})}
        found = service_binds(wanted(claim(A)), written)[PortKey(A, 80, "TCP")]
        assert isinstance(found, Promised)
        assert found.bind.port in SERVICE_PORTS


def test_of_two_that_have_one_port_written_down_the_older_keeps_it() -> None:
    written = {name: Written(f"uid of {name.name}", "", {(80, "TCP"): 20_005}) for name in (A, B)}

    found = service_binds(wanted(claim(A, created="2026") | claim(B, created="2025")), written)

    assert isinstance(found[PortKey(B, 80, "TCP")], Bind)
    assert isinstance(found[PortKey(A, 80, "TCP")], Promised)
    assert port(found[PortKey(A, 80, "TCP")]) != 20_005


def test_fleets_have_ports_of_their_own() -> None:
    written = {name: Written(f"uid of {name.name}", "", {(80, "TCP"): 20_005}) for name in (A, B)}

    found = service_binds(wanted(claim(A) | claim(B, placement=OTHER)), written)

    assert all(isinstance(one, Bind) for one in found.values())


def test_a_gateway_that_claims_nothing_for_a_while_finds_its_ports_free() -> None:
    start = port(service_binds(wanted(claim(A)), {})[PortKey(A, 80, "TCP")])
    written = {B: Written("uid of b", "", {(80, "TCP"): start})}

    assert port(service_binds(wanted(claim(A), B), written)[PortKey(A, 80, "TCP")]) != start
    # Gone altogether it leaves them.
    assert port(service_binds(wanted(claim(A)), written)[PortKey(A, 80, "TCP")]) == start


def test_addresses_are_those_of_the_fleet_and_the_older_of_two_has_one() -> None:
    found = service_binds(
        wanted(
            claim(A, created="2026", addresses=("192.0.2.1",))
            | claim(B, created="2025", addresses=("192.0.2.1",))
            | claim(C, addresses=("198.51.100.1",))
            | claim(D, created="2024", addresses=("192.0.2.1", "192.0.2.2"))
        ),
        {},
    )

    reasons = {key.gateway: one.reason for key, one in found.items() if isinstance(one, Refusal)}
    assert reasons == dict.fromkeys((A, C, D), "AddressNotUsable")


def test_a_full_fleet_refuses_with_words() -> None:
    claims: dict[PortKey, PortClaim] = {}
    for number in range(len(SERVICE_PORTS) // 100):
        claims |= claim(Name("default", f"g{number:03}"), *range(1, 101), created="2025")
    found = service_binds(wanted(claims | claim(A)), write(service_binds(wanted(claims), {})))

    refusal = found[PortKey(A, 80, "TCP")]
    assert isinstance(refusal, Refusal)
    assert refusal.reason == "PortUnavailable"
    assert sum(isinstance(one, Bind) for one in found.values()) == len(SERVICE_PORTS)


def test_other_exposures_are_left_to_others() -> None:
    assert service_binds(wanted(claim(A, placement=DEFAULT_PLACEMENT)), {}) == {}


gateways = st.dictionaries(
    st.sampled_from([Name("default", f"g{number}") for number in range(6)]),
    st.tuples(
        st.sampled_from(["2025", "2026"]),
        st.sampled_from([EDGE, OTHER]),
        st.sets(st.integers(80, 83), min_size=1),
        st.dictionaries(st.tuples(st.integers(80, 83), st.just("TCP")), st.integers(19_999, 20_003)),
        st.booleans(),
    ),
)


@given(gateways)
def test_all_replicas_say_the_same_no_port_is_had_twice_and_writing_settles_it(
    world: dict[Name, tuple[str, Placement, set[int], dict[tuple[int, str], int], bool]],
) -> None:
    claims: dict[PortKey, PortClaim] = {}
    written: dict[Name, Written] = {}
    waiting = []
    for name, (created, placement, ports, there, waits) in world.items():
        written[name] = Written(f"uid of {name.name}", "", there)
        if waits:
            waiting.append(name)
        else:
            claims |= claim(name, *ports, created=created, placement=placement)

    found = service_binds(wanted(claims, *waiting), written)

    assert service_binds(wanted(dict(reversed(claims.items())), *waiting), dict(reversed(written.items()))) == found
    assert found.keys() == claims.keys()
    places = [(claims[key].placement.fleet, port(one)) for key, one in found.items()]
    assert len(set(places)) == len(places)
    for key, one in found.items():
        is_written = written[key.gateway].ports.get((key.port, "TCP")) == port(one)
        assert isinstance(one, Bind) == is_written
    # Whatever was decided is what comes of it once it is written, and nothing is promised any more.
    settled = service_binds(wanted(claims, *waiting), written | write(found))
    assert {key: port(one) for key, one in settled.items()} == {key: port(one) for key, one in found.items()}
    assert all(isinstance(one, Bind) for one in settled.values())
