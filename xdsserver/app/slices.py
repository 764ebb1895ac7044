"""Many changes at once, divided: what others refer to comes first, what is gone goes last, and none takes long.

A start, a list that is taken again, or a thousand routes created at once would keep the event loop for seconds: no
probe answered, no Lease renewed, no change sent. Divided into slices it has its turn in between. Each slice leaves a
world that might be: what is new is there before what refers to it, and what nobody needs goes when nobody does.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from xdsserver.objects.meta import Name
    from xdsserver.reconciler import ObjectChange

AT_ONCE: Final = 100
"""Changes that are taken at once: what somebody applies together is seen together."""

SLICE: Final = 50
"""Changes of a slice of more: as many routes take 15 ms."""

_ORDER: Final = (
    *("CustomResourceDefinition", "Namespace", "ReferenceGrant", "ConfigMap", "Secret", "ClusterTrustBundle"),
    # Endpoints before what leads to them, and how a backend is verified before it is asked.
    *("BackendTLSPolicy", "EndpointSlice", "Service", "ServiceImport", "XBackend"),
    *("EnvoyFleet", "GatewayClass", "XTelemetryPolicy", "Gateway", "ListenerSet"),
)
"""Kinds in the order in which they are referred to; all others, as routes are, come after them."""

_RANKS: Final = {kind: rank for rank, kind in enumerate(_ORDER)}


def slices(changes: Sequence[ObjectChange]) -> Iterator[Sequence[ObjectChange]]:
    """Divide changes; of several changes of one object the last one counts."""
    if len(changes) <= AT_ONCE:
        yield changes
        return
    newest: dict[tuple[str, Name], ObjectChange] = {change[:2]: change for change in changes}
    ordered = sorted(newest.values(), key=_rank)
    for at in range(0, len(ordered), SLICE):
        yield ordered[at : at + SLICE]


def _rank(change: ObjectChange) -> tuple[bool, int]:
    kind, _, row = change
    rank = _RANKS.get(kind, len(_ORDER))
    return (False, rank) if row is not None else (True, -rank)
