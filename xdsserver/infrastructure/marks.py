"""What objects that are made for a Gateway carry: by what they are found, their owner, and the marks of its user."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from xdsserver.infrastructure.dataplane import Owner
from xdsserver.infrastructure.identity import GATEWAY_LABEL, MANAGED_BY, MANAGER
from xdsserver.infrastructure.names import MAX_NAME, label_name
from xdsserver.objects.meta import GATEWAY_GROUP

if TYPE_CHECKING:
    from collections.abc import Mapping

    from xdsserver.objects.meta import Name

SLICES_OF: Final = "endpointslice.kubernetes.io/managed-by"
SLICE_MANAGER: Final = "gateway.xdsserver.io"
"""The label by which Kubernetes leaves an EndpointSlice to whoever wrote it."""

GATEWAY: Final = "gateway.xdsserver.io/gateway"
GATEWAY_UID: Final = "gateway.xdsserver.io/gateway-uid"
ADDRESS: Final = "gateway.xdsserver.io/address"
"""Annotations of a Service: for which Gateway it is, for which of that name, and which address that one was given."""

SLICE_PORTS: Final = 100
"""The most ports that an EndpointSlice may have."""


def service_name(gateway: Name) -> str:
    """Name the Service of a Gateway, in the namespace of which it is."""
    return label_name("gateway", gateway.name)


def gateway_owner(gateway: Name, uid: str) -> Owner:
    """Give a Gateway as the owner of objects, which go when it does, also where nobody of us is there to see it go."""
    return Owner(f"{GATEWAY_GROUP}/v1", "Gateway", gateway, uid)


@dataclass(frozen=True, slots=True)
class Marked:
    """A Gateway as the objects that are made for it show it; `labels` and `annotations` are `spec.infrastructure`'s."""

    gateway: Name
    uid: str
    labels: tuple[tuple[str, str], ...] = ()
    annotations: tuple[tuple[str, str], ...] = ()

    @property
    def owner(self) -> Owner:
        """The Gateway itself."""
        return gateway_owner(self.gateway, self.uid)

    def metadata(
        self, name: str, labels: Mapping[str, str] | None = None, annotations: Mapping[str, str] | None = None
    ) -> dict[str, Any]:
        """Give the metadata of an object; what others go by is ours to say, whatever users label."""
        label = self.gateway.name if len(self.gateway.name) <= MAX_NAME else service_name(self.gateway)
        marks = dict(self.annotations) | dict(annotations or {})
        return {
            "name": name,
            "namespace": self.gateway.namespace,
            "labels": dict(self.labels) | {MANAGED_BY: MANAGER, GATEWAY_LABEL: label} | dict(labels or {}),
            **({"annotations": marks} if marks else {}),
            "ownerReferences": [self.owner.reference],
        }
