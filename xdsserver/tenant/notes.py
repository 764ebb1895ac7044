"""What people are told in Events: what is done for a Tenant, and what its user should see to."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Self

from xdsserver.effects.events import EventType
from xdsserver.tenant.nodes import Eviction
from xdsserver.tenant.reasons import Impact, Reason

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from xdsserver.tenant.nodes import Spared
    from xdsserver.tenant.reasons import Finding


@dataclass(frozen=True, slots=True)
class Note:
    """Something to be told once, while it is so; `words` hold no number that counts."""

    type: EventType
    reason: str
    words: str

    @classmethod
    def normal(cls, reason: str, words: str) -> Self:
        """Something that is as it should be."""
        return cls(EventType.NORMAL, reason, words)


_EVENTS: Final = {
    "CredentialsReady": "CredentialValidationFailed",
    "RpcAuthReady": "CredentialValidationFailed",
    "KmsReady": "KmsSecretValidationFailed",
    "PoolsReady": "StatefulSetUpdateValidationFailed",
}
"""Under which name a condition that stops a Tenant is told, where it is not that of its reason."""

_WARNINGS: Final = frozenset(
    {
        Reason.FEW_VOLUMES,
        Reason.DEPRECATED_FIELD,
        Reason.CREDENTIALS_CONFLICT,
        Reason.DEFAULT_CREDENTIALS,
        Reason.KMS_CONFIG_WARNING,
    }
)
"""What stops nothing, and should be seen to."""


def notes(findings: Iterable[Finding]) -> Iterator[Note]:
    """Give what is worth an Event of what was found."""
    for one in findings:
        if one.impact is Impact.BLOCKED:
            yield Note(EventType.WARNING, _EVENTS.get(one.condition, one.reason.value), one.message)
        elif one.reason in _WARNINGS:
            yield Note(EventType.WARNING, one.reason.value, one.message)


def note_of(leaving: Eviction | Spared) -> Note:
    """Say what becomes of a pod that cannot leave its node."""
    pod = leaving.pod
    if not isinstance(leaving, Eviction):
        words = f"pod {pod.name} is not deleted by force: {leaving.words}"
        return Note(EventType.WARNING, "PodForceDeleteSkippedNodeNotFenced", words)
    reason = "ForceDeletedPodOnDownNode" if leaving.forced else "DeletedPodOnDownNode"
    return Note(EventType.WARNING, reason, f"pod {pod.name} is deleted at {leaving.due}: its node {pod.node} is down")
