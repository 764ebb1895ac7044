"""One resource that was rejected: who is blamed, what is served meanwhile, and when it is over."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from xdsserver.xds.fragments import NOBODY, differing, hold_back
from xdsserver.xds.search import Search

if TYPE_CHECKING:
    from collections.abc import Iterator

    from xdsserver.xds.fragments import Assembly, Owner
    from xdsserver.xds.resource import Resource

_MAX_TRIALS: Final = 64
"""Trials of one search; whoever is not known to be good by then counts as bad."""

_MAX_REJECTED: Final = 4
"""Rejected versions that are remembered, for Envoys that answer later than others."""


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
class Said:
    """An Envoy rejects: which stream of which node, and in which words."""

    stream: str
    node: str
    words: str


@dataclass(slots=True)
class _Verdict:
    content: Any
    words: str
    nodes: set[str]
    kept: bool = False
    """It is served nevertheless: some Envoys have it, and there is nothing else that they could have."""


@dataclass(slots=True)
class Case:
    """A resource of which something was rejected, from then until all that is wanted of it has been acknowledged.

    While it lasts, acknowledgements of those count that have rejected: what another release takes proves nothing.
    """

    wanted: Resource
    origin: Resource | None
    """What was good before the first rejection: all else is good by the word of those who have rejected something."""
    _convicted: dict[Owner, _Verdict] = field(default_factory=dict)
    _search: Search | None = None
    _suspected: dict[Owner, Any] = field(default_factory=dict)
    _rejected: dict[str, Resource] = field(default_factory=dict)
    _heard: list[Said] = field(default_factory=list)
    _held: frozenset[Owner] = frozenset()
    _served: str = ""
    _accusers: set[str] = field(default_factory=set)
    _awaited: set[str] = field(default_factory=set)
    """Accusers who have not acknowledged what is served."""

    def __post_init__(self) -> None:
        """Begin with what was rejected being what is served."""
        self._served = self.wanted.version

    @property
    def closed(self) -> bool:
        """Say whether there is nobody left to blame or to try."""
        return not self._convicted and self._search is None

    @property
    def keeps(self) -> bool:
        """Say whether something is served that some Envoys reject."""
        return any(verdict.kept for verdict in self._convicted.values())

    @property
    def delivers(self) -> bool:
        """Say whether what is served stands for what is wanted, but for the pieces that are rejected."""
        return self._search is None and not self._is_bad

    def rejections(self) -> Iterator[tuple[Owner, Rejection]]:
        """Give who is blamed, and for what."""
        for owner, verdict in self._convicted.items():
            yield owner, Rejection(verdict.words, tuple(sorted(verdict.nodes)), verdict.kept)

    def want(self, wanted: Resource) -> None:
        """Take in what is wanted from now on."""
        self.wanted = wanted
        if self._search is not None:
            self._search.disturb()

    def serve(self, good: Resource | None) -> Resource | None:
        """Say what the cache shall hold, given what was acknowledged last."""
        chosen = self._choose(good)
        version = chosen.version if chosen is not None else ""
        if version != self._served:
            self._served, self._awaited = version, set(self._accusers)
        if chosen is not None and chosen == good:
            # There will be no answer to what has been acknowledged.
            self._forgive()
            self._end_search_if_over()
        return chosen

    def rejected(self, resource: Resource, good: Resource | None, said: Said) -> None:
        """Take in that an Envoy rejects a version of it, whose last good version is `good`."""
        self._accusers.add(said.stream)
        self._awaited.add(said.stream)
        self._rejected[resource.version] = resource
        if len(self._rejected) > _MAX_REJECTED:
            del self._rejected[next(iter(self._rejected))]
        if resource.parts is not None:
            self._judge(resource, resource.parts(), good, said)
            return
        whole = self._convicted.get(NOBODY)
        if whole is None or resource.version in (whole.content, self._served):
            self._convict(NOBODY, resource.version, said)

    def _judge(self, resource: Resource, assembly: Assembly, good: Resource | None, said: Said) -> None:
        suspects = differing(assembly, _assembly(good))
        known = [
            verdict
            for owner in suspects
            if (verdict := self._convicted.get(owner)) is not None and verdict.content == assembly.contents[owner]
        ]
        if known:
            # Another Envoy finds bad what is known to be.
            for verdict in known:
                verdict.nodes.add(said.node)
            return
        self._heard.append(said)
        current = resource.version == self._served
        if not current and (self._search is not None or not suspects):
            # What replaced it is on trial already, or will be judged by itself.
            return
        if not suspects:
            # What was only removed, or stands for itself.
            self._convict(NOBODY, resource.version, said)
            return
        self._suspected.update((owner, assembly.contents[owner]) for owner in suspects)
        self._search = self._search or Search()
        self._found(self._search.rejected(suspects))
        if not current:
            self._search.disturb()
        if self._search.trials >= _MAX_TRIALS:
            for owner in (*suspects, *self._search.give_up()):
                self._found(owner)

    def keep(self, resource: Resource, said: Said) -> None:
        """Take in that an Envoy rejects what must be served all the same."""
        self._accusers.clear()
        self._awaited.clear()
        self._convict(NOBODY, resource.version, said)
        self._convicted[NOBODY].kept = True

    def is_new_to(self, stream: str) -> bool:
        """Say whether this stream rejects something of it for the first time, and not as the first."""
        return bool(self._accusers) and stream not in self._accusers

    def restart(self) -> None:
        """Forget the search, since one more stream has a say in what is good."""
        self._search = None

    def revoked(self, version: str) -> None:
        """Take in that an Envoy rejects what counted as good: unless that is the trial, the search starts anew."""
        if version != self._served:
            self._search = None

    def left(self, stream: str) -> bool:
        """Take in that a stream ended; say whether the search ends with it, since nobody would answer."""
        self._awaited.discard(stream)
        if stream not in self._accusers:
            return False
        self._accusers.discard(stream)
        if self._accusers or self._search is None:
            return False
        self._search = None
        return True

    def proves(self, version: str, stream: str) -> bool:
        """Take in that a stream acknowledged a version; say whether that proves it to be good."""
        if not self._accusers:
            return True
        if version == self._served:
            self._awaited.discard(stream)
        return version == self._served and not self._awaited

    def acked(self, version: str) -> None:
        """Take in that what is served has proved to be good."""
        if version != self._served:
            return
        self._forgive()
        self._end_search_if_over()
        if self._search is not None:
            self._found(self._search.acked())

    def find(self, version: str) -> Resource | None:
        """Return a version that was rejected, which more Envoys may reject."""
        return self._rejected.get(version)

    def accepted_by(self, node: str, version: str) -> None:
        """Take in that a node has come to accept what is kept."""
        verdict = self._convicted.get(NOBODY)
        if verdict is not None and verdict.kept and verdict.content == version:
            verdict.nodes.discard(node)
            if not verdict.nodes:
                del self._convicted[NOBODY]

    @property
    def _is_bad(self) -> bool:
        """Whether what is wanted was rejected as it is, and is not served for that."""
        whole = self._convicted.get(NOBODY)
        return whole is not None and not whole.kept and whole.content == self.wanted.version

    def _forgive(self) -> None:
        """Drop the verdicts about content that has given way to what is good now."""
        for owner in [one for one in self._convicted if one not in self._held and self._is_past(one)]:
            del self._convicted[owner]

    def _end_search_if_over(self) -> None:
        if self._search is not None and self._search.over:
            self._search = None
            self._suspected.clear()
            self._heard.clear()

    def _is_past(self, owner: Owner) -> bool:
        verdict = self._convicted[owner]
        if owner == NOBODY:
            return bool(verdict.content != self.wanted.version)
        return self.wanted.parts is None or self.wanted.parts().contents.get(owner) != verdict.content

    def _choose(self, good: Resource | None) -> Resource | None:
        self._held = frozenset()
        if self._is_bad:
            return good
        wanted = self.wanted
        if wanted.parts is None:
            return wanted
        assembly, before = wanted.parts(), _assembly(good)
        while True:
            bad = {owner for owner in self._convicted if not self._is_past(owner) and owner != NOBODY}
            self._held = frozenset(bad | (self._search.held if self._search is not None else frozenset()))
            if not self._held:
                return wanted
            found = hold_back(assembly, self._held, before).resource(wanted.type_url, wanted.name)
            if self._search is None or self._search.over or good is None or found.version != good.version:
                return found
            # Nothing of those under trial is wanted any more: nobody would answer to what is there already.
            self._search.disturb()
            self._found(self._search.acked())

    def _found(self, owner: Owner | None) -> None:
        if owner is not None:
            content = self._suspected.get(owner)
            for said in self._heard:
                self._convict(owner, content, said)

    def _convict(self, owner: Owner, content: object, said: Said) -> None:
        verdict = self._convicted.get(owner)
        if verdict is None or verdict.content != content:
            self._convicted[owner] = _Verdict(content, said.words, {said.node})
        else:
            verdict.words = said.words
            verdict.nodes.add(said.node)


def _assembly(resource: Resource | None) -> Assembly | None:
    return resource.parts() if resource is not None and resource.parts is not None else None
