"""What becomes different between two worlds: who answers what, which resources are sent, which conditions change.

A place is a match under a hostname of a listener. It has one rule that answers, the first in the order of precedence,
so that two worlds can be compared place by place: one that appears, one that vanishes, one that another rule answers
now (which it shadows), one whose rule does something else with its requests.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Literal, NamedTuple

from xdsserver.gatewayapi.statuses import faults
from xdsserver.inspection.naming import ObjectNamed, named
from xdsserver.inspection.routes import in_words
from xdsserver.model.places import ListenerKey
from xdsserver.model.routing import Forward, RequestMatch, Respond, Rule
from xdsserver.objects.meta import ObjectKey
from xdsserver.pipeline import Pipeline
from xdsserver.translation.documents import short_type
from xdsserver.translation.routes import RouteKey

Change = Literal["appears", "vanishes", "is answered by", "changes"]


@dataclass(frozen=True, slots=True)
class PlaceChanged:
    """What becomes of the requests of one match under one hostname of a listener.

    `before` and `after` are the rules that answer (`HTTPRoute ns/name rules[0]`), empty for none. `what` says what is
    different: of a rule that stays the same its backends and filters.
    """

    change: Change
    listener: str
    hostname: str
    match: str
    before: str
    after: str
    what: str = ""


@dataclass(frozen=True, slots=True)
class ShadowChanged:
    """A match of a rule that is not reached any more, or is reached again, and the rule that answers instead."""

    shadowed: bool
    rule: str
    hostname: str
    match: str
    instead: str


@dataclass(frozen=True, slots=True)
class ResourceChanged:
    """A resource that Envoys of a fleet get for the first time, in another version, or lose."""

    change: Literal["sent", "changed", "removed"]
    fleet: str
    type: str
    name: str


@dataclass(frozen=True, slots=True)
class ConditionChanged:
    """A condition that goes wrong, or is mended."""

    wrong: bool
    object: ObjectNamed
    part: str
    type: str
    reason: str
    message: str


@dataclass(frozen=True, slots=True)
class Difference:
    """All that becomes different from one world to another."""

    places: tuple[PlaceChanged, ...]
    shadows: tuple[ShadowChanged, ...]
    conditions: tuple[ConditionChanged, ...]
    resources: tuple[ResourceChanged, ...]

    @property
    def nothing(self) -> bool:
        """Whether the two worlds are served alike."""
        return not (self.places or self.shadows or self.conditions or self.resources)


class _Place(NamedTuple):
    listener: ListenerKey
    hostname: str
    match: RequestMatch


class _Answer(NamedTuple):
    rule: str
    does: tuple[str, ...]


def difference(before: Pipeline, after: Pipeline) -> Difference:
    """Say what becomes different."""
    return Difference(
        tuple(_places(_answers(before), _answers(after))),
        tuple(_shadows(before, after)),
        tuple(_conditions(before, after)),
        tuple(_resources(before, after)),
    )


def _answers(pipeline: Pipeline) -> dict[_Place, _Answer]:
    """Give the rule that answers in each place, which is the first there; what stands behind it is shadowed."""
    shadowed = pipeline.shadows.rows
    found: dict[_Place, _Answer] = {}
    for key, route in pipeline.routes.rows.items():
        if route.asked is None or key.turn or key in shadowed:
            continue
        # Of one rule with the same match twice the first stays.
        found.setdefault(_Place(key.listener, key.hostname, route.asked), _Answer(_named(key), _does(pipeline, key)))
    return found


def _places(before: Mapping[_Place, _Answer], after: Mapping[_Place, _Answer]) -> Iterator[PlaceChanged]:
    for place in sorted({*before, *after}, key=lambda one: (one.listener, one.hostname, in_words(one.match))):
        was, now = before.get(place), after.get(place)
        where = (str(place.listener), place.hostname, in_words(place.match))
        if was is None and now is not None:
            yield PlaceChanged("appears", *where, "", now.rule, "; ".join(now.does))
        elif now is None and was is not None:
            yield PlaceChanged("vanishes", *where, was.rule, "")
        elif was is not None and now is not None and was != now:
            change: Change = "changes" if was.rule == now.rule else "is answered by"
            yield PlaceChanged(change, *where, was.rule, now.rule, "; ".join(_words(was, now)))


def _words(was: _Answer, now: _Answer) -> Iterator[str]:
    gone = [one for one in was.does if one not in now.does]
    new = [one for one in now.does if one not in was.does]
    if gone:
        yield f"no more {', '.join(gone)}"
    if new:
        yield f"now {', '.join(new)}"


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


def _shadows(before: Pipeline, after: Pipeline) -> Iterator[ShadowChanged]:
    was, now = set(before.shadows.rows.values()), set(after.shadows.rows.values())
    for shadowed, found in ((True, now - was), (False, was - now)):
        changed = {
            ShadowChanged(
                shadowed,
                f"{one.rule.owner} rules[{one.rule.position}]",
                one.hostname,
                in_words(one.match),
                f"{one.instead.owner} rules[{one.instead.position}]",
            )
            for one in found
        }
        yield from sorted(changed, key=lambda one: (one.rule, one.hostname, one.match))


def _conditions(before: Pipeline, after: Pipeline) -> Iterator[ConditionChanged]:
    was, now = _faults(before), _faults(after)
    for wrong, found, others in ((True, now, was), (False, was, now)):
        for place in sorted(found.keys() - others.keys()):
            yield ConditionChanged(wrong, named(place[0]), *place[1:], found[place])


def _faults(pipeline: Pipeline) -> dict[tuple[ObjectKey, str, str, str], str]:
    return {
        (key, part, one.type, one.reason): one.message
        for key, status in pipeline.statuses.rows.items()
        for part, one in faults(status)
    }


def _resources(before: Pipeline, after: Pipeline) -> Iterator[ResourceChanged]:
    was, now = before.resources.rows, after.resources.rows
    for fleet, type_url, name in sorted({*was, *now}):
        old, new = was.get((fleet, type_url, name)), now.get((fleet, type_url, name))
        if old != new:
            change: Literal["sent", "changed", "removed"] = (
                "sent" if old is None else "removed" if new is None else "changed"
            )
            yield ResourceChanged(change, fleet, short_type(type_url), name)


def _named(key: RouteKey) -> str:
    return f"{key.owner} rules[{key.rule}]"
