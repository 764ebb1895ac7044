"""Conditions of statuses as answers, and what they come to in one word."""

from dataclasses import dataclass
from typing import Literal, TypeAlias

from xdsserver.gatewayapi.conditions import REJECTED, Status
from xdsserver.gatewayapi.statuses import ObjectStatus, all_conditions, faults

State: TypeAlias = Literal["good", "pending", "bad", "rejected", "unattached"]
"""What a status comes to: `bad` for anything that is wrong, `rejected` where Envoys say so, `pending` while somebody is
waited for, `unattached` for what is nobody's here."""


@dataclass(frozen=True, slots=True)
class ConditionAnswer:
    """One condition, and the part of the object that it is about ("" for the whole); `good` where it is as it ought."""

    part: str
    type: str
    status: str
    reason: str
    message: str
    generation: int
    good: bool


@dataclass(frozen=True, slots=True)
class Verdict:
    """What a status comes to, and the first words about what is wrong."""

    state: State
    words: str = ""


def verdict(status: ObjectStatus | None) -> Verdict:
    """Sum up a status; None and one without conditions are those of an object that nobody here serves."""
    conditions = () if status is None else all_conditions(status)
    if status is None or not conditions:
        return Verdict("unattached")
    wrong = faults(status)
    if wrong:
        rejected = next((one for _, one in wrong if one.type == REJECTED), None)
        first = rejected or wrong[0][1]
        return Verdict("bad" if rejected is None else "rejected", f"{first.reason}: {first.message}")
    waiting = next((one for _, one in conditions if one.status is Status.UNKNOWN), None)
    return Verdict("good") if waiting is None else Verdict("pending", f"{waiting.reason}: {waiting.message}")


def answers(status: ObjectStatus | None) -> tuple[ConditionAnswer, ...]:
    """Give all conditions of a status."""
    if status is None:
        return ()
    wrong = {(part, one.type) for part, one in faults(status)}
    return tuple(
        ConditionAnswer(
            part,
            one.type,
            one.status.value,
            one.reason,
            one.message,
            one.observed_generation,
            (part, one.type) not in wrong and one.status is not Status.UNKNOWN,
        )
        for part, one in all_conditions(status)
    )
