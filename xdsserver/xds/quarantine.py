"""What was rejected stays out: between the resources that are wanted and the cache that all streams of a fleet read.

Whatever an Envoy rejects alone is taken out of the cache for all of its fleet: the last content that was acknowledged
comes back, or nothing where there was none. A resource that is joined from pieces of several owners is tried again with
fewer of those that changed, until the bad ones are known; all others get through. It ends when the content changes.
An Envoy that comes later and never took any of a resource takes it from nobody: what is served stays for the others.
Translation is told nothing of it, so that a rejection cannot make it go back and forth.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from xdsserver.xds.audience import Audience, Listening
from xdsserver.xds.case import Blame, Case
from xdsserver.xds.ledger import Acked, Joined, Left, Rejected
from xdsserver.xds.precedents import Precedent
from xdsserver.xds.proofs import Proofs
from xdsserver.xds.refusals import Said
from xdsserver.xds.resource import LISTENER
from xdsserver.xds.retained import Retained
from xdsserver.xds.rulings import Rulings

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from xdsserver.xds.cache import Cache, ResourceKey
    from xdsserver.xds.case import Rejection
    from xdsserver.xds.ledger import Event
    from xdsserver.xds.resource import Resource

Changed = dict[str, dict[str, frozenset[str]]]
"""Names of what differs in the cache, by fleet and type URL."""

_OF_THE_MACHINE: Final = "cannot bind"
"""In Envoy's words of a socket that it did not get: the content is not to blame, and another Envoy may well get it."""


