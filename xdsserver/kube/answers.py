"""What an API server can answer to a write, as values: each asks for something else to be done next."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from xdsserver.effects import Observed


@dataclass(frozen=True, slots=True)
class Done:
    """It is written (or was read): the object as it is now."""

    observed: Observed


@dataclass(frozen=True, slots=True)
class Conflict:
    """409: somebody wrote in between. Read again, decide again what is owed."""


@dataclass(frozen=True, slots=True)
class Missing:
    """404: there is no such object (any more). Nothing is owed to it."""


@dataclass(frozen=True, slots=True)
class TooMany:
    """429: be silent, for as long as `Retry-After` says where it does."""

    retry_after_s: float | None


@dataclass(frozen=True, slots=True)
class Away:
    """No answer, or one that says that the server cannot give one (502 to 504): nothing speaks against the object."""

    words: str


@dataclass(frozen=True, slots=True)
class Refused:
    """Any other answer: the server was asked and does not want this; `words` are its own."""

    words: str


Answer = Done | Conflict | Missing | TooMany | Away | Refused
