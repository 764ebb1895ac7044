"""ListenerSet (gateway.networking.k8s.io/v1)."""

from xdsserver.objects.gateway import GatewayListener
from xdsserver.objects.meta import GATEWAY_GROUP, KubeObject, Part


class ParentGatewayReference(Part):
    """The Gateway that a set adds listeners to, by default in its own namespace."""

    name: str
    group: str | None = GATEWAY_GROUP
    kind: str | None = "Gateway"
    namespace: str | None = None


class ListenerSetSpec(Part):
    """ListenerSet.spec; a ListenerEntry has the fields of a Gateway's listener."""

    parent_ref: ParentGatewayReference
    listeners: tuple[GatewayListener, ...]


class ListenerSet(KubeObject):
    """Listeners that somebody else than its owner adds to a Gateway."""

    spec: ListenerSetSpec
