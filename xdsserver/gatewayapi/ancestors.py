"""Status of an object that acts on Gateways from below: an entry for each Gateway through which it is used."""

from __future__ import annotations

from typing import TYPE_CHECKING

from xdsserver.gatewayapi.conditions import ACCEPTED, condition
from xdsserver.gatewayapi.statuses import AncestorsStatus, AncestorStatus
from xdsserver.objects.httproute import ParentReference

if TYPE_CHECKING:
    from collections.abc import Iterable

    from xdsserver.gatewayapi.conditions import Problem
    from xdsserver.objects.meta import Name

MAX_ANCESTORS = 32
"""`maxItems` of XBackend.status.ancestors."""


def ancestors_status(
    problems: tuple[Problem, ...], gateways: Iterable[Name], *, controller: str, generation: int
) -> AncestorsStatus:
    """Say of each Gateway, in the order of their names, whether the object is accepted there."""
    accepted = condition(ACCEPTED, "Accepted", "it is used by routes of the Gateway", problems, generation)
    entries = (
        AncestorStatus(ParentReference(name=one.name, namespace=one.namespace), controller, (accepted,))
        for one in sorted(set(gateways))[:MAX_ANCESTORS]
    )
    return AncestorsStatus(tuple(entries))
