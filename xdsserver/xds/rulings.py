"""What is known to be bad of one resource: pieces by whose they are, or a version as a whole."""

from __future__ import annotations

from dataclasses import dataclass
from hashlib import sha256
from typing import TYPE_CHECKING, Final

from xdsserver.xds.fragments import NOBODY

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from collections.abc import Set as AbstractSet

    from xdsserver.xds.fragments import Owner, Piece
    from xdsserver.xds.refusals import Said

_DIGEST_BYTES: Final = 16

_MOST: Final = 256
"""Verdicts about one resource; beyond it those that came first are forgotten, and found again where they matter."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """At least one of these pieces of an owner is bad; NOBODY's is a version of the whole resource.

    Attributes:
        owner: whose pieces.
        digests: of the pieces, so that what is written down of a verdict holds nothing of the content.
        words: Envoy's, of the last one.
        nodes: the ids of those that reject it.
        builds: which Envoys these are: it is no verdict about others.
    """

    owner: Owner
    digests: frozenset[bytes]
    words: str
    nodes: frozenset[str]
    builds: frozenset[str] = frozenset()


class Rulings:
    """The verdicts about one resource.

    What contains all that a verdict is about is bad. So content is judged anew as soon as it changes there, and whoever
    changes something else does not get the bad piece tried again.
    """

    def __init__(self, verdicts: tuple[Verdict, ...] = ()) -> None:
        self._of: dict[Owner, dict[frozenset[bytes], Verdict]] = {}
        self.edition = 0
        """Another number when something else is bad than before."""
        for verdict in verdicts:
            self._of.setdefault(verdict.owner, {})[verdict.digests] = verdict

    def __iter__(self) -> Iterator[Verdict]:
        """Walk all verdicts."""
        return (verdict for verdicts in self._of.values() for verdict in verdicts.values())

    @property
    def owners(self) -> AbstractSet[Owner]:
        """Those of whom something was found to be bad."""
        return self._of.keys() - {NOBODY}

    def on(self, owner: Owner, content: AbstractSet[Piece]) -> Verdict | None:
        """Return the last verdict that content of an owner falls under."""
        if (verdicts := self._of.get(owner)) is None:
            return None
        digests = {digest(piece) for piece in content}
        return next((verdicts[one] for one in reversed(verdicts) if one <= digests), None)

    def on_version(self, version: str) -> Verdict | None:
        """Return the verdict about a version as a whole."""
        return self._of.get(NOBODY, {}).get(_of_version(version))

    def convict(self, owner: Owner, pieces: AbstractSet[Piece], said: Sequence[Said]) -> None:
        """Find pieces to be bad, by the word of these, of whom there is one at least."""
        self._add(owner, frozenset(map(digest, pieces)), said)

    def convict_version(self, version: str, said: Sequence[Said]) -> None:
        """Find a version to be bad as a whole, by the word of these."""
        self._add(NOBODY, _of_version(version), said)

    def join(self, verdict: Verdict, said: Sequence[Said]) -> None:
        """Take in that more nodes find bad what is known to be."""
        self._add(verdict.owner, verdict.digests, said)

    def reopen(self, builds: AbstractSet[str]) -> bool:
        """Drop the verdicts that none of these Envoys had a part in; say whether there were any."""
        past = [verdict for verdict in self if verdict.builds.isdisjoint(builds)]
        self.edition += bool(past)
        for verdict in past:
            del self._of[verdict.owner][verdict.digests]
            if not self._of[verdict.owner]:
                del self._of[verdict.owner]
        return bool(past)

    def _add(self, owner: Owner, digests: frozenset[bytes], said: Sequence[Said]) -> None:
        verdicts = self._of.setdefault(owner, {})
        nodes, builds = frozenset(one.node for one in said), frozenset(one.build for one in said)
        if (before := verdicts.get(digests)) is not None:
            nodes, builds = nodes | before.nodes, builds | before.builds
        else:
            self.edition += 1
        verdicts[digests] = Verdict(owner, digests, said[-1].words, nodes, builds)
        if len(verdicts) > _MOST:
            del verdicts[next(iter(verdicts))]


def digest(piece: Piece) -> bytes:
    """Name the content of a piece and the section that it was written for."""
    section, wire = piece
    return sha256(b"%d:%s%s" % (len(section.encode()), section.encode(), wire)).digest()[:_DIGEST_BYTES]


def _of_version(version: str) -> frozenset[bytes]:
    return frozenset((version.encode(),))
