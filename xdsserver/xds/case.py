"""One resource of which something was rejected: who is blamed, what is served meanwhile, and when it is over."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, NamedTuple

from xdsserver.xds.fragments import NOBODY
from xdsserver.xds.refusals import Refusals, are_there, closings, contents_of
from xdsserver.xds.substitutes import substitutes
from xdsserver.xds.trials import next_trial

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from collections.abc import Set as AbstractSet

    from xdsserver.xds.audience import Audience
    from xdsserver.xds.fragments import Owner, Piece
    from xdsserver.xds.refusals import Refusal, Said
    from xdsserver.xds.resource import Resource
    from xdsserver.xds.rulings import Rulings
    from xdsserver.xds.trials import Trial

_MAX_TRIALS: Final = 64
"""Trials of one search; whoever is not known to be good by then counts as bad."""

_MAX_SERVED: Final = 16
"""Versions that were served and may still be answered."""

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
        # All without bytes, which are joined again where they are needed.
        self._bases = [one.without_bytes() for one in before]
        self._served: dict[str, Resource] = {wanted.version: wanted.without_bytes()}
        self._refusals = Refusals()
        # Streams that refused something: whoever did has a say in when it is over.
        self._accusers: set[str] = set()
        self._blamed: dict[Owner, Rejection] = {}
        self._trials = 0
        self._tried = ""
        self._joined: tuple[object, Resource] | None = None
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
        slim = resource.without_bytes()
        self._refusals.took(stream, slim)
        if slim not in self._bases:
            self._bases.append(slim)
            if len(self._bases) > _MAX_BASES:
                # The oldest one is what an Envoy may have that is far behind.
                del self._bases[1]

    def has(self, stream: str, resource: Resource) -> None:
        """Take in what an Envoy took before this began, or before it came."""
        if not self._refusals.knows(stream):
            self._refusals.took(stream, resource.without_bytes())

    def refused(self, said: Said, resource: Resource) -> None:
        """Take in that an Envoy rejects a version."""
        self.alike = frozenset()
        self._refusals.refused(said, resource.without_bytes())
        if not said.of_the_machine:
            self._accusers.add(said.stream)

    def left(self, stream: str) -> None:
        """Take in that a stream ended, from which no answer will come."""
        self._refusals.left(stream)
        self._accusers.discard(stream)

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
        self._count(trial, chosen)
        self.delivers = trial is None and whole
        if self.delivers and chosen is not None:
            self.alike |= {chosen.version}
        self._blame(chosen, audience)
        return chosen

    def _count(self, trial: Trial | None, chosen: Resource | None) -> None:
        tried = chosen.version if trial is not None and chosen is not None else ""
        if not tried:
            self._trials = 0
        elif tried != self._tried:
            self._trials += 1
        self._tried = tried

    def _investigate(self, audience: Audience) -> tuple[Trial | None, tuple[Resource | None, bool]]:
        """Find what is tried next, if anything, to which there is no answer yet."""
        idle: set[Refusal] = set()
        while True:
            trial = next_trial(self._judge(audience), idle)
            if trial is not None and self._trials >= _MAX_TRIALS:
                self._give_up(trial)
                trial = None
            chosen, whole = self._choose(trial)
            if chosen is None:
                return trial, (chosen, whole)
            # Nobody is asked for the same twice.
            by = self._refused_by(chosen.version, audience)
            if trial is None:
                if by is None:
                    return trial, (chosen, whole)
                self.rulings.convict_version(chosen.version, [by])
            elif by is not None:
                idle.add(trial.refusal)
            elif self._refusals.has_taken(trial.said.stream, chosen.version):
                # The same bytes may be joined of other pieces, which are good, too.
                if not self._refusals.took(trial.said.stream, chosen.without_bytes()):
                    # What is suspected is not wanted now, and waits for when it is.
                    idle.add(trial.refusal)
            else:
                return trial, (chosen, whole)

    def _judge(self, audience: Audience) -> list[tuple[Refusal, Said]]:
        """Convict where there is no other explanation; give the refusals that are still to be explained."""
        where = [one for resource in (*self._bases, self.wanted) for one in (contents_of(resource), closings(resource))]
        open_: list[tuple[Refusal, Said]] = []
        for refusal in self._refusals:
            if (said := self._counts(refusal, audience)) is None:
                continue
            suspects = refusal.suspects
            known = [
                verdict
                for owner in self.rulings.owners & suspects.keys()
                if (verdict := self.rulings.on(owner, refusal.contents[owner])) is not None
            ]
            if not suspects:
                self.rulings.convict_version(refusal.version, self._heard(refusal, audience))
            elif len(known) == len(suspects):
                for verdict in known:
                    self.rulings.join(verdict, self._heard(refusal, audience))
            elif not known and len(suspects) == 1:
                ((owner, pieces),) = suspects.items()
                self.rulings.convict(owner, pieces, self._heard(refusal, audience))
            else:
                if not known and are_there(suspects, where):
                    open_.append((refusal, said))
                continue
            self._refusals.drop(refusal)
        return open_

    def _counts(self, refusal: Refusal, audience: Audience) -> Said | None:
        """Give the first one of a refusal whose word counts."""
        return next((said for said in refusal.voices.values() if self._weighs(said, audience)), None)

    def _heard(self, refusal: Refusal, audience: Audience) -> list[Said]:
        return [said for said in refusal.voices.values() if self._weighs(said, audience)]

    def _weighs(self, said: Said, audience: Audience) -> bool:
        return not said.of_the_machine and audience.has_a_say(said.stream)

    def _refused_by(self, version: str, audience: Audience) -> Said | None:
        """Give one of those who refused this version and are there, and whose word counts."""
        found = (refusal for refusal in self._refusals if refusal.version == version)
        return next((said for refusal in found if (said := self._counts(refusal, audience)) is not None), None)

    def _choose(self, trial: Trial | None) -> tuple[Resource | None, bool]:
        """Give the best that is not known to be bad; say whether it is made of what is wanted."""
        # In the order in which they were served: an answer may be about what was replaced long ago.
        places = {version: place for place, version in enumerate(self._served)}
        self._bases.sort(key=lambda one: places.get(one.version, -1))
        inputs = (self.wanted.version, [one.version for one in self._bases], self.rulings.edition)
        if trial is None and self._joined is not None and self._joined[0] == inputs:
            # Many Envoys answer one after the other, and none of them changes anything.
            return self._joined[1], True
        held = trial.held if trial is not None else {}

        def unfit(owner: Owner, content: AbstractSet[Piece]) -> bool:
            return not content.isdisjoint(held.get(owner, ())) or self.rulings.on(owner, content) is not None

        watched = self.rulings.owners | held.keys()
        for number, resource in enumerate(substitutes(self.wanted, self._bases, watched, unfit)):
            if self.rulings.on_version(resource.version) is None:
                if number == 0 and trial is None:
                    self._joined = (inputs, resource)
                return resource, number == 0
        return None, False

    def _give_up(self, trial: Trial) -> None:
        for owner in trial.suspects:
            self.rulings.convict(owner, trial.refusal.suspects[owner], [trial.said])

    def _blame(self, served: Resource | None, audience: Audience) -> None:
        now = dict(self._found())
        for refusal in self._refusals:
            if served is not None and refusal.version == served.version:
                # Only those are left whose word does not count.
                before = now.get(NOBODY)
                nodes = {
                    *(said.node for said in refusal.voices.values()),
                    *(before.nodes if before is not None else ()),
                }
                words = next(reversed(refusal.voices.values())).words
                now[NOBODY] = Rejection(words, tuple(sorted(nodes)), kept=True)
        if self._blamed.keys() - now.keys() and self._is_owed(served, audience):
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
        judges = [stream for stream in self._accusers if audience.has_a_say(stream)]
        if judges:
            return any(audience.holds(stream) != version for stream in judges)
        return not audience.is_held(version)

    # ----------------------------------------------------------------------------------------------------- helpers
    def _note_served(self, resource: Resource) -> None:
        self._served.pop(resource.version, None)
        self._served[resource.version] = resource.without_bytes()
        if len(self._served) > _MAX_SERVED:
            del self._served[next(iter(self._served))]
