"""Fleets: sets of Envoys that get one configuration, and the ways in which clients get to what they serve."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterable

    from xdsserver.objects.meta import Name

DEFAULT_FLEET: Final = "xdsserver-system/default"
"""The fleet of Gateways that name no EnvoyFleet."""

SERVICE_PORTS: Final = range(20_000, 30_000)
"""Ports that Envoys open for Services: above those that need a right, below those that nodes publish (30,000) and those
that outgoing connections take (32,768), and beside those of the Envoy and of our server themselves (18,000, 19,000)."""

PRIVILEGED_STEP: Final = 10_000
"""How much higher an Envoy in a pod opens a port that only root could open."""

_PRIVILEGED: Final = range(1, 1024)


def shared_fleet(of: Name) -> str:
    """Name the fleet of an EnvoyFleet that many Gateways share; Envoys send it as `node.cluster`."""
    return f"{of.namespace}/{of.name}"


def dedicated_fleet(gateway: Name) -> str:
    """Name the fleet that a Gateway has to itself. No EnvoyFleet can be called so: names have no slash."""
    return f"{gateway.namespace}/gateway/{gateway.name}"


def fleet_namespace(fleet: str) -> str:
    """Give the namespace in which the Envoys of a fleet run."""
    return fleet.partition("/")[0]


def container_ports(ports: Iterable[int]) -> dict[int, int]:
    """Say which port of its pod an Envoy opens for each port that its node publishes: never one that needs a right.

    Ports of 1024 and above stay as they are; lower ones are 10,000 higher, or at the next that is free.
    """
    wanted = sorted(set(ports))
    found = {port: port for port in wanted if port not in _PRIVILEGED}
    taken = set(found.values())
    for port in wanted:
        if port in _PRIVILEGED:
            found[port] = next(one for one in range(port + PRIVILEGED_STEP, SERVICE_PORTS.start) if one not in taken)
            taken.add(found[port])
    return found


@dataclass(frozen=True, slots=True)
class AddressPool:
    """Each Gateway gets an address of its own, and Envoy opens its ports there.

    `addresses` are given out in their order; None stands for those that the server was started with.
    """

    addresses: tuple[str, ...] | None = None


@dataclass(frozen=True, slots=True)
class HostPorts:
    """Gateways share these ports of the nodes on which Envoys run."""

    ports: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class PerService:
    """Each Gateway gets a Service in its namespace.

    `type` is that of the Service: LoadBalancer, NodePort or ClusterIP. `addresses` are those that Gateways may ask for,
    which routers lead to the nodes (`externalIPs`). The other two are fields of the Service, None to leave them out.
    """

    type: str = "LoadBalancer"
    addresses: tuple[str, ...] = ()
    external_traffic_policy: str | None = None
    load_balancer_class: str | None = None


Exposure = AddressPool | HostPorts | PerService
"""How the addresses that clients dial lead to the sockets that Envoys open."""


@dataclass(frozen=True, slots=True)
class Placement:
    """Where a Gateway is served: by which fleet, and how clients get to it there.

    `of` is the EnvoyFleet that says so, None where the settings do. `dedicated`: the fleet is the Gateway's own, and
    runs in its namespace.
    """

    fleet: str
    exposure: Exposure
    of: Name | None = None
    dedicated: bool = False


DEFAULT_PLACEMENT: Final = Placement(DEFAULT_FLEET, AddressPool())
"""Where Gateways are served that name no EnvoyFleet, where nothing else is said."""
