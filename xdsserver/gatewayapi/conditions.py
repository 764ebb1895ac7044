"""Conditions, and the problems that they are made of: an error *is* a condition."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

# The condition types (apis/v1 of the Gateway API, *_types.go) that more than one module names.
ACCEPTED = "Accepted"
ADDRESSES_ASSIGNED = "AddressesAssigned"
PROGRAMMED = "Programmed"
RESOLVED_REFS = "ResolvedRefs"
PARTIALLY_INVALID = "PartiallyInvalid"
CONFLICTED = "Conflicted"
# And one of ours: Envoys reject what an object came to.
REJECTED = "gateway.xdsserver.io/Rejected"


class Status(Enum):
    """The status of a condition."""

    TRUE = "True"
    FALSE = "False"
    UNKNOWN = "Unknown"


@dataclass(frozen=True, slots=True)
class Problem:
    """Something wrong with an object: the condition it spoils, the reason, and words that name field and remedy."""

    condition: str
    reason: str
    message: str


@dataclass(frozen=True, slots=True)
class Condition:
    """A condition as the specification words it; whoever writes it adds the time of the last transition."""

    type: str
    status: Status
    reason: str
    message: str
    observed_generation: int


def condition(type_: str, good: str, message: str, problems: Iterable[Problem], generation: int) -> Condition:
    """Say True with the reason `good`, or False with the first problem of this type and the words of all of them."""
    found = [problem for problem in problems if problem.condition == type_]
    if not found:
        return Condition(type_, Status.TRUE, good, message, generation)
    words = "; ".join(dict.fromkeys(problem.message for problem in found))
    return Condition(type_, Status.FALSE, found[0].reason, clip(words), generation)


MESSAGE_CHARACTERS = 32768
"""`maxLength` of a condition's message in metav1.Condition."""


def clip(words: str) -> str:
    """Shorten a message to what a condition can hold."""
    return words if len(words) <= MESSAGE_CHARACTERS else words[: MESSAGE_CHARACTERS - 1] + "…"
