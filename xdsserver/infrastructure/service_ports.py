"""Ports that Envoys open for Services (exposure Service): unique in a fleet, found again where they are written down.

A port is written down as the target port of the Gateway's Service, which all replicas see. Until it stands there it is
promised only, so that no replica serves what another one decided otherwise.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from hashlib import sha256
from typing import TYPE_CHECKING

from xdsserver.model.fleets import SERVICE_PORTS, PerService
from xdsserver.model.places import EVERYWHERE, Bind, Promised, Refusal

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from xdsserver.infrastructure.allocation import Wanted, Written
    from xdsserver.model.places import Binding, PortClaim, PortKey
    from xdsserver.objects.meta import Name


@dataclass(slots=True)
class _Ports:
    """Who has which port of which fleet, and what nobody may have in any: ports of Gateways that wait."""

    held: dict[tuple[str, str, int], PortKey] = field(default_factory=dict)
    reserved: set[tuple[str, int]] = field(default_factory=set)

    def hold(self, fleet: str, port: int, key: PortKey) -> bool:
        """Take a port; False where somebody has it."""
        if (key.transport, port) in self.reserved:
            return False
        return self.held.setdefault((fleet, key.transport, port), key) == key


def service_binds(wanted: Wanted, written: Mapping[Name, Written]) -> dict[PortKey, Binding]:
    """Answer the claims of Gateways that have Services of their own; `written` is what these say.

    Of two that have the same port written down the older Gateway keeps it. A new port starts where a hash of Gateway
    and listener port points to, so that all replicas propose the same and few meet, and is the next that is free.
    """
    claims = {key: one for key, one in wanted.claims.items() if isinstance(one.placement.exposure, PerService)}
    in_order = sorted(claims, key=lambda key: (claims[key].age, key))
    refused = _refusals(claims, in_order)
    bindings: dict[PortKey, Binding] = {key: refused[key.gateway] for key in in_order if key.gateway in refused}
    ports = _Ports(reserved=set(_reserved(wanted, written)))
    new = []
    for key in in_order:
        claim = claims[key]
        fleet = claim.placement.fleet
        port = _written(key, claim, written)
        if port is not None and ports.hold(fleet, port, key):
            bindings.setdefault(key, Bind(fleet, EVERYWHERE, port, key.transport))
        elif key not in bindings:
            new.append(key)
    for key in new:
        bindings[key] = _new(key, claims[key], ports)
    return bindings


def _written(key: PortKey, claim: PortClaim, written: Mapping[Name, Written]) -> int | None:
    there = written.get(key.gateway)
    if there is None or there.uid != claim.uid:
        return None
    port = there.ports.get((key.port, key.transport))
    return port if port in SERVICE_PORTS else None


def _reserved(wanted: Wanted, written: Mapping[Name, Written]) -> Iterable[tuple[str, int]]:
    """Give the ports of Gateways that claim nothing for a while: they shall find them free."""
    claiming = {key.gateway for key in wanted.claims}
    for gateway, there in written.items():
        if gateway not in claiming and there.uid == wanted.uids.get(gateway):
            yield from ((transport, target) for (_, transport), target in there.ports.items())


def _new(key: PortKey, claim: PortClaim, ports: _Ports) -> Promised | Refusal:
    text = f"{claim.uid or key.gateway}/{key.port}/{key.transport}"
    start = int.from_bytes(sha256(text.encode()).digest()[:8]) % len(SERVICE_PORTS)
    for step in range(len(SERVICE_PORTS)):
        port = SERVICE_PORTS[(start + step) % len(SERVICE_PORTS)]
        if ports.hold(claim.placement.fleet, port, key):
            return Promised(Bind(claim.placement.fleet, EVERYWHERE, port, key.transport))
    words = f"all {len(SERVICE_PORTS)} ports of the fleet {claim.placement.fleet} are given out; use another EnvoyFleet"
    return Refusal("PortUnavailable", words)


def _refusals(claims: Mapping[PortKey, PortClaim], in_order: Iterable[PortKey]) -> dict[Name, Refusal]:
    """Refuse Gateways that ask for addresses that they cannot have (GatewaySpec.addresses); the older comes first."""
    refused: dict[Name, Refusal] = {}
    holders: dict[str, Name] = {}
    by_gateway: dict[Name, PortClaim] = {}
    for key in in_order:
        by_gateway.setdefault(key.gateway, claims[key])
    for gateway, claim in by_gateway.items():
        exposure = claim.placement.exposure
        pool = exposure.addresses if isinstance(exposure, PerService) else ()
        if len(claim.addresses) > 1:
            refused[gateway] = Refusal("AddressNotUsable", "spec.addresses: a Gateway gets one address; ask for one")
            continue
        for asked in claim.addresses:
            if asked not in pool:
                words = (
                    f"spec.addresses: {asked} is not among spec.exposure.addresses of EnvoyFleet {claim.placement.of}; "
                    "add it there, or ask for none"
                )
                refused.setdefault(gateway, Refusal("AddressNotUsable", words))
            elif holders.setdefault(asked, gateway) != gateway:
                words = f"spec.addresses: {asked} belongs to another Gateway; ask for none"
                refused.setdefault(gateway, Refusal("AddressNotUsable", words))
    return refused
