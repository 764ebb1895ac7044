"""The Service of a Gateway that has an address of its own: how pods of the cluster find that address.

Its ClusterIP and its DNS name lead to the address that Envoy listens on, for as long as the Gateway exists. It is also
what `spec.infrastructure` of the Gateway labels and annotates: the Envoys that serve it are shared, and must not carry
the marks of one of those whom they serve. And it is where the address is written down that the Gateway was given: the
status does not tell it where nothing but an address of the cluster was asked for.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

from xdsserver.effects import Intended
from xdsserver.infrastructure.marks import (
    ADDRESS,
    GATEWAY,
    GATEWAY_UID,
    SLICE_MANAGER,
    SLICE_PORTS,
    SLICES_OF,
    service_name,
)
from xdsserver.objects.core import SERVICE_NAME_LABEL
from xdsserver.objects.meta import ObjectKey

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from xdsserver.infrastructure.marks import Marked


class Opened(NamedTuple):
    """A port of a Gateway: as users dial it, and as Envoy opens it (0: not open yet)."""

    port: int
    transport: str
    bind_port: int = 0

    @property
    def name(self) -> str:
        """What Service and EndpointSlice call it, so that they find each other."""
        return f"{self.transport.lower()}-{self.port}"


@dataclass(frozen=True, slots=True)
class Given:
    """The address that a Gateway was given, and whether it is served there already.

    Without an address, or before it is served, there is a Service that answers nothing yet. `cluster_ip` is the address
    that this Service must have inside the cluster, "" for any.
    """

    address: str = ""
    served: bool = False
    cluster_ip: str = ""


def gateway_service(marked: Marked, given: Given, ports: Iterable[Opened]) -> Mapping[ObjectKey, Intended]:
    """Give the objects by which a Gateway is found in its cluster: none where it has no port."""
    found = sorted(ports)
    if not found:
        return {}
    objects = [_service(marked, given, found)]
    if given.served:
        opened = [one for one in found if one.bind_port]
        chunks = [opened[first : first + SLICE_PORTS] for first in range(0, len(opened), SLICE_PORTS)]
        objects += [_slice(marked, number, given.address, chunk) for number, chunk in enumerate(chunks)]
    return {ObjectKey(one["kind"], marked.gateway.namespace, one["metadata"]["name"]): Intended(one) for one in objects}


def _service(marked: Marked, given: Given, ports: Sequence[Opened]) -> dict[str, Any]:
    # Without a selector: its EndpointSlices are ours. All is written, also what is empty, so that no mark of its user's
    # can be taken for it.
    written = {GATEWAY: marked.gateway.name, GATEWAY_UID: marked.uid, ADDRESS: given.address}
    return {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": marked.metadata(service_name(marked.gateway), annotations=written),
        "spec": {
            "type": "ClusterIP",
            **({"clusterIP": given.cluster_ip} if given.cluster_ip else {}),
            "ports": [{"name": one.name, "port": one.port, "protocol": one.transport} for one in ports],
        },
    }


def _slice(marked: Marked, number: int, address: str, ports: Sequence[Opened]) -> dict[str, Any]:
    service = service_name(marked.gateway)
    labels = {SERVICE_NAME_LABEL: service, SLICES_OF: SLICE_MANAGER}
    return {
        "apiVersion": "discovery.k8s.io/v1",
        "kind": "EndpointSlice",
        "metadata": marked.metadata(f"{service}-{number}", labels),
        "addressType": "IPv6" if ":" in address else "IPv4",
        "endpoints": [{"addresses": [address], "conditions": {"ready": True}}],
        "ports": [{"name": one.name, "port": one.bind_port, "protocol": one.transport} for one in ports],
    }
