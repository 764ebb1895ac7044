"""What the leader makes of all replicas: who has something, who is waited for, and what is rejected by whom.

An Envoy that moves from one server to another is spoken for by the one with its newest stream. Of a server that has
not been heard of for `SILENT_S` nothing is known, and so nothing of its Envoys; they are named until it is back, they
are connected elsewhere, or the server is said to exist no more.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final, Protocol, cast

from xdsserver.model.routing import ClusterKey, EndpointsKey
from xdsserver.xds.case import Blame, Rejection
from xdsserver.xds.fragments import NOBODY
from xdsserver.xds.receipts import Lag
from xdsserver.xds.resource import ENDPOINTS, LISTENER

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from xdsserver.model.places import Awaited, ListenerKey
    from xdsserver.model.routing import BackendProtocol
    from xdsserver.objects.meta import ObjectKey
    from xdsserver.replicas.attendance import Attendance
    from xdsserver.replicas.statements import Answer, Author, Backend, Envoy, Objection, Statement, Subject
    from xdsserver.xds.fragments import Owner

SILENT_S: Final = 10.0
"""How long a replica may say nothing before nothing is known of its Envoys."""

MOST: Final = 50_000
"""Envoys that one replica may have, and as many rejections."""

_HERE: Final = ""
"""Stands for this server, among the names of the others."""


class Book(Protocol):
    """What this server knows of objects."""

    @property
    def awaited(self) -> Mapping[ListenerKey, Awaited]:
        """What Envoys must acknowledge of each listener."""
        ...

    def identity(self, key: ObjectKey) -> tuple[str, int] | None:
        """Return uid and generation of an object; None where there is none."""
        ...


class UnknownReplicaError(Exception):
    """Somebody reports who is not known to be a replica (yet, or any more)."""


class OverfullError(Exception):
    """A replica reports more than anybody has room for."""


@dataclass(slots=True)
class _Replica:
    """What one of the others has said, and when it was heard last."""

    heard_s: float
    attending: dict[Envoy, float] = field(default_factory=dict)
    answers: dict[ListenerKey, Answer] = field(default_factory=dict)
    objections: dict[int, tuple[Objection, float]] = field(default_factory=dict)

    def take(self, statement: Statement, now_s: float) -> None:
        self.heard_s = now_s
        for one in statement.attending:
            if one.for_s is None:
                self.attending.pop(one.envoy, None)
            else:
                self.attending[one.envoy] = now_s - one.for_s
        self.answers.update((answer.subject.key, answer) for answer in statement.answers)
        for number, objection in statement.objections:
            if objection is None:
                self.objections.pop(number, None)
            else:
                self.objections[number] = (objection, now_s - objection.lasts_s)

    def is_silent(self, now_s: float) -> bool:
        return now_s >= self.heard_s + SILENT_S


class Tally:
    """The leader's view of a fleet; without other replicas it is that of this server alone."""

    def __init__(self, attendance: Attendance, book: Book) -> None:
        self._attendance = attendance
        self._book = book
        self._expected: frozenset[str] = frozenset()
        self._since_s = 0.0
        self._replicas: dict[str, _Replica] = {}
        # Those who have begun and not said everything yet: what they said before stands until then.
        self._coming: dict[str, _Replica] = {}
        # By fleet: which server has the newest stream of each node.
        self._speakers: dict[str, dict[str, str]] | None = None

    def lead(self, others: frozenset[str], now_s: float) -> None:
        """Decide from now on, for these replicas too; nothing is decided before each has spoken, or is silent."""
        self.resign()
        self._since_s = now_s
        self._expected = others

    def expect(self, others: frozenset[str]) -> None:
        """Take in which other replicas exist; what those said that do not is forgotten."""
        self._expected = others
        for known in (self._replicas, self._coming):
            for name in known.keys() - others:
                del known[name]
        self.moved()

    def resign(self) -> None:
        """Forget what others said: somebody else decides."""
        self._expected = frozenset()
        self._replicas.clear()
        self._coming.clear()
        self.moved()

    def moved(self) -> None:
        """Note that an Envoy of this server came or left."""
        self._speakers = None

    def hear(self, replica: str, statement: Statement, now_s: float) -> None:
        """Take in what a replica says.

        Raises:
            UnknownReplicaError: it is none of those that exist.
            OverfullError: it says too much.
        """
        if replica not in self._expected:
            raise UnknownReplicaError(replica)
        if statement.replica is not None:
            self._coming[replica] = _Replica(now_s)
        known = self._coming.get(replica) or self._replicas.get(replica)
        if known is None:
            raise UnknownReplicaError(replica)
        known.take(statement, now_s)
        if max(len(known.attending), len(known.answers), len(known.objections)) > MOST:
            del (self._coming if replica in self._coming else self._replicas)[replica]
            self.moved()
            raise OverfullError(replica)
        if statement.complete and replica in self._coming:
            self._replicas[replica] = self._coming.pop(replica)
        if statement.attending or statement.complete:
            self.moved()

    def closed(self, key: ListenerKey) -> None:
        """Forget what was answered about a subject that is decided."""
        for known in (*self._replicas.values(), *self._coming.values()):
            known.answers.pop(key, None)

    def whole(self, key: ListenerKey, own: Lag, now_s: float) -> Lag:
        """Make of what the Envoys of this server have what all Envoys of the fleet have."""
        if not self._expected:
            return own
        awaited = self._book.awaited[key]
        missing = self._expected - self._replicas.keys()
        nodes = self._speaking().get(awaited.resources[0][0], {})
        answers = {name: self._answer(name, key, awaited, now_s) for name in {*nodes.values()} - {_HERE}}
        withheld = own.withheld or any(one is not None and one.waiting is None for one in answers.values())
        waiting = {node for node, name in nodes.items() if _waits(node, own if name == _HERE else answers[name])}
        if missing:
            if now_s < self._since_s + SILENT_S:
                withheld = True
            else:
                waiting.update(f"all of server {name}" for name in missing)
        return Lag(frozenset(nodes), frozenset(waiting), withheld=withheld)

    def next_tick(self, now_s: float) -> float | None:
        """Return when a replica becomes silent, or one that is missing is named; None for never."""
        times = [one.heard_s for one in self._replicas.values()]
        if self._expected - self._replicas.keys():
            times.append(self._since_s)
        return min((time_s + SILENT_S for time_s in times if time_s + SILENT_S > now_s), default=None)

    def rejections(self, own: Mapping[Blame, Rejection]) -> dict[Blame, Rejection]:
        """Give all that is rejected anywhere, in the words that came last, and by which nodes."""
        if not self._expected:
            return dict(own)
        found: dict[Blame, list[tuple[float, Rejection]]] = {}
        for blame, rejection in own.items():
            found.setdefault(blame, []).append((0.0, self._as_of_now(_HERE, blame.fleet, rejection)))
        for name, replica in self._replicas.items():
            for objection, since_s in replica.objections.values():
                said = Rejection(objection.words, tuple(objection.nodes), objection.kept)
                for blame in self._blames(objection):
                    found.setdefault(blame, []).append((since_s, self._as_of_now(name, objection.fleet, said)))
        joined = ((blame, _joined(said)) for blame, said in found.items())
        return {blame: rejection for blame, rejection in joined if rejection.nodes}

    # -------------------------------------------------------------------------------------------------------- inside
    def _speaking(self) -> Mapping[str, Mapping[str, str]]:
        """Give the server that speaks for each node, by fleet."""
        if self._speakers is None:
            newest: dict[Envoy, tuple[float, str]] = {
                envoy: (since_s, _HERE) for envoy, since_s in self._attendance.present().items()
            }
            for name, replica in self._replicas.items():
                for envoy, since_s in replica.attending.items():
                    if envoy not in newest or newest[envoy][0] < since_s:
                        newest[envoy] = (since_s, name)
            self._speakers = {}
            for envoy, (_, name) in newest.items():
                self._speakers.setdefault(envoy.fleet, {})[envoy.node] = name
        return self._speakers

    def _as_of_now(self, name: str, fleet: str, said: Rejection) -> Rejection:
        """Leave out the nodes for which another server speaks by now.

        Not of what a server keeps out of service: whoever was the reason may be elsewhere, or gone, and it stays out.
        """
        if not said.kept:
            return said
        speakers = self._speaking().get(fleet, {})
        return Rejection(said.words, tuple(node for node in said.nodes if speakers.get(node, name) == name), kept=True)

    def _answer(self, name: str, key: ListenerKey, awaited: Awaited, now_s: float) -> Answer | None:
        """Give what a replica says of this generation or a later one; None where it says nothing."""
        replica = self._replicas[name]
        answer = replica.answers.get(key)
        if answer is None or replica.is_silent(now_s):
            return None
        same = answer.subject.uid == awaited.uid and answer.subject.generation >= awaited.generation
        return answer if same else None

    def _blames(self, objection: Objection) -> Iterator[Blame]:
        """Say what an objection is about in terms of what is served here: names may differ between releases."""
        author = objection.owner
        if author is not None and self._book.identity(author.key) != author[1:]:
            return
        if author is not None and objection.backend is not None:
            name = _name(objection.type_url, author.key, objection.backend)
            yield Blame(objection.fleet, objection.type_url, name, NOBODY)
            return
        for subject in objection.listeners:
            owner: Owner = NOBODY if author is None else tuple(author.key)
            if author is None and objection.type_url == LISTENER:
                # What is rejected is the part of each of these listeners in what they share.
                owner = subject.key
            awaited = self._book.awaited.get(subject.key)
            if awaited is None or not _is_about(subject, author, awaited):
                continue
            found = [one for one in awaited.resources if one[:2] == (objection.fleet, objection.type_url)]
            if len(found) == 1:
                # Of several certificates nobody knows which: the wrong one may be that of other listeners too.
                yield Blame(*found[0], owner)


def _name(type_url: str, key: ObjectKey, backend: Backend) -> str:
    """Name the resource by which a backend is reached here; whoever speaks of it may call it by another name."""
    if type_url == ENDPOINTS:
        return str(EndpointsKey(*key, backend.port, backend.protocol))
    return str(ClusterKey(*key, backend.port, cast("BackendProtocol", backend.protocol), backend.gateway))


def _waits(node: str, said: Lag | Answer | None) -> bool:
    return said is None or (said.waiting is not None and node in said.waiting)


def _is_about(subject: Subject, author: Author | None, awaited: Awaited) -> bool:
    """Whether a listener is still the one that was spoken of; where the author is known, its age is what counts."""
    return subject.uid == awaited.uid and (author is not None or subject.generation == awaited.generation)


def _joined(said: list[tuple[float, Rejection]]) -> Rejection:
    words = max(said, key=lambda one: one[0])[1].words
    nodes = tuple(sorted({node for _, one in said for node in one.nodes}))
    return Rejection(words, nodes, all(one.kept for _, one in said))
