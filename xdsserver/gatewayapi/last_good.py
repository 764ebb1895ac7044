"""A certificate that was good serves on when what replaced it is bad, for as long as its Secret lives.

What was good is state, so it cannot follow from the objects that there are now. It is kept outside, by whoever applies
changes (`remember`), and handed in like any other object. Who starts without it refuses the bad one.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from xdsserver.model.certificates import ServerCertificate
from xdsserver.objects.meta import ObjectMeta
from xdsserver.objects.secret import Secret, SecretBytes

if TYPE_CHECKING:
    from xdsserver.gatewayapi.conditions import Problem
    from xdsserver.objects.meta import Name


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


def as_secret(name: Name, good: Remembered) -> Secret:
    """Give a Secret from which the same would be remembered: a start that gets it before the bad one serves on too."""
    data = {"tls.crt": SecretBytes(good.certificate.chain.encode()), "tls.key": good.certificate.key}
    metadata = ObjectMeta(name=name.name, namespace=name.namespace, uid=good.uid)
    return Secret(metadata=metadata, type="kubernetes.io/tls", data=data)


def last_good(secret: Secret, problem: Problem, before: Remembered | None) -> LastGood | Problem:
    """Fall back to what was good in the life of this Secret, and say so."""
    if before is None or before.uid != secret.metadata.uid:
        return problem
    until = f"{before.certificate.valid_until:%Y-%m-%d}"
    words = f"{problem.message}; the certificate that was there before serves on, it is valid until {until}"
    return LastGood(before.certificate, replace(problem, message=words))
