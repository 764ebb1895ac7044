"""What replicas tell each other, as values: in terms of what users wrote, and never of versions of resources."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from xdsserver.model.places import ListenerKey
    from xdsserver.objects.meta import ObjectKey


class Envoy(NamedTuple):
    """An Envoy, by what it calls itself."""

    fleet: str
    node: str


class Subject(NamedTuple):
    """A listener as it was written: a `uid` and `generation` of the object that holds it."""

    key: ListenerKey
    uid: str
    generation: int


class State(Enum):
    """What the leader makes of a subject."""

    OPEN = "open"
    DECIDED = "decided"
    WITHDRAWN = "withdrawn"


class Matter(NamedTuple):
    """A subject, and what became of it."""

    subject: Subject
    state: State


@dataclass(frozen=True, slots=True)
class Attending:
    """An Envoy that is connected, and for how long: the age of its newest stream; None where it has left."""

    envoy: Envoy
    for_s: float | None


@dataclass(frozen=True, slots=True)
class Answer:
    """Which of the connected Envoys have not acknowledged a subject; None where it is withheld from all of them."""

    subject: Subject
    waiting: frozenset[str] | None


class Author(NamedTuple):
    """An object as it was when something in it was rejected."""

    key: ObjectKey
    uid: str
    generation: int


class Backend(NamedTuple):
    """A way to a backend: the port, the protocol (of endpoints: the transport), the Gateway if it is for one only."""

    port: int
    protocol: str
    gateway: str = ""


@dataclass(frozen=True, slots=True)
class Objection:
    """What Envoys of one replica reject.

    Attributes:
        fleet: whose Envoys.
        type_url: which part of the configuration.
        owner: who wrote it, or the backend itself; None where it could not be told whose piece is bad.
        listeners: those that it is rejected for.
        nodes: who rejects it.
        words: Envoy's.
        lasts_s: since when that replica knows.
        kept: it serves it nevertheless, to those that take it.
        backend: what of the owner, where it is a backend: nobody's piece, and of concern to all who use it.
    """

    fleet: str
    type_url: str
    owner: Author | None
    listeners: tuple[Subject, ...]
    nodes: frozenset[str]
    words: str
    lasts_s: float = 0.0
    kept: bool = False
    backend: Backend | None = None


@dataclass(frozen=True, slots=True)
class Statement:
    """What a replica tells the leader: what is new, or all there is when it says `complete` for the first time.

    `objections` go by numbers of the replica's own; None stands for what is over.
    """

    replica: str | None = None
    attending: tuple[Attending, ...] = ()
    answers: tuple[Answer, ...] = ()
    objections: tuple[tuple[int, Objection | None], ...] = ()
    complete: bool = False
