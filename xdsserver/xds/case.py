"""One resource of which something was rejected: who is blamed, what is served meanwhile, and when it is over."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, NamedTuple

from xdsserver.xds.fragments import NOBODY
from xdsserver.xds.refusals import Refusal, are_there, closings, contents_of, next_trial
from xdsserver.xds.substitutes import substitutes

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from collections.abc import Set as AbstractSet

    from xdsserver.xds.fragments import Owner, Piece
    from xdsserver.xds.refusals import Said, Trial
    from xdsserver.xds.resource import Resource
    from xdsserver.xds.rulings import Rulings

_MAX_TRIALS: Final = 64
"""Trials of one search; whoever is not known to be good by then counts as bad."""

_MAX_REMEMBERED: Final = 16
"""Versions that were served, and those that one Envoy took: what is older is asked about again."""

_MAX_REFUSALS: Final = 64
"""Refusals that are remembered, of all Envoys."""

_MAX_BASES: Final = 8
"""Versions that somebody took which are remembered, so that bad pieces can be replaced by those in them."""


class Blame(NamedTuple):
    """What is rejected: a resource of a fleet, and whose piece of it; NOBODY's where it was not divided."""

    fleet: str
    type_url: str
    name: str
    owner: Owner


@dataclass(frozen=True, slots=True)
class Rejection:
    """What Envoys said of it: the words of the last one, and the ids of all nodes that rejected it.

    `kept`: it is served nevertheless, to those that take it.
    """

    words: str
    nodes: tuple[str, ...]
    kept: bool = False


@dataclass(frozen=True, slots=True)
class Audience:
    """Who is there to answer for a resource.

    Attributes:
        holds: which version each stream of the fleet has accepted last; None where it has none.
        has_a_say: whether what a stream refuses is taken from the others.
    """

    holds: Mapping[str, str | None]
    has_a_say: Callable[[str], bool]


