"""Status of a route: parent by parent, from the same verdicts that decide what Envoy gets."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from xdsserver.gatewayapi import streams
from xdsserver.gatewayapi.conditions import (
    ACCEPTED,
    PARTIALLY_INVALID,
    RESOLVED_REFS,
    Condition,
    Status,
    clip,
    condition,
)
from xdsserver.gatewayapi.rejections import rejected_condition
from xdsserver.gatewayapi.shadows import doubts
from xdsserver.gatewayapi.statuses import RouteParentStatus, RouteStatus

if TYPE_CHECKING:
    from collections.abc import Iterable

    from xdsserver.gatewayapi.attachment import Parent
    from xdsserver.gatewayapi.expansion import Refused
    from xdsserver.gatewayapi.rejections import RejectedAt
    from xdsserver.gatewayapi.rules import ResolvedRule
    from xdsserver.gatewayapi.shadows import Shadow
    from xdsserver.gatewayapi.streams import Behind


@dataclass(frozen=True, slots=True)
class Findings:
    """What is known of a route: its rules, the listeners that refuse it, and its matches that are never reached.

    It stands `behind` others where it asks for whole connections that they get.
    Of what is `rejected` only Envoys know why.
    """

    rules: tuple[ResolvedRule, ...]
    refused: tuple[Refused, ...] = ()
    shadows: tuple[Shadow, ...] = ()
    rejected: tuple[RejectedAt, ...] = ()
    behind: tuple[Behind, ...] = ()


def route_status(parents: Iterable[tuple[Parent, str]], findings: Findings, generation: int) -> RouteStatus:
    """Say for each parentRef of ours whether the route is accepted there and its references are resolved.

    A parent comes with the controllerName of the class of its Gateway.
    A route that only some listeners of a parent refuse is accepted there, as with the other reasons to refuse one. A
    match that is never reached is no fault of the route. Of both the message of Accepted True tells.
    Rules that cannot be understood are dropped: some of them make the route PartiallyInvalid, all of them refuse it
    (RouteConditionPartiallyInvalid). Backends have no say in Accepted (RouteConditionResolvedRefs).
    """
    rules = findings.rules
    dropped = [problem for rule in rules for problem in rule.dropped]
    nothing_left = bool(rules) and all(rule.dropped for rule in rules)
    whole = dropped if nothing_left else []
    references = condition(
        RESOLVED_REFS,
        "ResolvedRefs",
        "all references are resolved",
        [problem for rule in rules for problem in rule.problems],
        generation,
    )
    partly = []
    if dropped and not whole:
        words = clip("Dropped Rule: " + "; ".join(problem.message for problem in dropped))
        partly = [Condition(PARTIALLY_INVALID, Status.TRUE, "UnsupportedValue", words, generation)]

    def entry(parent: Parent, controller: str) -> RouteParentStatus:
        here = {listener for listener, _ in parent.listeners}
        refused = [one for one in findings.refused if one.listener in here]
        nowhere = bool(refused) and {one.listener for one in refused} == here
        problems = [
            *([parent.problem] if parent.problem else []),
            *whole,
            *(one.problem for one in refused if nowhere),
        ]
        doubtful = (
            *(one.problem.message for one in refused if not nowhere),
            *doubts(one for one in findings.shadows if one.listener in here),
            *streams.doubts(one for one in findings.behind if one.listener in here),
        )
        served = clip("; ".join(("the route is served", *doubtful)))
        accepted = condition(ACCEPTED, "Accepted", served, problems, generation)
        # PartiallyInvalid must not be set on a route that is not accepted.
        also = partly if accepted.status is Status.TRUE else []
        against = rejected_condition((one.words for one in findings.rejected if one.listener in here), generation)
        return RouteParentStatus(parent.reference, controller, (accepted, references, *also, *against), doubtful)

    return RouteStatus(tuple(entry(parent, controller) for parent, controller in parents))
