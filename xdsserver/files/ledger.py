"""Which definition of each object is in force: the last good one, whatever has become of the files since.

An object belongs to the file that first defined it well, until that file no longer does. A removal counts only when it
has been so for a while, and not at all while something is wrong that may be the missing object.
"""

import uuid
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import msgspec

from xdsserver.files.document import Draft
from xdsserver.files.values import Change
from xdsserver.objects.meta import KubeObject, Name, ObjectKey

UIDS = uuid.UUID("5c8f9f0e-6a3e-5d0c-9a2b-3f6d1f6f4b10")
"""Namespace of the uids that files give: the same object has the same uid in every life of the process."""


@dataclass(frozen=True, slots=True)
class Claim:
    """A file defines an object; `line` counts from 1."""

    file: str
    line: int
    draft: Draft


@dataclass(frozen=True, slots=True)
class Accepted:
    """The definition in force."""

    claim: Claim
    object: KubeObject


@dataclass(frozen=True, slots=True)
class Clash:
    """Several definitions of one object; `used` is in force, `others` are not."""

    key: ObjectKey
    used: Claim
    others: tuple[Claim, ...]


@dataclass(frozen=True, slots=True)
class Verdict:
    """What one reading changed."""

    changes: tuple[Change, ...]
    clashes: tuple[Clash, ...]
    held: Mapping[str, tuple[ObjectKey, ...]]
    """File -> objects that it no longer defines well and that stay as they were."""
    waiting: bool
    """A removal waits for its time."""


class Ledger:
    """Definitions in force, by object."""

    def __init__(self, settle_s: float, clock_ns: Callable[[], int]) -> None:
        self._settle_ns = int(settle_s * 1e9)
        self._clock_ns = clock_ns
        self._accepted: dict[ObjectKey, Accepted] = {}
        self._missing_since: dict[ObjectKey, int] = {}
        self._per_file: Counter[str] = Counter()

    def owns(self, file: str) -> bool:
        """Tell whether objects of this file are in force."""
        return self._per_file[file] > 0

    def owner(self, key: ObjectKey) -> str | None:
        """Return the file whose definition of an object is in force."""
        accepted = self._accepted.get(key)
        return accepted.claim.file if accepted else None

    def place(self, key: ObjectKey) -> tuple[str, int] | None:
        """Return file and line (from 1) of the definition in force."""
        accepted = self._accepted.get(key)
        return (accepted.claim.file, accepted.claim.line) if accepted else None

    def settle(
        self,
        claims: Mapping[ObjectKey, list[Claim]],
        stays: Callable[[str, ObjectKey], bool],
    ) -> Verdict:
        """Compare what files define now (claims in order of files) with what is in force.

        `stays(file, key)` tells whether something is wrong with the file that may be this object.
        """
        changes: list[Change] = []
        clashes: list[Clash] = []
        held: dict[str, list[ObjectKey]] = {}
        for key, claimed in claims.items():
            self._missing_since.pop(key, None)
            prior = self._accepted.get(key)
            if prior is not None and len(claimed) == 1 and claimed[0].draft is prior.claim.draft:
                if claimed[0] != prior.claim:
                    self._own(key, Accepted(claimed[0], prior.object))
                continue
            used = self._choose(key, claimed, prior, stays)
            if used is prior and prior is not None:
                held.setdefault(prior.claim.file, []).append(key)
                clashes.append(Clash(key, prior.claim, tuple(claimed)))
                continue
            others = tuple(claim for claim in claimed if claim is not used.claim)
            if others:
                clashes.append(Clash(key, used.claim, others))
            if prior is None or used.object != prior.object:
                changes.append(Change(key.kind, Name(key.namespace, key.name), used.object))
            self._own(key, used)
        gone = self._gone(claims, stays, held)
        changes += (Change(key.kind, Name(key.namespace, key.name), None) for key in gone)
        return Verdict(
            tuple(sorted(changes, key=lambda change: change.key)),
            tuple(clashes),
            {file: tuple(sorted(keys)) for file, keys in held.items()},
            bool(self._missing_since),
        )

    def _choose(
        self,
        key: ObjectKey,
        claimed: list[Claim],
        prior: Accepted | None,
        stays: Callable[[str, ObjectKey], bool],
    ) -> Accepted:
        """Pick the definition to be in force: of the file that has the object, else the first in order of files."""
        if prior is None:
            return Accepted(claimed[0], accept(claimed[0].draft, None))
        own = [claim for claim in claimed if claim.file == prior.claim.file]
        if not own and stays(prior.claim.file, key):
            return prior
        claim = next((claim for claim in own if claim.draft is prior.claim.draft), (own or claimed)[0])
        if claim.draft is prior.claim.draft:
            return Accepted(claim, prior.object)
        return Accepted(claim, accept(claim.draft, prior.object))

    def _own(self, key: ObjectKey, accepted: Accepted) -> None:
        prior = self._accepted.get(key)
        if prior is not None:
            self._per_file[prior.claim.file] -= 1
        self._per_file[accepted.claim.file] += 1
        self._accepted[key] = accepted

    def _gone(
        self,
        claims: Mapping[ObjectKey, list[Claim]],
        stays: Callable[[str, ObjectKey], bool],
        held: dict[str, list[ObjectKey]],
    ) -> list[ObjectKey]:
        now = self._clock_ns()
        gone: list[ObjectKey] = []
        for key in self._accepted.keys() - claims.keys():
            file = self._accepted[key].claim.file
            if stays(file, key):
                self._missing_since.pop(key, None)
                held.setdefault(file, []).append(key)
                continue
            since = self._missing_since.setdefault(key, now)
            if now - since >= self._settle_ns or now < since:
                gone.append(key)
        for key in gone:
            del self._missing_since[key]
            self._per_file[self._accepted.pop(key).claim.file] -= 1
        self._per_file += Counter()
        return gone


def accept(draft: Draft, prior: KubeObject | None) -> KubeObject:
    """Give a draft what an API server would: a uid, and a generation that counts the changes of its spec."""
    metadata = draft.object.metadata
    if prior is None:
        generation = 1
    else:
        same = msgspec.structs.replace(draft.object, metadata=prior.metadata) == prior
        generation = prior.metadata.generation + (0 if same else 1)
    uid = str(uuid.uuid5(UIDS, "/".join(draft.key)))
    return msgspec.structs.replace(
        draft.object,
        metadata=msgspec.structs.replace(metadata, uid=uid, generation=generation),
    )
