"""What was rejected stays out: between the resources that are wanted and the cache that all streams of a fleet read.

Whatever an Envoy rejects alone is taken out of the cache for all of its fleet: the last content that was acknowledged
comes back, or nothing where there was none. A resource that is joined from pieces of several owners is tried again with
fewer of those that changed, until the bad ones are known; all others get through. It ends when the content changes.
Translation is told nothing of it, so that a rejection cannot make it go back and forth.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from xdsserver.xds.case import Blame, Case, Said
from xdsserver.xds.ledger import Acked, Joined, Left, Rejected
from xdsserver.xds.proofs import Proofs
from xdsserver.xds.resource import LISTENER
from xdsserver.xds.retained import Retained

if TYPE_CHECKING:
    from collections.abc import Mapping

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
        # Fleet and node id by stream.
        self._streams: dict[str, tuple[str, str]] = {}
        self._blames: dict[Blame, Rejection] = {}
        self._told: dict[Blame, Rejection | None] = {}

    def apply(self, wanted: Mapping[ResourceKey, Resource | None]) -> Changed:
        """Take in what is wanted from now on (None: nothing); return what differs in the cache."""
        changes = dict(wanted)
        for key in [key for key in wanted if key in self._cases] if self._cases else ():
            changes[key] = self._wish(key, wanted[key])
        return self._put(changes)

    def hear(self, event: Event) -> Changed:
        """Take in what an Envoy said; return what differs in the cache because of it."""
        match event:
            case Joined(stream, node, fleet):
                self._streams[stream] = (fleet, node.id)
            case Left(stream):
                self._streams.pop(stream, None)
                ended = {key: case for key, case in self._cases.items() if case.left(stream)}
                return self._put({key: self._settle(key, case) for key, case in ended.items()}) if ended else {}
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
        fleet, node = self._streams[event.stream]
        if self._cases:
            self._come_round(event, fleet, node)
        open_ = self._proofs.open(fleet, event.type_url)
        if not open_:
            return {}
        changes: dict[ResourceKey, Resource | None] = {}
        for name, version in event.versions:
            if name not in open_:
                continue
            key = (fleet, event.type_url, name)
            case = self._cases.get(key)
            if case is not None and not case.proves(version, event.stream):
                continue
            if self._proofs.acked(key, version) is not None and case is not None:
                case.acked(version)
                changes[key] = self._settle(key, case)
        if not self._cases:
            self._retained.purge(fleet, self._proofs)
        return self._put(changes) if changes else {}

    def _come_round(self, event: Acked, fleet: str, node: str) -> None:
        for name, version in event.versions:
            key = (fleet, event.type_url, name)
            if (case := self._cases.get(key)) is not None and case.keeps:
                case.accepted_by(node, version)
                self._settle(key, case)

    def _rejected(self, event: Rejected) -> Changed:
        fleet, node = self._streams[event.stream]
        ((name, version),) = event.versions
        key = (fleet, event.type_url, name)
        case = self._cases.get(key)
        resource = self._proofs.find(key, version) or (case.find(version) if case is not None else None)
        if resource is None:
            # Too old to matter: what replaced it is judged by itself.
            return {}
        said = Said(event.stream, node, event.words)
        others_have_it = resource == self._proofs.good(key)
        if others_have_it and self._proofs.revoke(key):
            # They get what they had before: a fleet has one configuration.
            others_have_it = False
            if case is not None:
                case.revoked(version)
        if case is None:
            wanted = self._cache.resources(fleet, event.type_url)[name]
            case = self._cases[key] = Case(wanted, None if others_have_it else self._proofs.good(key))
        elif case.is_new_to(event.stream) and not others_have_it:
            self._proofs.fall_back(key, case.origin)
            case.restart()
        if others_have_it or (event.type_url == LISTENER and _OF_THE_MACHINE in event.words):
            case.keep(resource, said)
        else:
            case.rejected(resource, self._proofs.good(key), said)
        return self._put({key: self._settle(key, case)})

    # ------------------------------------------------------------------------------------------------------ cases
    def _wish(self, key: ResourceKey, wanted: Resource | None) -> Resource | None:
        case = self._cases[key]
        if wanted is None:
            del self._cases[key]
            self._blame(key, None)
            return None
        case.want(wanted)
        return self._settle(key, case)

    def _settle(self, key: ResourceKey, case: Case) -> Resource | None:
        """Say what is served of a case now, tell who is blamed, and close it when it is over."""
        served = case.serve(self._proofs.good(key))
        self._blame(key, case)
        if case.closed:
            del self._cases[key]
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