class Case:
    """A resource of which something was rejected, from then until all that is wanted of it has been acknowledged.

    It knows which pieces each Envoy took and what it refused, and makes what is served of these facts alone. What an
    Envoy refused is not served again as long as it is there, so that it ends with what all of them take.
    """

    def __init__(self, wanted: Resource, before: Sequence[Resource], rulings: Rulings) -> None:
        """Begin with what is wanted being served, and with what somebody has taken `before`, oldest first."""
        self.wanted = wanted
        self.rulings = rulings
        self.alike: frozenset[str] = frozenset()
        """Versions that stand for what is wanted as well as what is served: the pieces that are rejected are good."""
        self._bases = list(before)
        self._served: dict[str, Resource] = {wanted.version: wanted}
        self._took: dict[str, list[Resource]] = {}
        self._refusals: list[Refusal] = []
        # Versions by stream, and the Envoys that have a say in when it is over.
        self._refused: dict[str, set[str]] = {}
        self._blamed: dict[Owner, Rejection] = {}
        self._trials = 0
        self.delivers = False
        """Whether what is served stands for what is wanted, but for the pieces that are rejected."""

    @property
    def closed(self) -> bool:
        """Whether there is nobody left to blame or to try."""
        return not self._blamed and self.delivers

    def rejections(self) -> Iterator[tuple[Owner, Rejection]]:
        """Give who is blamed, and for what."""
        return iter(self._blamed.items())

    def find(self, version: str | None) -> Resource | None:
        """Return a version that an Envoy may have, or may answer."""
        found = self._served.get(version or "")
        return found or next((one for one in self._bases if one.version == version), None)

    # ------------------------------------------------------------------------------------------------------- facts
    def want(self, wanted: Resource) -> None:
        """Take in what is wanted from now on."""
        if wanted != self.wanted:
            self.wanted, self.alike = wanted, frozenset()

    def took(self, stream: str, resource: Resource) -> None:
        """Take in that an Envoy accepted a version."""
        self._note_taken(stream, resource)
        if resource not in self._bases:
            self._bases.append(resource)
            if len(self._bases) > _MAX_BASES:
                # The oldest one is what an Envoy may have that is far behind.
                del self._bases[1]
        contents = contents_of(resource)
        for refusal in [one for one in self._refusals if one.said.stream == stream]:
            if refusal.version == resource.version:
                self._refusals.remove(refusal)
            else:
                refusal.took(contents)

    def has(self, stream: str, resource: Resource) -> None:
        """Take in what an Envoy took before this began, or before it came."""
        if stream not in self._took:
            self._took[stream] = [resource]

    def refused(self, said: Said, resource: Resource) -> None:
        """Take in that an Envoy rejects a version."""
        self.alike = frozenset()
        if not said.of_the_machine:
            self._refused.setdefault(said.stream, set()).add(resource.version)
        refusal = Refusal(said, resource.version, contents_of(resource))
        for one in self._took.get(said.stream, ()):
            refusal.took(contents_of(one))
        others = [one for one in self._refusals if (one.said.stream, one.version) != (said.stream, resource.version)]
        self._refusals = [*others, refusal][-_MAX_REFUSALS:]
        self._trials += 1

    def left(self, stream: str) -> None:
        """Take in that a stream ended, from which no answer will come."""
        self._took.pop(stream, None)
        self._refused.pop(stream, None)
        self._refusals = [one for one in self._refusals if one.said.stream != stream]

    def reopen(self, builds: AbstractSet[str]) -> bool:
        """Drop the verdicts that none of these Envoys had a part in; say whether there were any."""
        if not self.rulings.reopen(builds):
            return False
        self.alike = frozenset()
        return True

    # --------------------------------------------------------------------------------------------- what follows of them
    def serve(self, audience: Audience) -> Resource | None:
        """Say what the cache shall hold."""
        trial, (chosen, whole) = self._investigate(audience)
        if chosen is not None:
            self._note_served(chosen)
        self.delivers = trial is None and whole
        if self.delivers and chosen is not None:
            self.alike |= {chosen.version}
        self._blame(chosen, audience)
        return chosen

    def _investigate(self, audience: Audience) -> tuple[Trial | None, tuple[Resource | None, bool]]:
        """Find what is tried next, if anything, to which there is no answer yet."""
        idle: set[Refusal] = set()
        mind: set[str] = set()
        while True:
            trial = next_trial(self._judge(audience), idle, mind)
            if trial is not None and self._trials >= _MAX_TRIALS:
                self._give_up(trial)
                trial = None
            if trial is None:
                self._trials = 0
            chosen, whole = self._choose(trial)
            if trial is None or chosen is None:
                return trial, (chosen, whole)
            said = trial.refusal.said
            heard = [one for one in self._refusals if self._counts(one, audience)]
            objectors = {one.said.stream for one in heard if one.foretells(contents_of(chosen))}
            if not objectors <= mind:
                mind |= objectors
            elif self._has_taken(said.stream, chosen):
                if not self._take_once_more(trial.refusal, chosen):
                    # What is suspected is not wanted now, and waits for when it is.
                    idle.add(trial.refusal)
                    mind.clear()
            elif any(chosen.version in self._refused[one.said.stream] for one in heard):
                # Nobody is asked for the same twice.
                self.rulings.convict_version(chosen.version, said)
            else:
                return trial, (chosen, whole)

    def _judge(self, audience: Audience) -> list[Refusal]:
        """Convict where there is no other explanation; give the refusals that are still to be explained."""
        where = [one for resource in (*self._bases, self.wanted) for one in (contents_of(resource), closings(resource))]
        open_: list[Refusal] = []
        for refusal in [one for one in self._refusals if self._counts(one, audience)]:
            said = refusal.said
            known = [
                verdict
                for owner in refusal.suspects
                if (verdict := self.rulings.on(owner, refusal.contents[owner])) is not None
            ]
            if not refusal.suspects:
                self.rulings.convict_version(refusal.version, said)
                self._refusals.remove(refusal)
            elif len(known) == len(refusal.suspects):
                for verdict in known:
                    self.rulings.join(verdict, said)
                self._refusals.remove(refusal)
            elif not known and len(refusal.suspects) == 1:
                ((owner, pieces),) = refusal.suspects.items()
                self.rulings.convict(owner, pieces, said)
                self._refusals.remove(refusal)
            elif not known and are_there(refusal.suspects, where):
                open_.append(refusal)
        return open_

    def _counts(self, refusal: Refusal, audience: Audience) -> bool:
        return not refusal.said.of_the_machine and audience.has_a_say(refusal.said.stream)

    def _choose(self, trial: Trial | None) -> tuple[Resource | None, bool]:
        """Give the best that is not known to be bad; say whether it is made of what is wanted."""
        # In the order in which they were served: an answer may be about what was replaced long ago.
        places = {version: place for place, version in enumerate(self._served)}
        self._bases.sort(key=lambda one: places.get(one.version, -1))
        held = trial.held if trial is not None else {}

        def unfit(owner: Owner, content: AbstractSet[Piece]) -> bool:
            return not content.isdisjoint(held.get(owner, ())) or self.rulings.on(owner, content) is not None

        watched = self.rulings.owners | held.keys()
        for number, resource in enumerate(substitutes(self.wanted, self._bases, watched, unfit)):
            if self.rulings.on_version(resource.version) is None:
                return resource, number == 0
        return None, False

    def _give_up(self, trial: Trial) -> None:
        for owner in trial.suspects:
            self.rulings.convict(owner, trial.refusal.suspects[owner], trial.refusal.said)

    def _has_taken(self, stream: str, resource: Resource) -> bool:
        return any(one.version == resource.version for one in self._took.get(stream, ()))

    def _take_once_more(self, refusal: Refusal, resource: Resource) -> bool:
        """Take in that the same bytes may be joined of other pieces, which are good, too; say whether there are any."""
        before = dict(refusal.suspects)
        self.took(refusal.said.stream, resource)
        return refusal.suspects != before

    def _blame(self, served: Resource | None, audience: Audience) -> None:
        now = dict(self._found())
        for refusal in self._refusals:
            if served is not None and refusal.version == served.version and not self._counts(refusal, audience):
                before = now.get(NOBODY)
                nodes = {refusal.said.node, *(before.nodes if before is not None else ())}
                now[NOBODY] = Rejection(refusal.said.words, tuple(sorted(nodes)), kept=True)
        if self._is_owed(served, audience):
            # What was mended is rejected until the mended one is accepted.
            now = {**self._blamed, **now}
        self._blamed = now

    def _found(self) -> Iterator[tuple[Owner, Rejection]]:
        contents = contents_of(self.wanted)
        for owner in self.rulings.owners & contents.keys():
            if (verdict := self.rulings.on(owner, contents[owner])) is not None:
                yield owner, Rejection(verdict.words, tuple(sorted(verdict.nodes)))
        if (verdict := self.rulings.on_version(self.wanted.version)) is not None:
            yield NOBODY, Rejection(verdict.words, tuple(sorted(verdict.nodes)))

    def _is_owed(self, served: Resource | None, audience: Audience) -> bool:
        """Whether somebody who rejected something has not accepted what is served."""
        version = served.version if served is not None else None
        judges = [stream for stream in self._refused if audience.has_a_say(stream)]
        if judges:
            return any(audience.holds.get(stream) != version for stream in judges)
        return version not in audience.holds.values()

    # ----------------------------------------------------------------------------------------------------- helpers
    def _note_served(self, resource: Resource) -> None:
        self._served.pop(resource.version, None)
        self._served[resource.version] = resource
        if len(self._served) > _MAX_REMEMBERED:
            del self._served[next(iter(self._served))]

    def _note_taken(self, stream: str, resource: Resource) -> None:
        taken = [one for one in self._took.get(stream, ()) if one != resource]
        self._took[stream] = [*taken, resource][-_MAX_REMEMBERED:]
