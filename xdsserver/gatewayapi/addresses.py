"""Addresses of a Gateway: which of those that it asks for can be had at all, and what is said of those that it got.

Each entry of spec.addresses is judged alone (GEP-5093): one that asks for a scope that we do not have is left without
an address, and is never given one of another scope instead. An address of the cluster is that of the Gateway's Service.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from ipaddress import ip_address, ip_network
from typing import TYPE_CHECKING, Final

from xdsserver.gatewayapi.conditions import ADDRESSES_ASSIGNED, Condition, Status, clip
from xdsserver.model.addresses import is_address
from xdsserver.model.places import Refusal

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from xdsserver.model.places import Binding
    from xdsserver.objects.gateway import Gateway, GatewayAddress
    from xdsserver.objects.meta import Name

SENTINEL: Final = "testing.x-k8s.io/sentinel"
"""A scope that promises nothing, and that whoever reports scopes must report."""

CLUSTER: Final = "Cluster"
"""The scope of the address that a Service has: whoever is in the cluster can dial it."""

_ANYWHERE: Final = ("", SENTINEL)


@dataclass(frozen=True, slots=True)
class Inside:
    """What there is to be had of the scope `Cluster`.

    `networks` are those out of which Services get addresses; none where that is not known, or where scopes are not
    told: then no such address can be had. `own` is the address of the Gateway's Service, "" while it has none. `taken`
    says which of the addresses that the Gateway asks for belong to other Services, and to which.
    """

    networks: tuple[str, ...] = ()
    own: str = ""
    taken: Mapping[str, Name] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Assigned:
    """An address that a Gateway has, and its scope ("" promises nothing); None where scopes are not told."""

    value: str
    routability: str | None = None


@dataclass(frozen=True, slots=True)
class Assignment:
    """What a Gateway got: `missing` says of each entry without an address why; `waiting` what it may get yet."""

    addresses: tuple[Assigned, ...]
    missing: tuple[str, ...] = ()
    waiting: str = ""


def _scope(address: GatewayAddress) -> str:
    return address.routability or ""


def _anywhere(gateway: Gateway) -> list[tuple[int, GatewayAddress]]:
    return [(number, one) for number, one in enumerate(gateway.spec.addresses) if _scope(one) in _ANYWHERE]


def asks_inside(gateway: Gateway) -> bool:
    """Whether it asks for an address of the cluster."""
    return any(_scope(one) == CLUSTER for one in gateway.spec.addresses)


def only_inside(gateway: Gateway) -> bool:
    """Whether it asks for nothing but addresses of the cluster: then nothing shall lead to it from outside."""
    return asks_inside(gateway) and not _anywhere(gateway)


def asked_for(gateway: Gateway) -> tuple[str, ...]:
    """Give the values that a Gateway asks for, apart from those of the cluster."""
    return tuple(one.value for _, one in _anywhere(gateway) if one.value)


def asked_inside(gateway: Gateway) -> tuple[str, ...]:
    """Give the values that a Gateway asks for as addresses of the cluster."""
    return tuple(one.value for one in gateway.spec.addresses if one.value and _scope(one) == CLUSTER)


def wanted_inside(gateway: Gateway, inside: Inside) -> str | None:
    """Give the address of the cluster that its Service is to have, "" for any; None where none is to be had."""
    refused = _refused(gateway, inside)
    entries = enumerate(gateway.spec.addresses)
    return next((one.value or "" for number, one in entries if _scope(one) == CLUSTER and number not in refused), None)


def out_of_reach(gateway: Gateway, inside: Inside) -> bool:
    """Whether it asks for addresses, and none of them can be had."""
    entries = gateway.spec.addresses
    return bool(entries) and len(_refused(gateway, inside)) == len(entries)


def _refused(gateway: Gateway, inside: Inside) -> dict[int, str]:
    """Say which entries cannot be satisfied whatever happens, and why, by their place in the list."""
    found = {}
    first: int | None = None
    for number, one in enumerate(gateway.spec.addresses):
        entry = f"spec.addresses[{number}]"
        if _scope(one) in _ANYWHERE:
            continue
        if _scope(one) != CLUSTER or not inside.networks:
            found[number] = f"{entry}.routability: {one.routability} is not supported; leave it out"
        elif words := _refused_inside(one.value or "", inside):
            found[number] = f"{entry}: {words}"
        elif first is not None:
            found[number] = f"{entry}: a Gateway has one address of the cluster, that of spec.addresses[{first}]"
        else:
            first = number
    return found


def _refused_inside(value: str, inside: Inside) -> str:
    if not value:
        return ""
    if not is_address(value) or not any(ip_address(value) in ip_network(one) for one in inside.networks):
        return f"{value} is no address of a Service; ask for one of {', '.join(inside.networks)}, or for any"
    if value in inside.taken:
        return f"{value} is the address of Service {inside.taken[value]}; ask for another one, or for any"
    if inside.own not in ("", value):
        return f"its Service has the address {inside.own}, for good; delete that Service, and it is made with {value}"
    return ""


def assignment(gateway: Gateway, found: Sequence[str], inside: Inside) -> Assignment:
    """Give each entry its address, and an empty list all that were found; `found` are those that anybody may dial.

    Exactly one address goes to each entry that is satisfied. Who asks for an address by name, or for one of the
    cluster, goes before who takes any.
    """
    if not gateway.spec.addresses:
        return Assignment(tuple(Assigned(one, CLUSTER if _is_inside(one, inside) else "") for one in found))
    refused = _refused(gateway, inside)
    free = dict.fromkeys(found)
    got: dict[int, Assigned] = {}
    waiting = ""
    for number, one in enumerate(gateway.spec.addresses):
        if _scope(one) != CLUSTER or number in refused:
            continue
        if inside.own:
            got[number] = Assigned(inside.own, CLUSTER)
            free.pop(inside.own, None)
        else:
            waiting = f"spec.addresses[{number}]: its Service has no address of the cluster yet"
    for number, one in sorted(_anywhere(gateway), key=lambda entry: not entry[1].value):
        value = one.value or next(iter(free), "")
        if value in free:
            del free[value]
            got[number] = Assigned(value, _scope(one) or (CLUSTER if _is_inside(value, inside) else ""))
    missing = [
        refused.get(number, f"spec.addresses[{number}]: {one.value or 'an address'} is not assigned")
        for number, one in enumerate(gateway.spec.addresses)
        if number not in got
    ]
    return Assignment(tuple(got[number] for number in sorted(got)), tuple(missing), waiting)


def _is_inside(address: str, inside: Inside) -> bool:
    """Who can promise the scope must say so, also where nobody asked for it."""
    return bool(inside.networks) and address == inside.own


def assigned(
    gateway: Gateway, got: Assignment, refusal: str, bindings: Iterable[Binding | None], inside: Inside
) -> tuple[Condition, ...]:
    """Say whether all addresses are assigned; nothing while that is not decided.

    `refusal` says why the whole Gateway is refused, or is empty; `bindings` are those of its listeners.
    """
    generation = gateway.metadata.generation
    refused = next((one.message for one in bindings if isinstance(one, Refusal)), "")
    if got.addresses and not got.missing:
        words = "all addresses are assigned"
        return (Condition(ADDRESSES_ASSIGNED, Status.TRUE, "AddressesAssigned", words, generation),)
    if got.addresses:
        words = clip("; ".join(got.missing))
        partly = Condition(ADDRESSES_ASSIGNED, Status.FALSE, "PartiallyAssigned", words, generation)
        return () if got.waiting else (partly,)
    if refusal or refused or out_of_reach(gateway, inside):
        words = clip(refusal or refused or "; ".join(got.missing))
        return (Condition(ADDRESSES_ASSIGNED, Status.FALSE, "NotAssigned", words, generation),)
    return ()
