"""Status of a route: parent by parent, from the same verdicts that decide what Envoy gets."""

from __future__ import annotations

from typing import TYPE_CHECKING

from xdsserver.gatewayapi.conditions import (
    ACCEPTED,
    PARTIALLY_INVALID,
    RESOLVED_REFS,
    Condition,
    Status,
    clip,
    condition,
)
from xdsserver.gatewayapi.shadows import doubts
from xdsserver.gatewayapi.statuses import RouteParentStatus, RouteStatus

if TYPE_CHECKING:
    from collections.abc import Iterable

    from xdsserver.gatewayapi.attachment import Parent
    from xdsserver.gatewayapi.rules import ResolvedRule
    from xdsserver.gatewayapi.shadows import Shadow


def route_status(
    parents: Iterable[Parent],
    rules: Iterable[ResolvedRule],
    shadows: Iterable[Shadow],
    *,
    controller: str,
    generation: int,
) -> RouteStatus:
    """Say for each parentRef of ours whether the route is accepted there and its references are resolved.

    A match that is never reached is no fault of the route, so that Accepted stays True and says so in its message.
    Rules that cannot be understood are dropped: some of them make the route PartiallyInvalid, all of them refuse it
    (RouteConditionPartiallyInvalid). Backends have no say in Accepted (RouteConditionResolvedRefs).
    """
    rules = tuple(rules)
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

    shadows = tuple(shadows)

    def entry(parent: Parent) -> RouteParentStatus:
        problems = [*([parent.problem] if parent.problem else []), *whole]
        here = {listener for listener, _ in parent.listeners}
        doubtful = doubts(one for one in shadows if one.listener in here)
        served = clip("; ".join(("the route is served", *doubtful)))
        accepted = condition(ACCEPTED, "Accepted", served, problems, generation)
        # PartiallyInvalid must not be set on a route that is not accepted.
        also = partly if accepted.status is Status.TRUE else []
        return RouteParentStatus(parent.reference, controller, (accepted, references, *also), doubtful)

    return RouteStatus(tuple(entry(parent) for parent in parents))
