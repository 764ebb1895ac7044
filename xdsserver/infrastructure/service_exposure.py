"""The Service by which clients get to a Gateway (exposure Service), its endpoints, and what was decided in it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from xdsserver.effects import Intended
from xdsserver.effects.objects import INTENT
from xdsserver.infrastructure.allocation import Written
from xdsserver.infrastructure.dataplane import PROBES_PORT
from xdsserver.infrastructure.identity import MANAGED_BY, MANAGER, object_name, selector
from xdsserver.infrastructure.marks import (
    ADDRESS,
    GATEWAY,
    GATEWAY_UID,
    SLICE_MANAGER,
    SLICE_PORTS,
    SLICES_OF,
    service_name,
)
from xdsserver.infrastructure.names import label_name
from xdsserver.objects.core import SERVICE_NAME_LABEL
from xdsserver.objects.meta import Name

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from xdsserver.infrastructure.dataplane import Owner
    from xdsserver.infrastructure.marks import Marked
    from xdsserver.model.fleets import PerService
    from xdsserver.model.places import Bind
    from xdsserver.objects.core import Endpoint, EndpointSlice, Service

MAX_ADDRESSES: Final = 16
"""Of Gateway.status.addresses."""


@dataclass(frozen=True, slots=True)
class ServedPort:
    """A port of a Gateway, and where Envoys open it."""

    port: int
    bind: Bind

    @property
    def name(self) -> str:
        """What the Service and its EndpointSlices call it."""
        return f"{self.bind.transport.lower()}-{self.port}"


@dataclass(frozen=True, slots=True)
class Asked:
    """What a Service must do: how it is exposed, the addresses that the Gateway asks for, and the pods it leads to.

    `pods` are the labels of those in its own namespace, None where the Envoys are in another one. `cluster_ip` is the
    address that it must have inside the cluster, "" for any.
    """

    exposure: PerService
    addresses: tuple[str, ...] = ()
    pods: Mapping[str, str] | None = None
    cluster_ip: str = ""


def exposing_service(marked: Marked, asked: Asked, ports: Iterable[ServedPort]) -> Intended:
    """Give the Service of a Gateway; its target ports are where the decision on them is written down."""
    exposure = asked.exposure
    spec = {
        "type": exposure.type,
        "clusterIP": asked.cluster_ip,
        "ports": [
            {"name": one.name, "port": one.port, "protocol": one.bind.transport, "targetPort": one.bind.port}
            for one in ports
        ],
        "selector": None if asked.pods is None else dict(asked.pods),
        "externalTrafficPolicy": exposure.external_traffic_policy,
        "loadBalancerClass": exposure.load_balancer_class,
        "externalIPs": list(asked.addresses),
    }
    marks = {GATEWAY: marked.gateway.name, GATEWAY_UID: marked.uid}
    return Intended(
        {
            "apiVersion": "v1",
            "kind": "Service",
            "metadata": marked.metadata(service_name(marked.gateway), annotations=marks),
            "spec": {field: value for field, value in spec.items() if value},
        }
    )


def mirrored_slices(marked: Marked, ports: Sequence[ServedPort], name: str, pods: EndpointSlice) -> Iterator[Intended]:
    """Give EndpointSlices of a Gateway's Service: the pods of one of its fleet's, with the ports of the Gateway.

    `name` is that of the fleet's slice. Conditions are told on: who is not ready, and who only serves to the end.
    """
    for first in range(0, len(ports), SLICE_PORTS):
        part = f"{name}-{first // SLICE_PORTS}" if first else name
        yield _mirrored(marked, ports[first : first + SLICE_PORTS], part, pods)


def _mirrored(marked: Marked, ports: Iterable[ServedPort], name: str, pods: EndpointSlice) -> Intended:
    service = service_name(marked.gateway)
    labels = {SERVICE_NAME_LABEL: service, SLICES_OF: SLICE_MANAGER}
    return Intended(
        {
            "apiVersion": "discovery.k8s.io/v1",
            "kind": "EndpointSlice",
            "metadata": marked.metadata(label_name(service, name), labels),
            "addressType": pods.address_type,
            "endpoints": [_endpoint(one) for one in pods.endpoints],
            "ports": [{"name": one.name, "port": one.bind.port, "protocol": one.bind.transport} for one in ports],
        }
    )


def fleet_service(owner: Owner) -> Intended:
    """Give the Service without an address by which Kubernetes tells us the pods of a shared fleet, and how they are."""
    return Intended(
        {
            "apiVersion": "v1",
            "kind": "Service",
            "metadata": {
                "name": object_name(owner),
                "namespace": owner.name.namespace,
                "labels": {MANAGED_BY: MANAGER, **selector(owner)},
                "ownerReferences": [owner.reference],
            },
            "spec": {
                "clusterIP": "None",
                "selector": selector(owner),
                "ports": [{"name": "probes", "port": PROBES_PORT, "protocol": "TCP", "targetPort": PROBES_PORT}],
            },
        }
    )


def written_in_service(name: Name, service: Service) -> tuple[Name, Written] | None:
    """Give the Gateway of a Service of ours, and what was decided for it; None of all other Services."""
    annotations = service.metadata.annotations
    gateway = Name(name.namespace, annotations.get(GATEWAY, ""))
    if INTENT not in annotations or not gateway.name or service_name(gateway) != name.name:
        return None
    ports = {
        (one.port, one.protocol): one.target_port for one in service.spec.ports if isinstance(one.target_port, int)
    }
    return gateway, Written(annotations.get(GATEWAY_UID, ""), annotations.get(ADDRESS, ""), ports)


def in_the_way(gateway: Name, service: Service | None) -> str:
    """Say that somebody else has a Service by the name that a Gateway's must have; empty where nobody has."""
    if service is None or INTENT in service.metadata.annotations:
        return ""
    name = f"{gateway.namespace}/{service_name(gateway)}"
    return f"Service {name} is not ours and is left alone: delete it, or give it or the Gateway another name"


def _endpoint(one: Endpoint) -> dict[str, Any]:
    conditions = {
        "ready": one.conditions.ready,
        "serving": one.conditions.serving,
        "terminating": one.conditions.terminating,
    }
    said = {"nodeName": one.node_name, "zone": one.zone}
    return {
        "addresses": list(one.addresses),
        "conditions": {field: value for field, value in conditions.items() if value is not None},
        **{field: value for field, value in said.items() if value is not None},
    }
