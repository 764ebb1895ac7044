"""ReferenceGrant: who may refer to what across namespaces."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterator

    from xdsserver.objects.meta import ObjectKey
    from xdsserver.objects.referencegrant import ReferenceGrant
    from xdsserver.tables import Read, Table


class Referrer(NamedTuple):
    """Who refers: the kind matters, a grant for HTTPRoutes is none for GRPCRoutes."""

    group: str
    kind: str
    namespace: str


class Permission(NamedTuple):
    """One pair of `from` and `to` of a grant; `name` is None where all objects of the kind are meant."""

    referrer: Referrer
    group: str
    kind: str
    namespace: str
    name: str | None


def permissions(grant: ReferenceGrant) -> Iterator[Permission]:
    """Give every pair of `from` and `to`; all of it is compared exactly (ReferenceGrantSpec)."""
    for from_ in grant.spec.from_:
        referrer = Referrer(from_.group, from_.kind, from_.namespace)
        for to in grant.spec.to:
            yield Permission(referrer, to.group, to.kind, grant.metadata.namespace, to.name or None)


def permitted(read: Read, grants: Table[Permission, int], referrer: Referrer, group: str, target: ObjectKey) -> bool:
    """Whether `referrer` may refer to `target`; within one namespace it always may.

    `grants` counts the grants by what they permit. To be asked before whether the target exists, so that an answer
    tells nothing about other people's namespaces.
    """
    if target.namespace == referrer.namespace:
        return True
    named = Permission(referrer, group, target.kind, target.namespace, target.name)
    return read(grants, named) is not None or read(grants, named._replace(name=None)) is not None
