"""Ports of nodes (exposure HostPort): Gateways of a fleet share a declared list, so nothing needs to be given out."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

from xdsserver.model.fleets import HostPorts, container_ports
from xdsserver.model.places import EVERYWHERE, Bind, Refusal

if TYPE_CHECKING:
    from collections.abc import Mapping

    from xdsserver.model.places import Binding, PortClaim, PortKey

_container_ports = cache(container_ports)


def host_binds(claims: Mapping[PortKey, PortClaim]) -> dict[PortKey, Binding]:
    """Answer the claims of Gateways that share ports of nodes; what is said follows from their EnvoyFleet alone."""
    return {
        key: _bind(key, claim, claim.placement.exposure.ports)
        for key, claim in claims.items()
        if isinstance(claim.placement.exposure, HostPorts)
    }


def _bind(key: PortKey, claim: PortClaim, ports: tuple[int, ...]) -> Binding:
    if claim.addresses:
        words = "spec.addresses: Gateways that share ports of nodes have the addresses of these; ask for none"
        return Refusal("AddressNotUsable", words)
    opened = _container_ports(ports).get(key.port)
    if opened is None:
        listed = ", ".join(map(str, ports))
        return Refusal(
            "PortUnavailable",
            f"port {key.port} is not among those that the nodes publish: {listed}; use one of these, or add it to "
            f"spec.exposure.hostPorts of EnvoyFleet {claim.placement.of}",
        )
    return Bind(claim.placement.fleet, EVERYWHERE, opened, key.transport)
