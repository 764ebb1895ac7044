"""Conflicts among the listeners of one parent; those with other parents are golden cases (`listenerset`).

The schema refuses two listeners of one port, protocol and hostname before this code sees them, so that no golden case
can show it; an API server with older schemas lets them through.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from xdsserver.gatewayapi.conflicts import Earlier, judged
from xdsserver.gatewayapi.gateways import Attachments, ListenerState, gateway_status
from xdsserver.gatewayapi.listeners import ListenerParent, Rank, candidates
from xdsserver.model.fleets import DEFAULT_PLACEMENT
from xdsserver.model.places import Bind, Delivery, Refusal
from xdsserver.objects.gateway import Gateway, GatewayListener, GatewaySpec
from xdsserver.objects.meta import ObjectKey, ObjectMeta

if TYPE_CHECKING:
    from xdsserver.gatewayapi.listeners import Listener

NO_SETS = Attachments(DEFAULT_PLACEMENT, 0, ())


def gateway(*found: GatewayListener) -> Gateway:
    metadata = ObjectMeta(name="edge", namespace="default", generation=7)
    return Gateway(metadata=metadata, spec=GatewaySpec(gateway_class_name="xdsserver", listeners=found))


def http(name: str, port: int = 80, hostname: str | None = None) -> GatewayListener:
    return GatewayListener(name=name, port=port, protocol="HTTP", hostname=hostname)


def listeners(of: Gateway) -> list[Listener]:
    parent = ListenerParent(ObjectKey("Gateway", *of.name), of.name, Rank())
    return [judged(one, Earlier()) for one in candidates(parent, of.spec.listeners)]


def reasons(of: Gateway) -> dict[str, list[str]]:
    return {
        one.key.name: [f"{problem.condition}/{problem.reason}" for problem in one.problems] for one in listeners(of)
    }


def test_of_two_that_cannot_be_told_apart_none_wins() -> None:
    """ "MUST NOT pick one conflicting Listener as the winner" (GatewaySpec.listeners)."""
    found = gateway(http("a", hostname="x.example.com"), http("b", hostname="X.example.com."), http("c"))
    assert reasons(found) == {"a": ["Conflicted/HostnameConflict"], "b": ["Conflicted/HostnameConflict"], "c": []}


def test_without_a_hostname_there_can_be_one() -> None:
    assert reasons(gateway(http("a"), http("b"))) == {
        "a": ["Conflicted/HostnameConflict"],
        "b": ["Conflicted/HostnameConflict"],
    }


def test_other_ports_and_other_hostnames_are_no_conflict() -> None:
    found = gateway(http("a"), http("b", hostname="*.example.com"), http("c", hostname="x.example.com"), http("d", 81))
    assert not any(reasons(found).values())


def test_an_unsupported_protocol_stands_in_nobodys_way() -> None:
    found = gateway(http("a"), GatewayListener(name="b", port=80, protocol="example.com/x"))
    assert reasons(found) == {"a": [], "b": ["Accepted/UnsupportedProtocol"]}


def test_a_conflict_is_said_of_accepted_too_and_claims_no_port() -> None:
    found = gateway(http("a"), http("b"), http("c", 81))
    assert [one.key.name for one in listeners(found) if one.accepted] == ["c"]
    bind = Bind("fleet", "127.0.0.1", 81, "TCP")
    states = [
        ListenerState(one, 0, bind if one.accepted else None, Delivery(7) if one.accepted else None)
        for one in listeners(found)
    ]
    status = gateway_status(found, states, NO_SETS)
    told = {
        listener.name: {one.type: (one.status.value, one.reason) for one in listener.conditions}
        for listener in status.listeners
    }
    assert told["a"] == told["b"]
    assert told["a"]["Conflicted"] == ("True", "HostnameConflict")
    assert told["a"]["Accepted"] == ("False", "HostnameConflict")
    assert told["a"]["Programmed"] == ("False", "HostnameConflict")
    assert told["c"]["Programmed"] == ("True", "Programmed")
    assert [(one.type, one.status.value, one.reason) for one in status.conditions] == [
        ("Accepted", "True", "ListenersNotValid"),
        ("Programmed", "True", "Programmed"),
    ]
    assert {one.observed_generation for listener in status.listeners for one in listener.conditions} == {7}


def test_an_address_that_cannot_be_had_leaves_the_gateway_accepted() -> None:
    found = gateway(http("a"))
    refusal = Refusal("AddressNotUsable", "in use")
    status = gateway_status(found, [ListenerState(one, 0, refusal, None) for one in listeners(found)], NO_SETS)
    assert [(one.type, one.status.value, one.reason) for one in status.conditions] == [
        ("Accepted", "True", "Accepted"),
        ("Programmed", "False", "AddressNotUsable"),
    ]
    assert status.addresses == ()
