"""Gateways: what they claim, and their status with that of their listeners."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from xdsserver.gatewayapi.addresses import Assigned, Assignment, Inside, asked_for, assigned, assignment, out_of_reach
from xdsserver.gatewayapi.conditions import (
    ACCEPTED,
    CONFLICTED,
    PROGRAMMED,
    RESOLVED_REFS,
    Condition,
    Problem,
    Status,
    clip,
    condition,
)
from xdsserver.gatewayapi.default_gateways import default_condition
from xdsserver.gatewayapi.frontends import insecure_condition
from xdsserver.gatewayapi.overlaps import overlap_condition
from xdsserver.gatewayapi.rejections import names, rejected_condition
from xdsserver.gatewayapi.s3listeners import s3_condition
from xdsserver.gatewayapi.statuses import GatewayStatus, ListenerStatus
from xdsserver.model.fleets import HostPorts, PerService, Placement
from xdsserver.model.places import Bind, PortClaim, Promised, Refusal

if TYPE_CHECKING:
    from collections.abc import Iterable

    from xdsserver.gatewayapi.clientcertificates import ClientCertificate
    from xdsserver.gatewayapi.listeners import Listener
    from xdsserver.gatewayapi.overlaps import Overlap
    from xdsserver.gatewayapi.termination import ResolvedTermination
    from xdsserver.model.places import Binding, Delivery
    from xdsserver.objects.gateway import Gateway


def gateway_problems(gateway: Gateway, placed: Placement | Problem) -> tuple[Problem, ...]:
    """Say what keeps a whole Gateway from being accepted, apart from its listeners: `placed` may be such a thing."""
    problems = [placed] if isinstance(placed, Problem) else []
    for number, address in enumerate(gateway.spec.addresses):
        if address.type not in ("IPAddress", None):
            message = f"spec.addresses[{number}].type: {address.type} is not supported; use IPAddress"
            problems.append(Problem(ACCEPTED, "UnsupportedAddress", message))
    return tuple(problems)


def port_claim(gateway: Gateway, placed: Placement | Problem, inside: Inside) -> PortClaim | None:
    """Say what a Gateway claims for each port of its listeners; nothing where it is refused itself."""
    if isinstance(placed, Problem) or gateway_problems(gateway, placed) or out_of_reach(gateway, inside):
        return None
    metadata = gateway.metadata
    return PortClaim(metadata.uid, metadata.creation_timestamp, asked_for(gateway), placed)


@dataclass(frozen=True, slots=True)
class ListenerState:
    """All that the status of a listener says, but for the generation of its Gateway.

    `delivery` is what the Envoys acknowledged of its socket and of the routes behind it; None while that is nothing.
    `rejected` is what they say against these, or empty.
    `filter_problems` are those of its filters: it is served without them, and requests get an error. `tls` is what it
    shows to clients, None where it speaks no TLS; `overlap` what it has in common with another of its port; `reached`
    whether clients get to any Envoy, which matters until it is served.
    """

    listener: Listener
    attached_routes: int
    binding: Binding | None
    delivery: Delivery | None
    rejected: str = ""
    filter_problems: tuple[Problem, ...] = ()
    tls: ResolvedTermination | None = None
    overlap: Overlap | None = None
    reached: bool = True

    @property
    def problems(self) -> tuple[Problem, ...]:
        """What spoils the listener: what its Gateway says, and what the machine says of its port."""
        problems = (*self.listener.problems, *self.filter_problems)
        if self.tls is not None:
            problems += self.tls.problems
        match self.binding:
            case Refusal("PortUnavailable" as reason, message):
                words = f"listener {self.listener.key.name}: {message}"
                return (*problems, Problem(ACCEPTED, reason, words))
            case _:
                return problems

    @property
    def accepted(self) -> bool:
        """Whether it can be served; one that cannot does not spoil the others (GatewayReasonListenersNotValid)."""
        return not any(problem.condition in (ACCEPTED, CONFLICTED) for problem in self.problems)

    @property
    def showable(self) -> bool:
        """Whether it has what its clients are shown: without a certificate an HTTPS listener is closed to all."""
        return self.tls is None or self.tls.termination is not None

    @property
    def servable(self) -> bool:
        """Whether clients can be served by it."""
        return self.accepted and self.showable

    def programmed(self) -> tuple[Status, str, str]:
        """Say whether Envoys serve the listener, with reason and words."""
        if not self.servable:
            conflicts = (problem.reason for problem in self.problems if problem.condition == CONFLICTED)
            return Status.FALSE, next(conflicts, "Invalid"), "; ".join(problem.message for problem in self.problems)
        match self.binding:
            case Refusal(_, message):
                return Status.FALSE, "Pending", message
            case None:
                return Status.UNKNOWN, "Pending", "waiting for an address"
            case Promised():
                return Status.UNKNOWN, "Pending", "waiting for its address to be written down"
            case Bind():
                pass
        if self.rejected:
            return Status.FALSE, "Invalid", self.rejected
        waiting = self.delivery.waiting if self.delivery is not None else ()
        late = f"waiting for {f'Envoy {names(waiting)}' if waiting else 'an Envoy'} to acknowledge it"
        if self.delivery is None or self.delivery.generation is None:
            return Status.UNKNOWN, "Pending", late if self.reached else "its Service leads to no Envoy that is ready"
        return Status.TRUE, "Programmed", f"Envoy serves it; {late} as it is now" if waiting else "Envoy serves it"

    def judged(self, generation: int) -> int:
        """Give the generation that `programmed` speaks of: while a newer one is on its way, that which is served."""
        served = self.delivery.generation if self.delivery is not None else None
        return generation if served is None or self.programmed()[0] is not Status.TRUE else min(served, generation)


@dataclass(frozen=True, slots=True)
class Attachments:
    """What a Gateway's status says besides its own listeners.

    That is where it is served, how many ListenerSets are accepted, the addresses of all listeners and whether their
    scope is told, what Envoys reject of its settings, the certificate that backends are shown (None where none is asked
    for), the listeners that are marked as S3 and are not served so, what there is to be had inside the cluster, and why
    nothing can lead to it (empty: nothing is in the way).
    """

    placed: Placement | Problem
    listener_sets: int
    addresses: tuple[str, ...]
    rejected: str = ""
    certificate: ClientCertificate | None = None
    tells_scope: bool = False
    kept_at_edge: tuple[str, ...] = ()
    inside: Inside = field(default_factory=Inside)
    blocked: str = ""


def gateway_status(gateway: Gateway, states: Iterable[ListenerState], added: Attachments) -> GatewayStatus:
    """Judge a Gateway of ours and its own listeners, in the order of the spec (GatewayStatus, ListenerStatus)."""
    states = tuple(states)
    generation = gateway.metadata.generation
    accepted = _accepted(gateway, states, added, generation)
    refusal = "; ".join(problem.message for problem in gateway_problems(gateway, added.placed))
    bindings = [state.binding for state in states]
    got = Assignment(tuple(map(Assigned, added.addresses)))
    if added.tells_scope:
        got = assignment(gateway, added.addresses, added.inside)
    return GatewayStatus(
        addresses=got.addresses,
        conditions=(
            accepted,
            _programmed(accepted, states, _Reached(gateway, added, got)),
            *(assigned(gateway, got, refusal, bindings, added.inside) if added.tells_scope else ()),
            *_resolved(added, generation),
            *default_condition(gateway),
            *rejected_condition([added.rejected] if added.rejected else [], generation),
            *insecure_condition(gateway),
            *s3_condition(gateway, added.kept_at_edge),
        ),
        listeners=tuple(listener_status(state, refusal, generation) for state in states),
        attached_listener_sets=None if gateway.spec.allowed_listeners is None else added.listener_sets,
    )


def _accepted(gateway: Gateway, states: tuple[ListenerState, ...], added: Attachments, generation: int) -> Condition:
    problems = gateway_problems(gateway, added.placed)
    if problems:
        return condition(ACCEPTED, "Accepted", "", problems, generation)
    bad = [state for state in states if not state.accepted]
    if not bad:
        return Condition(ACCEPTED, Status.TRUE, "Accepted", "all listeners are valid", generation)
    words = clip("; ".join(problem.message for state in bad for problem in state.problems))
    # Its listeners are those of its ListenerSets too (ListenerSetSpec.listeners), and an accepted set has a good one.
    status = Status.FALSE if len(bad) == len(states) and not added.listener_sets else Status.TRUE
    return Condition(ACCEPTED, status, "ListenersNotValid", words, generation)


def _resolved(added: Attachments, generation: int) -> tuple[Condition, ...]:
    """A certificate for backends that cannot be had has no say in whether the Gateway is accepted."""
    if added.certificate is None:
        return ()
    problems = added.certificate.problems
    return (condition(RESOLVED_REFS, "ResolvedRefs", "all references are resolved", problems, generation),)


def _unreached(placed: Placement | Problem) -> str:
    """Say what a Gateway without an address waits for; one of a pool gets its address with its first port."""
    match placed:
        case Placement(exposure=PerService(type="LoadBalancer")):
            return (
                "its Service has no address yet: the load balancers of this cluster give it one; without any, use type "
                f"NodePort or ClusterIP in spec.exposure.service of EnvoyFleet {placed.of}"
            )
        case Placement(exposure=PerService() | HostPorts()):
            return f"it has no address yet: no Envoy of fleet {placed.fleet} is known to run on a node"
        case _:
            return ""


@dataclass(frozen=True, slots=True)
class _Reached:
    """A Gateway and the addresses that it got."""

    gateway: Gateway
    added: Attachments
    got: Assignment

    @property
    def out_of_reach(self) -> str:
        """Why it can have no address, or none of those that it asks for; empty where it can."""
        if self.added.blocked:
            return self.added.blocked
        return "; ".join(self.got.missing) if out_of_reach(self.gateway, self.added.inside) else ""

    @property
    def unreached(self) -> str:
        """What it waits for while it has no address at all; empty where it has one, or gets one with its first port."""
        return "" if self.got.addresses else self.got.waiting or _unreached(self.added.placed)


def _programmed(accepted: Condition, states: tuple[ListenerState, ...], reached: _Reached) -> Condition:
    """A Gateway is programmed when every listener that can be served is; one bad listener does not spoil the others."""
    generation = reached.gateway.metadata.generation
    if accepted.status is not Status.TRUE:
        return Condition(PROGRAMMED, Status.FALSE, "Invalid", accepted.message, generation)
    if words := reached.out_of_reach:
        return Condition(PROGRAMMED, Status.FALSE, "AddressNotAssigned", clip(words), generation)
    for state in states:
        if state.accepted and isinstance(state.binding, Refusal):
            return Condition(PROGRAMMED, Status.FALSE, state.binding.reason, state.binding.message, generation)
    if words := reached.unreached:
        return Condition(PROGRAMMED, Status.FALSE, "AddressNotAssigned", words, generation)
    serving = [state for state in states if state.servable]
    if not serving:
        words = clip("; ".join(problem.message for state in states for problem in state.problems))
        return Condition(PROGRAMMED, Status.FALSE, "Invalid", words, generation)
    for wanted in (Status.FALSE, Status.UNKNOWN):
        for state in serving:
            status, reason, message = state.programmed()
            if status is wanted:
                words = f"listener {state.listener.key.name}: {message}"
                return Condition(PROGRAMMED, status, reason, clip(words), generation)
    judged = min(state.judged(generation) for state in serving)
    return Condition(PROGRAMMED, Status.TRUE, "Programmed", "Envoy serves all valid listeners", judged)


def listener_status(state: ListenerState, refusal: str, generation: int) -> ListenerStatus:
    """Judge a listener; `refusal` says why its whole Gateway is refused, or is empty."""
    listener = state.listener
    problems = state.problems
    conflicts = [problem for problem in problems if problem.condition == CONFLICTED]
    # A listener in conflict is not accepted, and says so with the reason of the conflict (ListenerConditionConflicted).
    problems += tuple(Problem(ACCEPTED, problem.reason, problem.message) for problem in conflicts)
    if conflicts:
        reason, words = conflicts[0].reason, "; ".join(problem.message for problem in conflicts)
        conflicted = Condition(CONFLICTED, Status.TRUE, reason, words, generation)
    else:
        conflicted = Condition(CONFLICTED, Status.FALSE, "NoConflicts", "no other listener is in its way", generation)
    status, reason, message = (Status.FALSE, "Invalid", refusal) if refusal else state.programmed()
    return ListenerStatus(
        name=listener.key.name,
        kinds=listener.kinds,
        attached_routes=state.attached_routes,
        conditions=(
            condition(ACCEPTED, "Accepted", "the listener is valid", problems, generation),
            conflicted,
            condition(RESOLVED_REFS, "ResolvedRefs", "all references are resolved", problems, generation),
            Condition(PROGRAMMED, status, reason, clip(message), state.judged(generation)),
            *overlap_condition(state.overlap, generation),
            *rejected_condition([state.rejected] if state.rejected else [], generation),
        ),
    )
