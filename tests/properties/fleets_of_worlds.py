"""EnvoyFleets of random worlds, the Services in which something is written down, and the pods of fleets."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from xdsserver.objects import core
from xdsserver.objects.envoyfleet import FLEET_GROUP, EnvoyFleet, EnvoyFleetSpec, Exposure, ServiceExposure
from xdsserver.objects.meta import LocalObjectReference, Name, ObjectMeta, ObjectReference
from xdsserver.objects.servicecidr import ServiceCIDR, ServiceCIDRSpec

if TYPE_CHECKING:
    from tests.properties.gateway_worlds import Dice

FLEETS: Final = (Name("fleets", "edge"), Name("shop", "own"))
GATEWAYS: Final = (Name("shop", "front"), Name("shop", "side"), Name("pay", "front"))

_SERVICE: Final = Exposure(addresses=("127.0.0.1", "127.0.0.3"))
_EXPOSURES: Final = (
    Exposure(type="HostPort", host_ports=(80, 443, 8080)),
    _SERVICE,
    Exposure(type="AddressPool", addresses=("127.0.0.2", "127.0.0.4")),
    Exposure(type="HostPort", host_ports=(80,)),
    Exposure(service=ServiceExposure(type="NodePort")),
    Exposure(service=ServiceExposure(type="ClusterIP")),
    Exposure(type="AddressPool"),
)


def class_parameters(dice: Dice) -> ObjectReference:
    """Name what a class has for its parameters: here, missing, or of no kind of ours."""
    return ObjectReference(
        group=dice.pick(*[FLEET_GROUP] * 4, "example.com"),
        kind="EnvoyFleet",
        name=dice.pick(*["edge"] * 4, "missing"),
        namespace=dice.pick(*["fleets"] * 4, None),
    )


def gateway_parameters(dice: Dice) -> LocalObjectReference:
    """Likewise for a Gateway, whose EnvoyFleet is in its own namespace."""
    return LocalObjectReference(
        group=dice.pick(*[FLEET_GROUP] * 4, "example.com"), kind="EnvoyFleet", name=dice.pick("own", "own", "missing")
    )


def envoy_fleet(dice: Dice, name: Name) -> EnvoyFleet:
    """Make one of any exposure."""
    spec = EnvoyFleetSpec(mode=dice.pick("Shared", "Shared", "Dedicated"), exposure=dice.any(*_EXPOSURES))
    return EnvoyFleet(metadata=dice.metadata(name), spec=spec)


def exposing_service(dice: Dice, name: Name) -> core.Service:
    """Make the Service of a Gateway, with ports that others have too, or that are none."""
    gateway = name.name.removeprefix("gateway-")
    ports = dice.sample((80, 443, 8080), least=1, most=3)
    target = dice.any(20_000, 20_001, 20_002, 8080)
    made = dice.metadata(name)
    annotations = {
        "gateway.xdsserver.io/intent": "1",
        "gateway.xdsserver.io/gateway": dice.pick(*[gateway] * 4, "other"),
        "gateway.xdsserver.io/gateway-uid": f"{Name(name.namespace, gateway)}-{dice.pick(1, 1, 2)}",
    }
    metadata = ObjectMeta(
        name=made.name, namespace=made.namespace, uid=made.uid, annotations=dice.pick(annotations, annotations, {})
    )
    spec = core.ServiceSpec(
        ports=tuple(
            core.ServicePort(port=port, name=f"tcp-{port}", target_port=target + number)
            for number, port in enumerate(ports)
        ),
        cluster_ip=dice.pick("10.96.0.1", "10.96.0.2", "None", ""),
    )
    return core.Service(metadata=metadata, spec=spec)


def service_networks(dice: Dice, name: Name) -> ServiceCIDR:
    """Make networks of Services, one of which is none."""
    cidrs = dice.pick(("10.96.0.0/16",), ("10.96.0.0/16", "fd00::/108"), ("192.0.2.0/24",), ("10.96.0.1/16",))
    return ServiceCIDR(metadata=dice.metadata(name), spec=ServiceCIDRSpec(cidrs=cidrs))


def fleet_pods(dice: Dice, name: Name) -> core.EndpointSlice:
    """Make an EndpointSlice of the Service that tells the pods of a fleet."""
    endpoints = dice.some(
        lambda: core.Endpoint(
            addresses=(dice.any("10.0.9.1", "10.0.9.2"),),
            conditions=core.EndpointConditions(ready=dice.pick(True, False)),  # noqa: FBT003
            node_name=dice.pick("node-1", "node-2", None),
        ),
        least=1,
        most=2,
    )
    made = dice.metadata(name)
    metadata = ObjectMeta(
        name=made.name,
        namespace=made.namespace,
        uid=made.uid,
        labels={core.SERVICE_NAME_LABEL: f"fleet-{name.name.partition('-')[0]}"},
    )
    return core.EndpointSlice(metadata=metadata, address_type="IPv4", endpoints=endpoints)


MAKERS: Final = (
    ("EnvoyFleet", envoy_fleet, FLEETS),
    ("Service", exposing_service, tuple(Name(one.namespace, f"gateway-{one.name}") for one in GATEWAYS)),
    ("ServiceCIDR", service_networks, (Name("", "kubernetes"), Name("", "more"))),
    ("EndpointSlice", fleet_pods, (Name("fleets", "edge-1"), Name("fleets", "edge-2"))),
)
"""By kind; they stand beside those of backends."""
