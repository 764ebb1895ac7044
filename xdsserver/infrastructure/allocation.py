"""Allocation: which address and which bind port a Gateway gets, decided once and then kept (exposure AddressPool).

Each Gateway gets an address of its own out of a pool, for its life. A port that cannot be opened is mapped 8000 higher.
What is decided is written down by the caller and handed in again, so that no restart moves anybody.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import TYPE_CHECKING

from xdsserver.model.fleets import AddressPool
from xdsserver.model.places import Bind, Refusal

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from xdsserver.model.places import Binding, PortClaim, PortKey
    from xdsserver.objects.meta import Name

PORT_STEP = 8000
"""How much higher a port is opened that cannot be opened itself."""

MAX_PORT = 65535

Probe = Callable[[str, int, str], str | None]
"""Say why an address, port and transport cannot be opened, or None when they can."""


@dataclass(frozen=True, slots=True)
class Pool:
    """The addresses that a fleet may open, in the order in which they are given out."""

    addresses: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Written:
    """What was decided: the address of a Gateway (with its uid: another Gateway of its name is another), its ports."""

    uid: str
    address: str
    ports: Mapping[tuple[int, str], int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Wanted:
    """The claims, and the uids of all Gateways that exist: one without a claim for a while keeps what it has."""

    claims: Mapping[PortKey, PortClaim]
    uids: Mapping[Name, str]


_NOTHING: Mapping[Name, Written] = MappingProxyType({})


def allocate(
    wanted: Wanted,
    written: Mapping[Name, Written],
    pool: Pool,
    probe: Probe,
    promised: Mapping[Name, Written] = _NOTHING,
) -> tuple[dict[Name, Written], dict[PortKey, Binding]]:
    """Answer every claim of an address, and say what is to be written down now.

    `pool` is what those get whose fleet has none of its own. No address is given out twice, also not in two fleets.
    Older Gateways come first (creation time, then uid). A Gateway that is gone loses its address. `promised` is what
    was decided before and may be on its way to where it is written down: it stands where that leaves room, since who is
    told another address each time that somebody comes or goes has none. What was written down
    for any Gateway is open already, by an Envoy of ours, so the machine is not asked about it: whoever gets the address
    next gets the sockets too.
    """
    ours = {(one.address, port, transport) for one in written.values() for (_, transport), port in one.ports.items()}

    def refusal(address: str, port: int, transport: str) -> str | None:
        return None if (address, port, transport) in ours else probe(address, port, transport)

    by_gateway: dict[Name, set[PortKey]] = defaultdict(set)
    for key in wanted.claims:
        by_gateway[key.gateway].add(key)
    # All ports of a Gateway have one claim.
    claims = {gateway: wanted.claims[next(iter(own))] for gateway, own in by_gateway.items()}
    kept: dict[Name, Written] = {}
    held: set[str] = set()
    for source in (written, promised):
        # Of two that have the same address the older keeps it.
        for gateway in sorted(source, key=lambda one: (claims[one].age if one in claims else ("", ""), one)):
            one = source[gateway]
            good = one.uid == wanted.uids.get(gateway) and _still_good(one, claims.get(gateway), pool)
            if good and gateway not in kept and one.address not in held:
                kept[gateway] = one
                held.add(one.address)
    bindings: dict[PortKey, Binding] = {}
    for gateway, claim in sorted(claims.items(), key=lambda one: (one[1].age, one[0])):
        if not isinstance(claim.placement.exposure, AddressPool):
            continue
        taken = {one.address for other, one in kept.items() if other != gateway}
        address = kept[gateway].address if gateway in kept else _address(claim, taken, pool)
        if isinstance(address, Refusal):
            bindings.update(dict.fromkeys(by_gateway[gateway], address))
            continue
        one = kept.get(gateway) or Written(claim.uid, address)
        kept[gateway], found = _ports(by_gateway[gateway], one, claim.placement.fleet, refusal)
        bindings.update(found)
    return kept, bindings


def _still_good(one: Written, claim: PortClaim | None, pool: Pool) -> bool:
    if claim is None:
        # It waits, and nobody knows from which pool it will have its address.
        return True
    return one.address in _addresses(claim, pool) and claim.addresses in {(), (one.address,)}


def _addresses(claim: PortClaim, pool: Pool) -> tuple[str, ...]:
    """Give the addresses that a Gateway may have: those of its fleet, else those of the settings."""
    match claim.placement.exposure:
        case AddressPool(addresses):
            return pool.addresses if addresses is None else addresses
        case _:
            return ()


def _address(claim: PortClaim, taken: set[str], pool: Pool) -> str | Refusal:
    """Choose an address; of those that the user asks for each must be usable (GatewaySpec.addresses)."""
    addresses = _addresses(claim, pool)
    if not claim.addresses:
        free = next((address for address in addresses if address not in taken), None)
        return free or Refusal("AddressNotAssigned", f"all {len(addresses)} addresses of the pool are given out")
    if len(claim.addresses) > 1:
        return Refusal("AddressNotUsable", "spec.addresses: a Gateway gets one address; ask for one")
    asked = claim.addresses[0]
    if asked not in addresses:
        return Refusal(
            "AddressNotUsable", f"spec.addresses: {asked} is not in the pool of addresses; add it, or ask for none"
        )
    if asked in taken:
        return Refusal("AddressNotUsable", f"spec.addresses: {asked} belongs to another Gateway; ask for none")
    return asked


def _ports(own: Collection[PortKey], one: Written, fleet: str, probe: Probe) -> tuple[Written, dict[PortKey, Binding]]:
    kept = {key: known for key in own if (known := one.ports.get((key.port, key.transport)))}
    ports: dict[tuple[int, str], int] = {}
    bindings: dict[PortKey, Binding] = {}
    for key in sorted(own):
        # What other listeners have or ask for; the machine says that it is free until an Envoy has opened it.
        promised = {(kept.get(other, other.port), other.transport) for other in own if other != key}
        port = kept[key] if key in kept else _port(one.address, key, promised, probe)
        if isinstance(port, Refusal):
            bindings[key] = port
        else:
            ports[key.port, key.transport] = port
            bindings[key] = Bind(fleet, one.address, port, key.transport)
    return replace(one, ports=ports), bindings


def _port(address: str, key: PortKey, promised: set[tuple[int, str]], probe: Probe) -> int | Refusal:
    refusals = []
    for port in (key.port, key.port + PORT_STEP):
        if port > MAX_PORT:
            refusal: str | None = f"{port} is no port"
        elif (port, key.transport) in promised:
            refusal = f"{port} is the port of another listener"
        else:
            refusal = probe(address, port, key.transport)
        if refusal is None:
            return port
        refusals.append(refusal)
    words = "; ".join(refusals)
    return Refusal("PortUnavailable", f"{address} port {key.port} cannot be opened: {words}; free one of these ports")
