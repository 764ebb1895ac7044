"""Addresses of a Gateway: which of those that it asks for can be had at all, and what is said of those that it got.

Each entry of spec.addresses is judged alone (GEP-5093): one that asks for a scope that we do not have is left without
an address, and is never given one of another scope instead.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from xdsserver.gatewayapi.conditions import ADDRESSES_ASSIGNED, Condition, Status, clip
from xdsserver.model.places import Refusal

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from xdsserver.model.places import Binding
    from xdsserver.objects.gateway import Gateway, GatewayAddress

SENTINEL: Final = "testing.x-k8s.io/sentinel"
"""A scope that promises nothing, and that whoever reports scopes must report."""

_SCOPES: Final = ("", SENTINEL)


def in_scope(address: GatewayAddress) -> bool:
    """Whether an address of ours may be given for this entry."""
    return (address.routability or "") in _SCOPES


def asked_for(gateway: Gateway) -> tuple[str, ...]:
    """Give the values that a Gateway asks for, of those that can be had at all."""
    return tuple(one.value for one in gateway.spec.addresses if one.value and in_scope(one))


def out_of_reach(gateway: Gateway) -> bool:
    """Whether it asks for addresses, and none of them can be had."""
    return bool(gateway.spec.addresses) and not any(map(in_scope, gateway.spec.addresses))


def unsatisfied(gateway: Gateway, addresses: Sequence[str]) -> tuple[str, ...]:
    """Say which entries got no address, and why; `addresses` are those that the Gateway has."""
    entries = tuple(enumerate(gateway.spec.addresses))
    words = [
        f"spec.addresses[{number}].routability: {one.routability} is not supported; leave it out"
        for number, one in entries
        if not in_scope(one)
    ]
    rest = [(number, one) for number, one in entries if in_scope(one)]
    got = _satisfied(rest, addresses)
    words += [
        f"spec.addresses[{number}]: {one.value or 'an address'} is not assigned"
        for number, one in rest
        if number != got
    ]
    return tuple(words)


def routability(gateway: Gateway, addresses: Sequence[str]) -> str:
    """Say of which scope the address is that the Gateway has: the one of the entry that it was given for."""
    rest = [(number, one) for number, one in enumerate(gateway.spec.addresses) if in_scope(one)]
    got = _satisfied(rest, addresses)
    return "" if got is None else gateway.spec.addresses[got].routability or ""


def _satisfied(entries: Sequence[tuple[int, GatewayAddress]], addresses: Sequence[str]) -> int | None:
    """Find the entry that the address was given for: who names it goes before who takes any."""
    named = (number for number, one in entries if one.value and one.value in addresses)
    taking_any = (number for number, one in entries if not one.value and addresses)
    return next(named, None) if any(one.value for _, one in entries) else next(taking_any, None)


def assigned(
    gateway: Gateway, addresses: Sequence[str], bindings: Iterable[Binding | None], refusal: str
) -> tuple[Condition, ...]:
    """Say whether all addresses are assigned; nothing while that is not decided.

    `refusal` says why the whole Gateway is refused, or is empty; `bindings` are those of its listeners.
    """
    generation = gateway.metadata.generation
    refused = next((one.message for one in bindings if isinstance(one, Refusal)), "")
    missing = unsatisfied(gateway, addresses)
    if addresses and not missing:
        words = "all addresses are assigned"
        return (Condition(ADDRESSES_ASSIGNED, Status.TRUE, "AddressesAssigned", words, generation),)
    if addresses:
        return (Condition(ADDRESSES_ASSIGNED, Status.FALSE, "PartiallyAssigned", clip("; ".join(missing)), generation),)
    if refusal or refused or out_of_reach(gateway):
        words = clip(refusal or refused or "; ".join(missing))
        return (Condition(ADDRESSES_ASSIGNED, Status.FALSE, "NotAssigned", words, generation),)
    return ()
