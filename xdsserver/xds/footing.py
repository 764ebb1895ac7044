"""On what footing streams are answered: nobody yet, only who holds nothing, or everybody.

An Envoy that holds something serves it, whatever becomes of us. So as long as the source has not listed, nothing that
we know is better than what it has; only an Envoy that has nothing is better off with a state that was saved before.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import Final, assert_never

PATIENCE_S: Final = 10.0
"""For how long a source may be silent after a start before a saved state is served: longer than an API server takes to
answer when it is well, shorter than a new Envoy may be kept without anything."""


class Footing(Enum):
    """What the resources of a cache come from."""

    NOTHING = "nothing was listed"
    SAVED = "a state that was saved before"
    LISTED = "every source has listed"


@dataclass(frozen=True, slots=True)
class Start:
    """How far a start has come.

    Attributes:
        listed: every source has listed once.
        saved: there is a saved state that could be served.
        silent_s: since when no source has said anything, in seconds; the start counts as the first word.
    """

    listed: bool
    saved: bool
    silent_s: float


def footing(start: Start, before: Footing = Footing.NOTHING) -> Footing:
    """Decide on what footing to serve, given that on which it was served `before`; there is no way back."""
    if start.listed or before is Footing.LISTED:
        return Footing.LISTED
    if before is Footing.SAVED or (start.saved and start.silent_s >= PATIENCE_S):
        return Footing.SAVED
    return Footing.NOTHING


def answers(on: Footing, *, holds: bool) -> bool:
    """Tell whether a client is answered now; `holds` is whether it announced that it has resources already."""
    match on:
        case Footing.NOTHING:
            return False
        case Footing.SAVED:
            return not holds
        case Footing.LISTED:
            return True
        case _:
            assert_never(on)
