"""The Service of a Gateway that has an address of its own: how pods of the cluster find that address.

Its ClusterIP and its DNS name lead to the address that Envoy listens on, for as long as the Gateway exists. It is also
what `spec.infrastructure` of the Gateway labels and annotates: the Envoys that serve it are shared, and must not carry
the marks of one of those whom they serve.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, NamedTuple

from xdsserver.effects import Intended
from xdsserver.infrastructure.names import MAX_NAME, label_name
from xdsserver.objects.core import SERVICE_NAME_LABEL
from xdsserver.objects.meta import GATEWAY_GROUP, ObjectKey

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from xdsserver.objects.gateway import Gateway
    from xdsserver.objects.meta import Name

GATEWAY_NAME: Final = f"{GATEWAY_GROUP}/gateway-name"
"""The label by which objects of a Gateway are found (GEP-1762)."""

_MANAGED_BY: Final = {"app.kubernetes.io/managed-by": "xdsserver"}

SLICE_PORTS: Final = 100
"""The most ports that an EndpointSlice may have."""


class Opened(NamedTuple):
    """A port of a Gateway: as users dial it, and as Envoy opens it (0: not open yet)."""

    port: int
    transport: str
    bind_port: int = 0

    @property
    def name(self) -> str:
        """What Service and EndpointSlice call it, so that they find each other."""
        return f"{self.transport.lower()}-{self.port}"


def service_name(gateway: Name) -> str:
    """Name the Service of a Gateway."""
    return label_name("gateway", gateway.name)


def gateway_service(gateway: Gateway, address: str | None, ports: Iterable[Opened]) -> Mapping[ObjectKey, Intended]:
    """Give the objects by which a Gateway is found in its cluster: none where it has no port.

    `address` is where it is served; None while that is nowhere, which leaves a Service that answers nothing yet.
    """
    found = sorted(ports)
    if not found:
        return {}
    objects = [_service(gateway, found)]
    opened = [one for one in found if one.bind_port]
    if address is not None:
        chunks = [opened[first : first + SLICE_PORTS] for first in range(0, len(opened), SLICE_PORTS)]
        objects += [_slice(gateway, number, address, chunk) for number, chunk in enumerate(chunks)]
    place = gateway.metadata.namespace
    return {ObjectKey(one["kind"], place, one["metadata"]["name"]): Intended(one) for one in objects}


def _service(gateway: Gateway, ports: Sequence[Opened]) -> dict[str, Any]:
    # Without a selector: its EndpointSlices are ours.
    return {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": _metadata(gateway, service_name(gateway.name), {}),
        "spec": {
            "type": "ClusterIP",
            "ports": [{"name": one.name, "port": one.port, "protocol": one.transport} for one in ports],
        },
    }


def _slice(gateway: Gateway, number: int, address: str, ports: Sequence[Opened]) -> dict[str, Any]:
    service = service_name(gateway.name)
    labels = {SERVICE_NAME_LABEL: service, "endpointslice.kubernetes.io/managed-by": "gateway.xdsserver.io"}
    return {
        "apiVersion": "discovery.k8s.io/v1",
        "kind": "EndpointSlice",
        "metadata": _metadata(gateway, f"{service}-{number}", labels),
        "addressType": "IPv6" if ":" in address else "IPv4",
        "endpoints": [{"addresses": [address], "conditions": {"ready": True}}],
        "ports": [{"name": one.name, "port": one.bind_port, "protocol": one.transport} for one in ports],
    }


def _metadata(gateway: Gateway, name: str, labels: Mapping[str, str]) -> dict[str, Any]:
    infrastructure, owner = gateway.spec.infrastructure, gateway.metadata
    marks = infrastructure.annotations if infrastructure is not None else {}
    theirs = infrastructure.labels if infrastructure is not None else {}
    # What others go by is ours to say, whatever users label.
    ours = {**_MANAGED_BY, GATEWAY_NAME: _label(owner.name), **labels}
    reference = {"apiVersion": f"{GATEWAY_GROUP}/v1", "kind": "Gateway", "name": owner.name, "uid": owner.uid}
    return {
        "name": name,
        "namespace": owner.namespace,
        "labels": dict(theirs) | ours,
        **({"annotations": dict(marks)} if marks else {}),
        # Gone with the Gateway, also where nobody of us is there to see it go.
        "ownerReferences": [reference],
    }


def _label(name: str) -> str:
    return name if len(name) <= MAX_NAME else label_name("gateway", name)
