"""Objects as answers name them: by the names of the parts, so that a document says which is which."""

from dataclasses import dataclass

from xdsserver.objects.meta import Name, ObjectKey


@dataclass(frozen=True, slots=True, order=True)
class ObjectNamed:
    """An object; `namespace` is "" for one of the cluster."""

    kind: str
    namespace: str
    name: str

    def __str__(self) -> str:
        return f"{self.kind} {Name(self.namespace, self.name)}"


def named(key: ObjectKey) -> ObjectNamed:
    """Name an object."""
    return ObjectNamed(*key)
