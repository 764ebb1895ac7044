"""A certificate that was good serves on when what replaced it is bad, for as long as its Secret lives.

What was good is state, so it cannot follow from the objects that there are now. It is kept outside, by whoever applies
changes (`remember`), and handed in like any other object. Who starts without it refuses the bad one.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from xdsserver.model.certificates import ServerCertificate

if TYPE_CHECKING:
    from xdsserver.gatewayapi.conditions import Problem
    from xdsserver.objects.secret import Secret


@dataclass(frozen=True, slots=True)
class Remembered:
    """The last good certificate of a Secret; `uid` tells it from another Secret of the same name."""

    uid: str
    certificate: ServerCertificate


@dataclass(frozen=True, slots=True)
class LastGood:
    """A certificate that serves on, and what is wrong with the one that should."""

    certificate: ServerCertificate
    problem: Problem


def remember(
    secret: Secret | None, found: ServerCertificate | Problem | None, before: Remembered | None
) -> Remembered | None:
    """Say what is to be remembered of a Secret that changed, given what it is now; None for nothing (any more)."""
    if secret is None:
        return None
    if isinstance(found, ServerCertificate):
        return Remembered(secret.metadata.uid, found)
    return before if before is not None and before.uid == secret.metadata.uid else None


def last_good(secret: Secret, problem: Problem, before: Remembered | None) -> LastGood | Problem:
    """Fall back to what was good in the life of this Secret, and say so."""
    if before is None or before.uid != secret.metadata.uid:
        return problem
    until = f"{before.certificate.valid_until:%Y-%m-%d}"
    words = f"{problem.message}; the certificate that was there before serves on, it is valid until {until}"
    return LastGood(before.certificate, replace(problem, message=words))
