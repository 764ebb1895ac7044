"""What the Envoys say, brought to the statuses once per turn of the loop: answers to one change come together.

Where several servers run, one leads. It asks the others about each listener, decides for all Envoys of a fleet, and
tells what it has decided; the others answer, and believe it. So each of them can take over and nothing falls back.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, assert_never

from xdsserver.model.places import Delivery, ListenerKey
from xdsserver.model.routing import ClusterKey, EndpointsKey
from xdsserver.objects.meta import ObjectKey
from xdsserver.replicas import Answer, Matter, State, Subject, Tally, Witness
from xdsserver.replicas.agenda import Agenda
from xdsserver.replicas.attendance import Attendance
from xdsserver.replicas.statements import Author, Backend, Objection
from xdsserver.xds.fragments import NOBODY
from xdsserver.xds.receipts import Arrived, Late, Receipts
from xdsserver.xds.resource import CLUSTER, ENDPOINTS, SECRET

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping

    from xdsserver.model.places import Awaited
    from xdsserver.reconciler import Outcome
    from xdsserver.replicas.statements import Envoy, Statement
    from xdsserver.xds.cache import Cache, ResourceKey
    from xdsserver.xds.case import Blame, Rejection
    from xdsserver.xds.ledger import Event, Ledger
    from xdsserver.xds.quarantine import Quarantine
    from xdsserver.xds.receipts import Lag

    Deliveries = Mapping[ListenerKey, Delivery | None]
    News = Mapping[Blame, Rejection | None]


@dataclass(frozen=True, slots=True)
class Heard:
    """What is known of the Envoys of this server."""

    cache: Cache
    ledger: Ledger
    quarantine: Quarantine


@dataclass(frozen=True, slots=True)
class Told:
    """Whom it is told to, and what they know.

    Attributes:
        pass_on: called from the event loop; it may lead to more being asked for, at once or later.
        identity: uid and generation of an object; None where there is none.
        backend_of: which backend a resource is the way to; None where it is none.
    """

    pass_on: Callable[[Deliveries, News], None]
    identity: Callable[[ObjectKey], tuple[str, int] | None]
    backend_of: Callable[[ResourceKey], ClusterKey | EndpointsKey | None]


class Answers:
    """Asks for the acknowledgement of each listener once for each generation, and passes on what came of it.

    It decides alone until it is told to `lead` others or to `follow` one; `name` is that of this server among them.
    """

    def __init__(self, heard: Heard, told: Told, name: str = "") -> None:
        self._quarantine = heard.quarantine
        self._told = told
        self._attendance = Attendance()
        self._tally = Tally(self._attendance, self)
        self._receipts: Receipts[ListenerKey] = Receipts(heard.cache, heard.ledger, heard.quarantine, self._whole)
        self.agenda = Agenda()
        """What a leader tells the others."""
        self.witness = Witness(name, self._attendance)
        """What a follower tells its leader."""
        self.leads = True
        self._awaited: dict[ListenerKey, Awaited] = {}
        # What was passed on: the tables have it once they come to it.
        self._delivered: dict[ListenerKey, Delivery] = {}
        # What the leader asks us, and what it has decided.
        self._asked: dict[ListenerKey, Subject] = {}
        self._decided: dict[ListenerKey, Subject] = {}
        self._moved: dict[Envoy, None] = {}
        self._rejections: dict[Blame, Rejection] = {}
        self._soon: asyncio.Handle | None = None
        self._late: asyncio.TimerHandle | None = None

    # --------------------------------------------------------------------------------------- what is known of objects
    @property
    def awaited(self) -> Mapping[ListenerKey, Awaited]:
        """What Envoys must acknowledge of each listener."""
        return self._awaited

    def identity(self, key: ObjectKey) -> tuple[str, int] | None:
        """Return uid and generation of an object; None where there is none."""
        return self._told.identity(key)

    def published(self, outcome: Outcome) -> None:
        """Take what has just been published: what is new of it is awaited from now on."""
        self._receipts.published(outcome.resources.keys())
        forgotten: dict[ListenerKey, Delivery | None] = {}
        for key, awaited in outcome.awaited.items():
            before = self._awaited.pop(key, None)
            if awaited is None:
                self._receipts.forget(key)
                self.agenda.withdraw(key)
            else:
                self._awaited[key] = awaited
                # Whether clients get to an Envoy is no question to Envoys, and takes nothing back that was decided.
                if before is None or before._replace(reached=awaited.reached) != awaited:
                    self._ask(key)
            if not _stands(before, awaited) and key in self._delivered:
                # Whatever was acknowledged stood elsewhere, or was of another object.
                forgotten[key] = None
        if forgotten:
            self._pass_on(forgotten, {})
        if outcome.awaited or self._rejections or self._quarantine.has_news:
            self._settle_soon()

    def _ask(self, key: ListenerKey) -> None:
        """Begin to wait for a listener as it is now, where that is what is asked."""
        awaited = self._awaited[key]
        asked = self._subject(key)
        if self.leads:
            self.agenda.put(Matter(asked, State.OPEN))
        elif not _covers(asked, self._asked.get(key)):
            self._receipts.forget(key)
            return
        self._receipts.await_(key, awaited.resources, _now_s())

    def _subject(self, key: ListenerKey) -> Subject:
        awaited = self._awaited[key]
        return Subject(key, awaited.uid, awaited.generation)

    # --------------------------------------------------------------------------------------------- what Envoys say
    def hear(self, event: Event) -> None:
        """Take what an Envoy was sent or said, after the ledger."""
        envoy = self._attendance.hear(event, _now_s())
        if envoy is not None:
            self._moved[envoy] = None
            self._tally.moved()
        if self._receipts.hear(event) or self._quarantine.has_news or envoy is not None:
            self._settle_soon()

    # --------------------------------------------------------------------------------------- what other servers say
    def lead(self, others: frozenset[str]) -> None:
        """Decide for all Envoys from now on; what was decided before stays."""
        if self.leads:
            self._tally.expect(others)
        else:
            self.leads = True
            self._asked.clear()
            self._tally.lead(others, _now_s())
            for key, awaited in self._awaited.items():
                row = self._delivered.get(key)
                if row is not None and row.generation == awaited.generation:
                    self._receipts.forget(key)
                    self.agenda.put(Matter(self._subject(key), State.DECIDED))
                else:
                    self._ask(key)
        self._settle_soon()

    def follow(self) -> None:
        """Decide nothing: answer what a leader asks, from now on or from anew, and believe what it decides."""
        self.leads = False
        self.agenda.clear()
        self._tally.resign()
        self._asked.clear()
        for key in self._awaited:
            self._receipts.forget(key)
        self.witness.begin()
        self._moved.clear()
        self._settle_soon()

    def report(self, replica: str, statement: Statement) -> None:
        """Take what another server says to us, who lead.

        Raises:
            UnknownReplicaError: it is none of those that exist.
            OverfullError: it says too much.
        """
        self._tally.hear(replica, statement, _now_s())
        self._settle_soon()

    def told(self, matters: Iterable[Matter]) -> None:
        """Take what the leader says to us, who follow."""
        for subject, state in matters:
            key = subject.key
            for known in (self._asked, self._decided):
                known.pop(key, None)
            match state:
                case State.OPEN:
                    self._asked[key] = subject
                    if key in self._awaited:
                        self._ask(key)
                    continue
                case State.DECIDED:
                    self._decided[key] = subject
                case State.WITHDRAWN:
                    pass
                case _:
                    assert_never(state)
            self._receipts.forget(key)
            self.witness.closed(key)
        self._settle_soon()

    # ------------------------------------------------------------------------------------------------- what follows
    def remembered(self, deliveries: Deliveries) -> None:
        """Pass on what Envoys had before this run, where nothing newer is known."""
        self._pass_on({key: one for key, one in deliveries.items() if key not in self._delivered}, {})

    def _pass_on(self, deliveries: Deliveries, news: News) -> None:
        for key, one in deliveries.items():
            if one is None:
                self._delivered.pop(key, None)
            else:
                self._delivered[key] = one
        self._told.pass_on(deliveries, news)

    def _settle_soon(self) -> None:
        if self._soon is None:
            self._soon = asyncio.get_running_loop().call_soon(self._settle)

    def _settle(self) -> None:
        self._soon = None
        now_s = _now_s()
        deliveries = dict(self._decide(now_s) if self.leads else self._believe())
        if not self.leads:
            self._testify(now_s)
        news = self._rejections_news()
        if news or deliveries:
            self._pass_on(deliveries, news)
        if self._late is not None:
            self._late.cancel()
        ticks = (self._receipts.next_tick(now_s), self._tally.next_tick(now_s)) if self.leads else ()
        tick = min((tick for tick in ticks if tick is not None), default=None)
        self._late = None if tick is None else asyncio.get_running_loop().call_at(tick, self._settle_soon)

    def _whole(self, key: ListenerKey, own: Lag, now_s: float) -> Lag:
        lag = self._tally.whole(key, own, now_s)
        return lag if self._awaited[key].reached else replace(lag, withheld=True)

    def _decide(self, now_s: float) -> Iterator[tuple[ListenerKey, Delivery]]:
        """Give what all Envoys have, and who keeps us waiting."""
        self._moved.clear()
        for key, found in self._receipts.settle(now_s):
            match found:
                case Arrived():
                    self._tally.closed(key)
                    self.agenda.put(Matter(self._subject(key), State.DECIDED))
                    yield key, Delivery(self._awaited[key].generation)
                case Late(nodes):
                    before = self._delivered.get(key)
                    yield key, Delivery(before.generation if before is not None else None, nodes)
                case _:
                    assert_never(found)

    def _believe(self) -> Iterator[tuple[ListenerKey, Delivery]]:
        """Give what the leader has decided of objects that we know, too."""
        for key, subject in self._decided.items():
            awaited, row = self._awaited.get(key), Delivery(subject.generation)
            if awaited is not None and awaited.uid == subject.uid and self._delivered.get(key) != row:
                yield key, row

    def _testify(self, now_s: float) -> None:
        moved, self._moved = self._moved, {}
        lags = ((self._subject(key), lag) for key, lag in self._receipts.lags())
        self.witness.settle(moved, [Answer(subject, None if lag.withheld else lag.waiting) for subject, lag in lags])
        objections = ((blame, self._objection(blame, said)) for blame, said in self._quarantine.rejections().items())
        self.witness.object({blame: found for blame, found in objections if found is not None}, now_s)

    def _objection(self, blame: Blame, said: Rejection) -> Objection | None:
        """Say what is rejected in terms of objects; None where its author is gone."""
        place, author = blame[:3], None
        if blame.type_url in (CLUSTER, ENDPOINTS):
            return self._objection_to_backend(place, said)
        listeners: Iterable[ListenerKey] = (key for key, one in self._awaited.items() if place in one.resources)
        if isinstance(blame.owner, ListenerKey):
            listeners = (blame.owner,) if blame.owner in self._awaited else ()
        elif blame.owner != NOBODY:
            key = ObjectKey(*blame.owner)
            if (identity := self.identity(key)) is None:
                return None
            author = Author(key, *identity)
        subjects = tuple(map(self._subject, listeners))
        nodes = frozenset(said.nodes)
        return Objection(blame.fleet, blame.type_url, author, subjects, nodes, said.words, kept=said.kept)

    def _objection_to_backend(self, place: ResourceKey, said: Rejection) -> Objection | None:
        match self._told.backend_of(place):
            case ClusterKey() as one:
                backend = Backend(one.port, one.protocol, one.gateway)
            case EndpointsKey() as one:
                backend = Backend(one.port, one.transport)
            case None:
                return None
        key = ObjectKey(one.kind, one.namespace, one.name)
        if (identity := self.identity(key)) is None:
            return None
        fleet, type_url, _ = place
        nodes = frozenset(said.nodes)
        return Objection(
            fleet, type_url, Author(key, *identity), (), nodes, said.words, kept=said.kept, backend=backend
        )

    def _rejections_news(self) -> dict[Blame, Rejection | None]:
        """Give what is rejected that was not, or no more (None)."""
        self._quarantine.take_news()
        own = self._quarantine.rejections()
        before, now = self._rejections, self._tally.rejections(own) if self.leads else dict(own)
        if not before and not now:
            return {}
        self._rejections = now
        news: dict[Blame, Rejection | None] = dict.fromkeys(before.keys() - now.keys())
        news.update((blame, said) for blame, said in now.items() if before.get(blame) != said)
        return news


def _stands(before: Awaited | None, now: Awaited | None) -> bool:
    """Whether what was acknowledged of a listener says something of it as it is now."""
    return before is not None and now is not None and (_place(before), before.uid) == (_place(now), now.uid)


def _place(awaited: Awaited) -> tuple[tuple[str, str, str], ...]:
    """Give where a listener stands; what it shows there may be another certificate tomorrow."""
    return tuple(key for key in awaited.resources if key[1] != SECRET)


def _covers(here: Subject, asked: Subject | None) -> bool:
    """Whether what is served here is what is asked about, or newer."""
    return asked is not None and here.uid == asked.uid and here.generation >= asked.generation


def _now_s() -> float:
    return asyncio.get_running_loop().time()
