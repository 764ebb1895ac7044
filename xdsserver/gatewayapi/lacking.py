"""Which listeners name an object that is not to be had, where whoever holds the objects knows why it is not."""

from __future__ import annotations

from typing import TYPE_CHECKING

from xdsserver.objects.meta import ObjectKey

if TYPE_CHECKING:
    from collections.abc import Container, Iterable, Iterator

    from xdsserver.objects.gateway import Gateway


def lacking(gateways: Iterable[Gateway], missing: Container[ObjectKey]) -> Iterator[tuple[ObjectKey, str, ObjectKey]]:
    """Yield Gateway, listener name and missing object for each certificate that a listener names and that is missing.

    Gateways in any order give the listeners in the order of their names; of one Gateway, as they are written.
    """
    for gateway in sorted(gateways, key=lambda one: one.name):
        for listener in gateway.spec.listeners:
            for reference in listener.tls.certificate_refs if listener.tls is not None else ():
                named = ObjectKey(reference.kind, reference.namespace or gateway.name.namespace, reference.name)
                if named in missing:
                    yield ObjectKey("Gateway", *gateway.name), listener.name, named
