"""Status of an object that acts on Gateways from below: an entry for each Gateway through which it is used."""

from __future__ import annotations

from typing import TYPE_CHECKING

from xdsserver.gatewayapi.statuses import AncestorsStatus, AncestorStatus
from xdsserver.objects.httproute import ParentReference

if TYPE_CHECKING:
    from collections.abc import Mapping

    from xdsserver.gatewayapi.conditions import Condition
    from xdsserver.objects.meta import Name


def ancestors_status(
    judged: Mapping[Name, tuple[Condition, ...]], controllers: Mapping[Name, str], most: int
) -> AncestorsStatus:
    """Say how an object was judged for each Gateway, in the order of their names; `most` of them have room.

    `controllers` has the controllerName of the class of each.
    """
    entries = (
        AncestorStatus(ParentReference(name=one.name, namespace=one.namespace), controllers[one], judged[one])
        for one in [name for name in sorted(judged) if name in controllers][:most]
    )
    return AncestorsStatus(tuple(entries))
