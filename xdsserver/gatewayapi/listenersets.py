"""ListenerSets: which of them a Gateway lets attach, and their status (ListenerSetSpec, AllowedListeners)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from xdsserver.gatewayapi.conditions import ACCEPTED, PROGRAMMED, Condition, Problem, Status, clip
from xdsserver.gatewayapi.gateways import gateway_problems, listener_status
from xdsserver.gatewayapi.labels import selects
from xdsserver.gatewayapi.listeners import Rank
from xdsserver.gatewayapi.rejections import rejected_condition
from xdsserver.gatewayapi.statuses import ListenerSetStatus
from xdsserver.model.places import Refusal
from xdsserver.objects.gateway import ListenerNamespaces
from xdsserver.objects.meta import GATEWAY_GROUP, Name, ObjectKey

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from xdsserver.gatewayapi.gateways import ListenerState
    from xdsserver.model.fleets import Placement
    from xdsserver.objects.gateway import Gateway
    from xdsserver.objects.listenerset import ListenerSet
    from xdsserver.objects.meta import ObjectMeta

MAX_STEPS = 8
"""How many ListenerSets are followed that name each other as parents, before nobody is believed to be behind them."""


@dataclass(frozen=True, slots=True)
class Allowance:
    """What ListenerSets may know of a Gateway: whose may attach, and whether it is refused itself."""

    namespaces: ListenerNamespaces
    refused: bool


@dataclass(frozen=True, slots=True)
class SetParent:
    """The Gateway of ours that a ListenerSet names, and what keeps it from attaching there."""

    gateway: Name
    problem: Problem | None


def allowance(gateway: Gateway, placed: Placement | Problem) -> Allowance:
    """Narrow a Gateway down to what its ListenerSets depend on; without `allowedListeners` it allows none."""
    allowed = gateway.spec.allowed_listeners
    namespaces = ListenerNamespaces() if allowed is None else allowed.namespaces
    return Allowance(namespaces, bool(gateway_problems(gateway, placed)))


def rank(metadata: ObjectMeta, *, of_a_set: bool) -> Rank:
    """Give the place of a set, or of the Gateway itself, where listeners are merged."""
    return Rank(of_a_set=of_a_set, created=metadata.creation_timestamp, name=f"{metadata.namespace}/{metadata.name}")


def named_parent(set_: ListenerSet) -> ObjectKey | None:
    """Give what `parentRef` names: a Gateway, or wrongly a ListenerSet; None for what is not of the Gateway API."""
    reference = set_.spec.parent_ref
    kind = reference.kind or "Gateway"
    if (GATEWAY_GROUP if reference.group is None else reference.group) != GATEWAY_GROUP:
        return None
    namespace = reference.namespace or set_.metadata.namespace
    return ObjectKey(kind, namespace, reference.name) if kind in ("Gateway", "ListenerSet") else None


def gateway_behind(parent: ObjectKey | None, parent_of: Callable[[Name], ObjectKey | None]) -> Name | None:
    """Follow ListenerSets that name ListenerSets to the Gateway behind them; None where they lead nowhere or round.

    None of them can attach, but whose Gateway it is has to tell them so.
    """
    seen: set[ObjectKey] = set()
    while parent is not None and parent.kind != "Gateway":
        if parent in seen or len(seen) == MAX_STEPS:
            return None
        seen.add(parent)
        parent = parent_of(Name(parent.namespace, parent.name))
    return None if parent is None else Name(parent.namespace, parent.name)


def set_problem(
    namespace: str, parent: ObjectKey, gateway: Name, allowed: Allowance, labels: Callable[[str], Mapping[str, str]]
) -> Problem | None:
    """Say why the sets of a namespace may not attach to what they name; `labels` gives those of a namespace."""
    if parent.kind != "Gateway":
        message = f"spec.parentRef: {parent} is no Gateway; name Gateway {gateway}, where it attaches itself"
        return Problem(ACCEPTED, "Invalid", message)
    if not _allows(allowed.namespaces, namespace, gateway, labels):
        message = f"spec.parentRef: {parent} does not allow ListenerSets of namespace {namespace} (allowedListeners)"
        return Problem(ACCEPTED, "NotAllowed", message)
    if allowed.refused:
        message = f"spec.parentRef: {parent} is not accepted itself; see its conditions"
        return Problem(ACCEPTED, "ParentNotAccepted", message)
    return None


def listener_set_status(
    set_: ListenerSet, parent: SetParent, states: Iterable[ListenerState], rejected: str = ""
) -> ListenerSetStatus:
    """Judge a set that names a Gateway of ours; one that may not attach has no listeners to tell of.

    `rejected` is what Envoys say against its settings.
    """
    generation = set_.metadata.generation
    if (problem := parent.problem) is not None:
        # The Gateway's own conditions tell what is wrong with it (ListenerSetReasonParentNotProgrammed).
        reason = "ParentNotProgrammed" if problem.reason == "ParentNotAccepted" else problem.reason
        refused = (
            Condition(ACCEPTED, Status.FALSE, problem.reason, problem.message, generation),
            Condition(PROGRAMMED, Status.FALSE, reason, problem.message, generation),
        )
        return ListenerSetStatus(refused, ())
    states = tuple(states)
    listeners = tuple(listener_status(state, "", generation) for state in states)
    against = rejected_condition([rejected] if rejected else [], generation)
    return ListenerSetStatus((_accepted(states, generation), _programmed(states, generation), *against), listeners)


def is_accepted(states: Iterable[ListenerState]) -> bool:
    """Whether a set counts among those that are attached to its Gateway: one good listener makes it so."""
    return any(state.servable for state in states)


def _accepted(states: tuple[ListenerState, ...], generation: int) -> Condition:
    bad = [state for state in states if not state.servable]
    if not bad:
        return Condition(ACCEPTED, Status.TRUE, "Accepted", "all listeners are valid", generation)
    status = Status.TRUE if is_accepted(states) else Status.FALSE
    return Condition(ACCEPTED, status, "ListenersNotValid", _words(bad), generation)


def _programmed(states: tuple[ListenerState, ...], generation: int) -> Condition:
    """A set is programmed when every listener of it that can be served is."""
    serving = [state for state in states if state.servable]
    if not serving:
        return Condition(PROGRAMMED, Status.FALSE, "ListenersNotValid", _words(states), generation)
    for state in serving:
        if isinstance(state.binding, Refusal):
            words = f"its Gateway has no address: {state.binding.message}"
            return Condition(PROGRAMMED, Status.FALSE, "ParentNotProgrammed", words, generation)
    for wanted in (Status.FALSE, Status.UNKNOWN):
        for state in serving:
            status, reason, message = state.programmed()
            if status is wanted:
                words = f"listener {state.listener.key.name}: {message}"
                return Condition(PROGRAMMED, status, reason, clip(words), generation)
    judged = min(state.judged(generation) for state in serving)
    return Condition(PROGRAMMED, Status.TRUE, "Programmed", "Envoy serves all valid listeners", judged)


def _words(states: Iterable[ListenerState]) -> str:
    return clip("; ".join(problem.message for state in states for problem in state.problems))


def _allows(
    allowed: ListenerNamespaces, namespace: str, gateway: Name, labels: Callable[[str], Mapping[str, str]]
) -> bool:
    match allowed.from_:
        case "All":
            return True
        case "Same":
            return namespace == gateway.namespace
        case "Selector":
            return allowed.selector is not None and selects(allowed.selector, labels(namespace))
        case _:
            return False
