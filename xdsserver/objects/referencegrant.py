"""ReferenceGrant (gateway.networking.k8s.io/v1)."""

import msgspec

from xdsserver.objects.meta import KubeObject, Part


class ReferenceGrantFrom(Part):
    """Whose references are allowed."""

    group: str
    kind: str
    namespace: str


class ReferenceGrantTo(Part):
    """What may be referred to; without `name` all objects of the kind."""

    group: str
    kind: str
    name: str | None = None


class ReferenceGrantSpec(Part):
    """ReferenceGrant.spec."""

    from_: tuple[ReferenceGrantFrom, ...] = msgspec.field(name="from")
    to: tuple[ReferenceGrantTo, ...]


class ReferenceGrant(KubeObject):
    """Allows references from other namespaces to objects of its own."""

    spec: ReferenceGrantSpec
