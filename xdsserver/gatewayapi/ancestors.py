"""Status of an object that acts on Gateways from below: an entry for each Gateway through which it is used."""

from __future__ import annotations

from typing import TYPE_CHECKING

from xdsserver.gatewayapi.statuses import AncestorsStatus, AncestorStatus
from xdsserver.objects.httproute import ParentReference

if TYPE_CHECKING:
    from collections.abc import Mapping

    from xdsserver.gatewayapi.conditions import Condition
    from xdsserver.objects.meta import Name


def ancestors_status(judged: Mapping[Name, tuple[Condition, ...]], *, controller: str, most: int) -> AncestorsStatus:
    """Say how an object was judged for each Gateway, in the order of their names; `most` of them have room."""
    entries = (
        AncestorStatus(ParentReference(name=one.name, namespace=one.namespace), controller, judged[one])
        for one in sorted(judged)[:most]
    )
    return AncestorsStatus(tuple(entries))
