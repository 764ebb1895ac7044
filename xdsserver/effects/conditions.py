"""Conditions are merged by type: ours as decided, those of others as they are, times only where a status flips."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

Document = dict[str, Any]
"""A part of an object in the form of the API."""

OUR_PREFIX = "gateway.xdsserver.io/"

SPECIFIED = frozenset(
    {
        "Accepted",
        "AddressesAssigned",
        "Conflicted",
        "DefaultGateway",
        "Detached",
        "InsecureFrontendValidationMode",
        "OverlappingTLSConfig",
        "PartiallyInvalid",
        "Programmed",
        "Ready",
        "ResolvedRefs",
        "Scheduled",
        "SupportedVersion",
    }
)
"""The condition types of the Gateway API (apis/v1, `*_types.go`), its former ones too: the controller's to say.

One of these that we do not say was left by a controller before us, or is no longer true, and goes.
"""

MOST_CONDITIONS = 8
"""`maxItems` of every list of conditions in the Gateway API."""

_NEVER = "1970-01-01T00:00:00Z"
"""What the CRDs fill in before any controller has spoken; nothing flipped then."""


@dataclass(frozen=True, slots=True)
class Moment:
    """When a write is made, and the generation of the object that it is made to."""

    now: datetime
    """With a time zone; written in UTC to the second, as metav1.Time is."""
    generation: int

    @property
    def text(self) -> str:
        """The time as metav1.Time writes it."""
        return self.now.strftime("%Y-%m-%dT%H:%M:%SZ")


@dataclass(frozen=True, slots=True)
class Merged:
    """A list as it should be, in the order in which it was found; `left_out` names what no room was left for."""

    entries: list[Document]
    left_out: tuple[str, ...] = ()


def is_foreign(type_: object) -> bool:
    """Whether somebody else says conditions of this type."""
    return type_ not in SPECIFIED and not (isinstance(type_, str) and type_.startswith(OUR_PREFIX))


def merge_conditions(decided: Sequence[Document], observed: Sequence[Document], moment: Moment) -> Merged:
    """Join decided conditions (without times) with those that were read.

    Those of others stay, every byte of them; where they leave too little room, the last of ours are left out.
    """
    wanted = {one["type"]: one for one in decided}
    entries: list[Document] = []
    for found in observed:
        ours = wanted.pop(found.get("type"), None)
        if ours is not None:
            entries.append(_settle(ours, found, moment))
        elif is_foreign(found.get("type")):
            entries.append(found)
    new = [one | {"lastTransitionTime": moment.text} for one in wanted.values()]
    room = max(0, MOST_CONDITIONS - len(entries))
    return Merged(entries + new[:room], tuple(f"condition {one['type']}" for one in new[room:]))


def own_conditions(decided: Sequence[Document], observed: Sequence[Document], moment: Moment) -> Merged:
    """Join decided conditions (without times) with those that were read, where nobody else says any; as decided."""
    found = {one.get("type"): one for one in observed}
    return Merged([_settle(one, found.get(one["type"], {}), moment) for one in decided])


def _settle(decided: Document, found: Document, moment: Moment) -> Document:
    # The specification forbids to update a condition whose observedGeneration is above what we have seen: another
    # replica has seen more. One above the object's own generation is nobody's judgement, and is replaced.
    if decided["observedGeneration"] < _generation(found) <= moment.generation:
        return found
    since = found.get("lastTransitionTime")
    flipped = found.get("status") != decided["status"] or not since or since == _NEVER
    return decided | {"lastTransitionTime": moment.text if flipped else since}


def _generation(condition: Document) -> int:
    generation = condition.get("observedGeneration")
    return generation if isinstance(generation, int) else 0