class Quarantine:
    """The only writer of a cache, and a listener to what Envoys say of it.

    A resource for which nothing was ever rejected costs a look into a dictionary and is served as it is.
    """

    def __init__(self, cache: Cache) -> None:
        self._cache = cache
        self._proofs = Proofs()
        self._cases: dict[ResourceKey, Case] = {}
        self._retained = Retained()
        self._recalled: dict[ResourceKey, Precedent] = {}
        self._streams: dict[str, Listening] = {}
        self._joined = 0
        self._blames: dict[Blame, Rejection] = {}
        self._told: dict[Blame, Rejection | None] = {}

    def apply(self, wanted: Mapping[ResourceKey, Resource | None]) -> Changed:
        """Take in what is wanted from now on (None: nothing); return what differs in the cache."""
        changes = dict(wanted)
        known = self._cases.keys() | self._recalled.keys()
        for key in [key for key in wanted if key in known] if known else ():
            changes[key] = self._wish(key, wanted[key])
        return self._put(changes)

    def hear(self, event: Event) -> Changed:
        """Take in what an Envoy said; return what differs in the cache because of it."""
        match event:
            case Joined(stream, node, fleet, types):
                self._joined += 1
                self._streams[stream] = Listening(self._joined, fleet, node.id, node.build, types)
                return self._reopen(fleet)
            case Left(stream) if (left := self._streams.pop(stream, None)) is not None:
                return self._left(stream, left)
            case Acked() if event.stream in self._streams:
                return self._acked(event)
            case Rejected(versions=(_,)) if event.stream in self._streams:
                return self._rejected(event)
            case _:
                pass
        return {}

    def stands_for_wanted(self, key: ResourceKey) -> bool:
        """Say whether what the cache holds carries all that is wanted, but for pieces that are held back."""
        case = self._cases.get(key)
        return case is None or case.delivers

    def rejections(self) -> Mapping[Blame, Rejection]:
        """Return all that is rejected now: a live view."""
        return self._blames

    @property
    def has_news(self) -> bool:
        """Say whether `take_news` has anything to tell."""
        return bool(self._told)

    def take_news(self) -> Mapping[Blame, Rejection | None]:
        """Return what is rejected that was not, or no more (None), since the last call."""
        told, self._told = self._told, {}
        return told

    # ---------------------------------------------------------------------------------------------------- answers
    def _acked(self, event: Acked) -> Changed:
        fleet = self._streams[event.stream].fleet
        open_ = self._proofs.open(fleet, event.type_url)
        if not (open_ or self._cases):
            return {}
        changes: dict[ResourceKey, Resource | None] = {}
        for name, version in event.versions:
            if not (self._cases or name in open_):
                continue
            key = (fleet, event.type_url, name)
            case = self._cases.get(key)
            resource = self._find(key, version) if case is not None else None
            self._proofs.acked(key, version, self._joined)
            if case is not None and resource is not None:
                case.took(event.stream, resource)
                changes[key] = self._settle(key, case)
        if not self._cases:
            self._retained.purge(fleet, self._proofs)
        return self._put(changes) if changes else {}

    def _rejected(self, event: Rejected) -> Changed:
        stream = self._streams[event.stream]
        ((name, version),) = event.versions
        key = (stream.fleet, event.type_url, name)
        resource = self._find(key, version)
        if resource is None:
            # Too old to matter: what replaced it is judged by itself.
            return {}
        case = self._cases.get(key)
        if case is None:
            wanted = self._cache.resources(stream.fleet, event.type_url)[name]
            case = self._open(key, wanted)
        of_the_machine = event.type_url == LISTENER and _OF_THE_MACHINE in event.words
        said = Said(event.stream, stream.node, event.words, stream.build, of_the_machine=of_the_machine)
        if (held := self._find(key, stream.holds(key))) is not None:
            case.has(event.stream, held)
        case.refused(said, resource)
        return self._put({key: self._settle(key, case)})

    def _left(self, stream: str, left: Listening) -> Changed:
        cases = {key: case for key, case in self._cases.items() if key[0] == left.fleet}
        builds = self._builds(left.fleet)
        for case in cases.values():
            case.left(stream)
            # While nobody is there, what the last ones said stands.
            if builds:
                case.reopen(builds)
        return self._put({key: self._settle(key, case) for key, case in cases.items()}) if cases else {}

    def _reopen(self, fleet: str) -> Changed:
        """Try again what none of the Envoys that are there has judged: they may take it."""
        cases = {key: case for key, case in self._cases.items() if key[0] == fleet}
        builds = self._builds(fleet) if cases else frozenset()
        reopened = {key: case for key, case in cases.items() if case.reopen(builds)}
        return self._put({key: self._settle(key, case) for key, case in reopened.items()}) if reopened else {}

    def _builds(self, fleet: str) -> frozenset[str]:
        return frozenset(one.build for one in self._streams.values() if one.fleet == fleet)

    # ------------------------------------------------------------------------------------------------- another start
    def precedents(self) -> tuple[Precedent, ...]:
        """Give what was found out about all that is rejected now, for a process that comes later."""
        found = {} if self._cache.ready else dict(self._recalled)
        for key, case in self._cases.items():
            if verdicts := tuple(sorted(case.rulings, key=lambda one: (one.owner, sorted(one.digests)))):
                found[key] = Precedent(key, verdicts, case.wanted.version, case.alike)
        return tuple(found[key] for key in sorted(found))

    def recall(self, precedents: Iterable[Precedent]) -> None:
        """Take in what an earlier process found out, before anything is wanted; it holds for what is wanted then."""
        self._recalled = {one.key: one for one in precedents}

    def _accepted(self, key: ResourceKey) -> Sequence[Resource]:
        """Give the versions that somebody took, from the oldest one that somebody still has."""
        known = self._proofs.known(key)
        held = {one.holds(key) for one in self._streams.values() if one.fleet == key[0]} - {None}
        good = {one.version for one in self._proofs.good(key)} | held
        # The last place of each version: content may have come back.
        places = {one.version: place for place, one in enumerate(known) if one.version in good}
        first = min((places.get(version, 0) for version in held if version is not None), default=0)
        return [known[place] for place in sorted(places.values()) if place >= first]

    # ------------------------------------------------------------------------------------------------------ cases
    def _open(self, key: ResourceKey, wanted: Resource) -> Case:
        recalled = self._recalled.get(key)
        case = self._cases[key] = Case(
            wanted, self._accepted(key), Rulings(recalled.verdicts if recalled is not None else ())
        )
        if recalled is not None and recalled.wanted == wanted.version:
            case.alike = recalled.served
        if builds := self._builds(key[0]):
            case.reopen(builds)
        if self._cache.ready:
            self._recalled.pop(key, None)
        for name, stream in self._streams.items():
            if stream.fleet == key[0] and (held := self._proofs.find(key, stream.holds(key))) is not None:
                case.has(name, held)
        return case

    def _find(self, key: ResourceKey, version: str | None) -> Resource | None:
        case = self._cases.get(key)
        return self._proofs.find(key, version) or (case.find(version) if case is not None else None)

    def _wish(self, key: ResourceKey, wanted: Resource | None) -> Resource | None:
        case = self._cases.get(key)
        if wanted is None:
            if case is not None:
                self._close(key)
            return None
        if case is None or not self._cache.ready:
            # Nobody has answered anything before it is ready, and what was wanted then was not all.
            case = self._open(key, wanted)
        case.want(wanted)
        return self._settle(key, case)

    def _close(self, key: ResourceKey) -> None:
        del self._cases[key]
        self._cache.stand_for(key, frozenset(), "")
        self._blame(key, None)

    def _settle(self, key: ResourceKey, case: Case) -> Resource | None:
        """Say what is served of a case now, tell who is blamed, and close it when it is over."""
        served = case.serve(Audience(key, self._streams, self._proofs.since(key)))
        self._blame(key, case)
        self._cache.stand_for(key, case.alike, served.version if served is not None else "")
        if case.closed:
            self._close(key)
        return served

    def _blame(self, key: ResourceKey, case: Case | None) -> None:
        now = {Blame(*key, owner): said for owner, said in case.rejections()} if case is not None else {}
        for blame in [blame for blame in self._blames if blame[:3] == key and blame not in now]:
            del self._blames[blame]
            self._told[blame] = None
        for blame, said in now.items():
            if self._blames.get(blame) != said:
                self._blames[blame] = self._told[blame] = said

    def _put(self, changes: Mapping[ResourceKey, Resource | None]) -> Changed:
        served = self._retained.added_to(changes, self._cache, self._cases)
        for key, resource in served.items():
            self._proofs.served(key, resource)
        return self._cache.apply(served)
