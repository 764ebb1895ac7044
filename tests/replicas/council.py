"""A leader and two followers as values: who is connected where, what each says, and what the leader makes of it.

council = Council()
council.joined("a")                     # an Envoy of the leader
council.says("two", envoys={"b": 5.0})  # one of the server "two", connected for five seconds
"""

from __future__ import annotations

from dataclasses import dataclass, field
from itertools import count
from typing import TYPE_CHECKING

from xdsserver.model.places import Awaited, ListenerKey
from xdsserver.objects.meta import ObjectKey
from xdsserver.replicas import Answer, Envoy, Statement, Subject, Tally
from xdsserver.replicas.attendance import Attendance
from xdsserver.replicas.statements import Attending, Author, Objection
from xdsserver.xds.ledger import Joined, Left
from xdsserver.xds.messages import Node
from xdsserver.xds.receipts import Lag
from xdsserver.xds.resource import LISTENER, ROUTE

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

FLEET = "infra/edge"
KEY = ListenerKey("Gateway", "default", "edge", "http")
GATEWAY = ObjectKey("Gateway", "default", "edge")
SHOP = ObjectKey("HTTPRoute", "default", "shop")
TABLE = (FLEET, ROUTE, "table")
RESOURCES = ((FLEET, LISTENER, "listener"), TABLE)


@dataclass
class Council:
    """The leader and its clock; the listener is of generation 2 of its Gateway."""

    now: float = 1000.0
    awaited: dict[ListenerKey, Awaited] = field(default_factory=lambda: {KEY: Awaited(2, RESOURCES, "u")})
    objects: dict[ObjectKey, tuple[str, int]] = field(default_factory=lambda: {GATEWAY: ("u", 2), SHOP: ("s", 7)})

    def __post_init__(self) -> None:
        self.attendance = Attendance()
        self.tally = Tally(self.attendance, self)
        self.tally.lead(frozenset({"two", "three"}), self.now)
        self._numbers = count()

    def identity(self, key: ObjectKey) -> tuple[str, int] | None:
        return self.objects.get(key)

    def joined(self, node: str) -> str:
        stream = f"stream {next(self._numbers)}"
        self.attendance.hear(Joined(stream, Node(node, FLEET), FLEET), self.now)
        self.tally.moved()
        return stream

    def left(self, stream: str) -> None:
        self.attendance.hear(Left(stream), self.now)
        self.tally.moved()

    def begins(self, replica: str, envoys: Mapping[str, float | None] | None = None) -> None:
        """A new stream: all that there is in one statement."""
        attending = tuple(Attending(Envoy(FLEET, node), for_s) for node, for_s in (envoys or {}).items())
        self.tally.hear(replica, Statement(replica, attending, complete=True), self.now)

    def says(self, replica: str, *answers: Answer, envoys: Mapping[str, float | None] | None = None) -> None:
        attending = tuple(Attending(Envoy(FLEET, node), for_s) for node, for_s in (envoys or {}).items())
        self.tally.hear(replica, Statement(None, attending, answers, complete=True), self.now)

    def objects_to(self, replica: str, objection: Objection | None, number: int = 1) -> None:
        self.tally.hear(replica, Statement(objections=((number, objection),), complete=True), self.now)

    def lag(self, waiting: Iterable[str] = (), *, nodes: Iterable[str] = ()) -> Lag:
        """What is waited for, where these of the leader's own Envoys have not acknowledged it."""
        return self.tally.whole(KEY, Lag(frozenset(nodes), frozenset(waiting)), self.now)


def answer(*waiting: str, uid: str = "u", generation: int = 2) -> Answer:
    return Answer(Subject(KEY, uid, generation), frozenset(waiting))


def objection(*nodes: str, words: str = "no", generation: int = 7, kept: bool = False) -> Objection:
    """Envoys reject what the route wrote."""
    listeners = (Subject(KEY, "u", 2),)
    return Objection(FLEET, ROUTE, Author(SHOP, "s", generation), listeners, frozenset(nodes), words, kept=kept)
