"""Names and metadata that every kind shares."""

from collections.abc import Mapping
from typing import Any, NamedTuple, dataclass_transform

import msgspec
from typing_extensions import override

GATEWAY_GROUP = "gateway.networking.k8s.io"


class Name(NamedTuple):
    """Where an object lives; the kind is told by the table that holds it. `namespace` is empty for cluster scope."""

    namespace: str
    name: str

    @override
    def __str__(self) -> str:
        return f"{self.namespace}/{self.name}" if self.namespace else self.name


class ObjectKey(NamedTuple):
    """One object among all kinds."""

    kind: str
    namespace: str
    name: str

    @override
    def __str__(self) -> str:
        return f"{self.kind} {Name(self.namespace, self.name)}"


@dataclass_transform(frozen_default=True, kw_only_default=True, field_specifiers=(msgspec.field,))
class Part(msgspec.Struct, frozen=True, kw_only=True, gc=False, rename="camel"):
    """Base of every struct that is part of an object."""


class ObjectMeta(Part):
    """What is kept of `metadata`; `resourceVersion` and `managedFields` are dropped so that they wake nothing.

    `creation_timestamp` is RFC 3339 in UTC as the API server writes it, so that text order is time order.
    """

    name: str
    namespace: str = ""
    uid: str = ""
    generation: int = 0
    creation_timestamp: str = ""
    deletion_timestamp: str | None = None
    labels: Mapping[str, str] = {}
    annotations: Mapping[str, str] = {}


class KubeObject(Part):
    """Base of every kind; `status` is a row of its own and never part of these."""

    metadata: ObjectMeta

    @property
    def name(self) -> Name:
        """Namespace and name."""
        return Name(self.metadata.namespace, self.metadata.name)


class LabelSelectorRequirement(Part):
    """One expression of a label selector."""

    key: str
    operator: str
    values: tuple[str, ...] = ()


class LabelSelector(Part):
    """`metav1.LabelSelector`; an empty one selects everything."""

    match_labels: Mapping[str, str] = {}
    match_expressions: tuple[LabelSelectorRequirement, ...] = ()


class LocalObjectReference(Part):
    """A reference within the namespace of the object that holds it."""

    group: str
    kind: str
    name: str


class SecretObjectReference(Part):
    """A reference to a Secret, by default in the same namespace."""

    name: str
    group: str = ""
    kind: str = "Secret"
    namespace: str | None = None


class ObjectReference(Part):
    """A reference whose group and kind are always given."""

    group: str
    kind: str
    name: str
    namespace: str | None = None


class BackendObjectReference(Part):
    """A reference to a backend, by default a Service in the same namespace."""

    name: str
    group: str = ""
    kind: str = "Service"
    namespace: str | None = None
    port: int | None = None


Untyped = dict[str, Any]
"""A decoded document before it is checked: what JSON and YAML can hold."""
