"""BackendTLSPolicy: which ports of Services are reached by TLS, by whose word, and its status.

Of several policies for the same the oldest is in force, and one for a port goes before one for the whole Service. A
policy that is in force and cannot be kept is no reason to do without it: its backends are not reached.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from xdsserver.gatewayapi.ancestors import ancestors_status
from xdsserver.gatewayapi.conditions import ACCEPTED, RESOLVED_REFS, Problem, condition
from xdsserver.objects.meta import ObjectKey

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from xdsserver.gatewayapi.conditions import Condition
    from xdsserver.gatewayapi.statuses import AncestorsStatus
    from xdsserver.objects.backendtlspolicy import BackendTLSPolicy
    from xdsserver.objects.meta import Name
    from xdsserver.tables import Read, Table

MAX_ANCESTORS = 16
"""`maxItems` of PolicyStatus.ancestors."""


class Target(NamedTuple):
    """What a policy is for: a port of a backend by its name, or (empty) all of them that have none of their own."""

    backend: ObjectKey
    port: str

    def __str__(self) -> str:
        return f"{self.backend} port {self.port}" if self.port else str(self.backend)


def targets(policy: BackendTLSPolicy) -> Iterator[Target]:
    """Give what a policy is for; other kinds than Services are for others to read."""
    for reference in policy.spec.target_refs:
        if (reference.group, reference.kind) == ("", "Service"):
            backend = ObjectKey("Service", policy.metadata.namespace, reference.name)
            yield Target(backend, reference.section_name or "")


def first(_target: Target, members: Sequence[tuple[tuple[Target, Name], str]]) -> Name:
    """Give the policy that is in force for a target, of those that are in order of their age."""
    return members[0][0][1]


def in_force(read: Read, policies: Table[Target, Name], backend: ObjectKey, port: str) -> Name | None:
    """Give the policy for a port of a backend, None for none: then it is reached in plain text."""
    own = read(policies, Target(backend, port)) if port else None
    return own or read(policies, Target(backend, ""))


def not_in_force(policy: Name, target: Target, winner: Name | None, ports: frozenset[str]) -> Problem | None:
    """Say why a policy is not in force for a target of its own.

    `winner` is the policy that is in force for it, `ports` are the names of the ports of the Service.
    """
    if target.port and target.port not in ports:
        words = f"spec.targetRefs: {target.backend} has no port that is called {target.port}"
        return Problem(ACCEPTED, "TargetNotFound", words)
    if winner is not None and winner != policy:
        words = f"spec.targetRefs: {target} has the older BackendTLSPolicy {winner} already; remove one of them"
        return Problem(ACCEPTED, "Conflicted", words)
    return None


def policy_status(
    found: Mapping[Name, Sequence[Problem]], controllers: Mapping[Name, str], generation: int
) -> AncestorsStatus:
    """Say of each Gateway through which a policy is used what is wrong with it there."""
    judged = {gateway: _conditions(problems, generation) for gateway, problems in found.items()}
    return ancestors_status(judged, controllers, MAX_ANCESTORS)


def _conditions(problems: Sequence[Problem], generation: int) -> tuple[Condition, ...]:
    return (
        condition(ACCEPTED, "Accepted", "backends are reached by TLS as it says", problems, generation),
        condition(RESOLVED_REFS, "ResolvedRefs", "all references are resolved", problems, generation),
    )
