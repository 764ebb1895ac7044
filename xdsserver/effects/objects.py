"""Objects of ours: what is applied where an object is missing or is not what we intend, and deleted where we do not.

They are compared by what was *intended*, never by what is there: an API server fills in so much that a comparison of
the two would differ for ever. The intention stands on the object, as a hash in an annotation. An object without it is
somebody else's, whatever its name, and is never touched, unless it belongs to an object whose belongings we take over.
"""

from __future__ import annotations

from dataclasses import dataclass
from hashlib import sha256
from typing import TYPE_CHECKING

import msgspec

if TYPE_CHECKING:
    from xdsserver.effects.conditions import Document
    from xdsserver.effects.status import Observed

INTENT = "gateway.xdsserver.io/intent"
"""The annotation; Kubernetes' own tools leave annotations of others alone."""


@dataclass(frozen=True, slots=True)
class Intended:
    """An object as it should be: `apiVersion`, `kind`, `metadata` with its name, and the fields that we decide on."""

    document: Document
    drift: int = 0
    """The generation in which the object was found to be otherwise than it says itself; 0 where it is as it says.

    It is applied once more then, and once only for each generation: what a server makes of our words is no drift.
    """
    adopts: str = ""
    """The uid of an owner: what it controls is taken over, whoever made it."""
    realm: str = ""
    """Which of several controllers intends it, as `tenant-`; none touches what another one made."""

    @property
    def intent(self) -> str:
        """The hash of what is intended, the same on every replica; before it whose intention it is."""
        return self.realm + sha256(msgspec.json.encode(self.document, order="sorted")).hexdigest()[:32]


@dataclass(frozen=True, slots=True)
class Kept:
    """Not decided on now: the object stays as it is, and nothing is made where there is none.

    Of what cannot be had back: a load balancer gives another Service another address.
    """


@dataclass(frozen=True, slots=True)
class Amended:
    """Some fields of an object that is somebody else's, as they should be, for this object and no other of its name."""

    uid: str
    fields: Document


@dataclass(frozen=True, slots=True)
class Removed:
    """An object that should not be there, though it is not ours; for this object and no other of its name."""

    uid: str
    grace_s: int | None = None
    """How long it may take; None: as long as it says itself. 0 does not wait for whoever runs it."""


@dataclass(frozen=True, slots=True)
class Apply:
    """A server-side apply of all that we decide on; fields of others stay, and ours that are gone go."""

    body: Document


@dataclass(frozen=True, slots=True)
class Amend:
    """A merge patch of one version of one object."""

    uid: str
    resource_version: str
    fields: Document

    def patch(self) -> Document:
        """Give the body of the request, which the server refuses (409) for any other version of the object."""
        return {"metadata": {"uid": self.uid, "resourceVersion": self.resource_version}} | self.fields


@dataclass(frozen=True, slots=True)
class Delete:
    """The end of one object, and of no other by its name."""

    uid: str
    grace_s: int | None = None


@dataclass(frozen=True, slots=True)
class Taken:
    """There is an object by this name that is not ours; nothing is written."""


def owed_object(intended: Intended | Kept | None, observed: Observed | None) -> Apply | Delete | Taken | None:
    """Say what is owed to an object of ours; None where it is as intended, or neither there nor intended."""
    if isinstance(intended, Kept):
        return None
    if intended is None:
        return Delete(observed.uid) if observed is not None and observed.intent else None
    if observed is None:
        return Apply(_body(intended, None))
    if not is_of(observed.intent, intended.realm) and not (intended.adopts and observed.controller == intended.adopts):
        return Taken()
    drifted = intended.drift > 0 and intended.drift == observed.generation
    return Apply(_body(intended, observed)) if drifted or observed.intent != intended.intent else None


def is_of(intent: str, realm: str) -> bool:
    """Say whether an intention is of this controller; an object without one is nobody's of us."""
    found, dash, _ = intent.rpartition("-")
    return bool(intent) and found + dash == realm


def owed_amendment(decided: Amended | Removed, observed: Observed | None) -> Amend | Delete | None:
    """Say what is owed to an object that is not ours; None where it is gone, or another one by now."""
    if observed is None or observed.uid != decided.uid:
        return None
    match decided:
        case Amended():
            return Amend(observed.uid, observed.resource_version, decided.fields)
        case Removed():
            return Delete(observed.uid, decided.grace_s)


def _body(intended: Intended, over: Observed | None) -> Document:
    metadata = intended.document["metadata"]
    annotations = metadata.get("annotations", {}) | {INTENT: intended.intent}
    # With these the server refuses (409) where the object was changed or made anew since it was read. With a uid alone
    # it would say that a uid cannot be changed (422), which no reading anew would follow.
    version = {} if over is None else {"uid": over.uid, "resourceVersion": over.resource_version}
    return intended.document | {"metadata": metadata | {"annotations": annotations} | version}
