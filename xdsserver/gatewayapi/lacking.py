"""Which listeners name an object that is not to be had, where whoever holds the objects knows why it is not."""

from __future__ import annotations

from typing import TYPE_CHECKING

from xdsserver.objects.gateway import Gateway
from xdsserver.objects.listenerset import ListenerSet
from xdsserver.objects.meta import ObjectKey

if TYPE_CHECKING:
    from collections.abc import Container, Iterator, Mapping

    from xdsserver.objects.meta import KubeObject


def lacking(
    objects: Mapping[ObjectKey, KubeObject], missing: Container[ObjectKey]
) -> Iterator[tuple[ObjectKey, str, ObjectKey]]:
    """Yield the owner of a listener, its name and the missing object, for each certificate that it names in vain.

    Owners, Gateways and ListenerSets, come in the order of their keys; listeners and references as they are written.
    """
    for key, owner in sorted(objects.items()):
        for listener in owner.spec.listeners if isinstance(owner, Gateway | ListenerSet) else ():
            for reference in listener.tls.certificate_refs if listener.tls is not None else ():
                named = ObjectKey(reference.kind, reference.namespace or key.namespace, reference.name)
                if named in missing:
                    yield key, listener.name, named
