"""Default Gateways: routes that ask for any get all of them, as if they named each (GEP-3793)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from xdsserver.gatewayapi.attachment import named_parent
from xdsserver.gatewayapi.conditions import Condition, Status
from xdsserver.objects.httproute import ParentReference
from xdsserver.objects.meta import ObjectKey

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from xdsserver.gatewayapi.attachment import RouteHead
    from xdsserver.objects.gateway import Gateway
    from xdsserver.objects.meta import Name

_NO_SCOPE: Final = (None, "", "None")


def scope(asked: str | None) -> str | None:
    """Give the scope that a Gateway has or a route asks for (`All` is the only one), or None for none."""
    return None if asked in _NO_SCOPE else asked


def references(route: RouteHead, defaults: Iterable[Name]) -> Iterator[ParentReference]:
    """Give the parentRefs of a route, then one for each default Gateway that they do not name as a whole already."""
    yield from route.parents
    named = {named_parent(route.key, one) for one in route.parents if one.section_name is None and one.port is None}
    for gateway in defaults:
        if ObjectKey("Gateway", *gateway) not in named:
            yield ParentReference(name=gateway.name, namespace=gateway.namespace)


def default_condition(gateway: Gateway) -> tuple[Condition, ...]:
    """Say of a default Gateway that it is one, and nothing of another."""
    found = scope(gateway.spec.default_scope)
    if found is None:
        return ()
    message = f"routes with useDefaultGateways {found} attach to it, as far as its listeners allow"
    return (Condition("DefaultGateway", Status.TRUE, "DefaultGateway", message, gateway.metadata.generation),)
