"""What is served, in a form that can be compared from afar: who answers where, what is wrong, what Envoys are to have.

Everything is plain words and versions, so that a server can tell it without any object of which something is secret:
a key is compared by the version of the resource that carries it. What Envoys say of it is left out: a folder that is
only read has none, and would seem to mend what they reject.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TypeAlias

from xdsserver.gatewayapi.conditions import PROGRAMMED, REJECTED
from xdsserver.gatewayapi.statuses import faults
from xdsserver.inspection.naming import ObjectNamed, named
from xdsserver.inspection.routes import in_words
from xdsserver.model.routing import Forward, Respond, Rule
from xdsserver.pipeline import Pipeline
from xdsserver.reconciler import Reconciler
from xdsserver.translation.documents import short_type
from xdsserver.translation.routes import RouteKey


@dataclass(frozen=True, slots=True)
class Place:
    """A match under a hostname of a listener, the rule that answers there, and what it does with requests."""

    listener: str
    hostname: str
    match: str
    rule: str
    does: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Shadow:
    """A match of a rule that is not reached, and the rule that answers instead."""

    rule: str
    hostname: str
    match: str
    instead: str


@dataclass(frozen=True, slots=True)
class Wrong:
    """A condition that is not as it ought to be; `part` of the object ("" for the whole)."""

    object: ObjectNamed
    part: str
    type: str
    reason: str
    message: str


@dataclass(frozen=True, slots=True)
class Sent:
    """A resource that follows from the objects, and the hash of its content."""

    fleet: str
    type: str
    name: str
    version: str


Piece: TypeAlias = Place | Shadow | Wrong | Sent


@dataclass(frozen=True, slots=True)
class Served:
    """All that is served."""

    places: tuple[Place, ...]
    shadows: tuple[Shadow, ...]
    wrong: tuple[Wrong, ...]
    sent: tuple[Sent, ...]


@dataclass(frozen=True, slots=True)
class BoundPort:
    """The port of a listener, and the one that is opened for it."""

    port: int
    transport: str
    bound: int


@dataclass(frozen=True, slots=True)
class GivenAddress:
    """What a Gateway was given: its address, and which ports are opened there."""

    namespace: str
    name: str
    address: str
    ports: tuple[BoundPort, ...]


@dataclass(frozen=True, slots=True)
class Around:
    """What decides besides the objects, so that others can be read as this server would read them.

    Attributes:
        pool: the addresses that Gateways may get.
        given: those that they have.
        controllers: whose GatewayClasses are served.
        system_authorities: the file with those whom the machines of Envoys trust; None where there is none.
    """

    pool: tuple[str, ...]
    given: tuple[GivenAddress, ...]
    controllers: tuple[str, ...]
    system_authorities: str | None


def around(reconciler: Reconciler) -> Around:
    """Tell what decides besides the objects."""
    options = reconciler.pipeline.options
    given = (
        GivenAddress(*name, one.address, tuple(BoundPort(*key, to) for key, to in sorted(one.ports.items())))
        for name, one in sorted(reconciler.written.items())
    )
    return Around(reconciler.pool.addresses, tuple(given), options.controllers, options.system_authorities)


def served(pipeline: Pipeline) -> Served:
    """Tell what is served."""
    return whole(pieces(pipeline))


def whole(found: Iterator[Piece]) -> Served:
    """Put together what was told piece by piece."""
    all_ = tuple(found)
    return Served(
        tuple(one for one in all_ if isinstance(one, Place)),
        tuple(one for one in all_ if isinstance(one, Shadow)),
        tuple(one for one in all_ if isinstance(one, Wrong)),
        tuple(one for one in all_ if isinstance(one, Sent)),
    )


def pieces(pipeline: Pipeline) -> Iterator[Piece]:
    """Tell what is served, piece by piece; the tables may change between two of them."""
    yield from _places(pipeline)
    for shadow in list(dict.fromkeys(pipeline.shadows.rows.values())):
        rule, instead = (f"{one.owner} rules[{one.position}]" for one in (shadow.rule, shadow.instead))
        yield Shadow(rule, shadow.hostname, in_words(shadow.match), instead)
    for key, status in list(pipeline.statuses.rows.items()):
        wrong = faults(status)
        # That it is not programmed follows from that, and is not for a folder to know either.
        of_envoys = {REJECTED, PROGRAMMED} if any(one.type == REJECTED for _, one in wrong) else set()
        for part, one in wrong:
            if one.type not in of_envoys:
                yield Wrong(named(key), part, one.type, one.reason, one.message)
    for (fleet, type_url, name), resource in list(pipeline.resources.rows.items()):
        yield Sent(fleet, short_type(type_url), name, resource.version)


def _places(pipeline: Pipeline) -> Iterator[Place]:
    """Give the rule that answers in each place, which is the first there; what stands behind it is shadowed."""
    shadowed = pipeline.shadows.rows
    seen = set()
    for key, route in list(pipeline.routes.rows.items()):
        if route.asked is None or key.turn or key in shadowed:
            continue
        place = (key.listener, key.hostname, route.asked)
        # Of one rule with the same match twice the first stays.
        if place not in seen:
            seen.add(place)
            rule = f"{key.owner} rules[{key.rule}]"
            yield Place(str(key.listener), key.hostname, in_words(route.asked), rule, _does(pipeline, key))


def _does(pipeline: Pipeline, key: RouteKey) -> tuple[str, ...]:
    """Say what a rule does with its requests: its backends with their weights, its filters."""
    row = pipeline.rules.rows.get((key.owner, key.rule))
    return () if row is None or row.rule is None else tuple(_actions(row.rule))


def _actions(rule: Rule) -> Iterator[str]:
    match rule.action:
        case Respond(status):
            yield f"answers {status}"
        case Forward(shares):
            for share in shares:
                yield f"to {share.cluster or 'nowhere (500)'} weight {share.weight}"
                yield from (f"there {one.type} {one.settings}" for one in share.filters)
    yield from (f"{one.type} {one.settings}" for one in rule.filters)
