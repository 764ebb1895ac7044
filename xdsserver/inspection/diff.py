"""What becomes different between two worlds: who answers what, which resources are sent, which conditions change.

A place is a match under a hostname of a listener. It has one rule that answers, the first in the order of precedence,
so that two worlds can be compared place by place: one that appears, one that vanishes, one that another rule answers
now (which it shadows), one whose rule does something else with its requests.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Literal

from xdsserver.inspection.naming import ObjectNamed
from xdsserver.inspection.served import Place, Sent, Served, Shadow, Wrong

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


def difference(before: Served, after: Served) -> Difference:
    """Say what becomes different."""
    return Difference(
        tuple(_places(before.places, after.places)),
        tuple(_shadows(before.shadows, after.shadows)),
        tuple(_conditions(before.wrong, after.wrong)),
        tuple(_resources(before.sent, after.sent)),
    )


def _places(before: Iterable[Place], after: Iterable[Place]) -> Iterator[PlaceChanged]:
    old, new = ({(one.listener, one.hostname, one.match): one for one in of} for of in (before, after))
    for where in sorted({*old, *new}):
        was, now = old.get(where), new.get(where)
        if was is None and now is not None:
            yield PlaceChanged("appears", *where, "", now.rule, "; ".join(now.does))
        elif now is None and was is not None:
            yield PlaceChanged("vanishes", *where, was.rule, "")
        elif was is not None and now is not None and was != now:
            change: Change = "changes" if was.rule == now.rule else "is answered by"
            yield PlaceChanged(change, *where, was.rule, now.rule, "; ".join(_words(was, now)))


def _words(was: Place, now: Place) -> Iterator[str]:
    gone = [one for one in was.does if one not in now.does]
    new = [one for one in now.does if one not in was.does]
    if gone:
        yield f"no more {', '.join(gone)}"
    if new:
        yield f"now {', '.join(new)}"


def _shadows(before: Iterable[Shadow], after: Iterable[Shadow]) -> Iterator[ShadowChanged]:
    was, now = set(before), set(after)
    for shadowed, found in ((True, now - was), (False, was - now)):
        for one in sorted(found, key=lambda one: (one.rule, one.hostname, one.match)):
            yield ShadowChanged(shadowed, one.rule, one.hostname, one.match, one.instead)


def _conditions(before: Iterable[Wrong], after: Iterable[Wrong]) -> Iterator[ConditionChanged]:
    # Words may change while what is wrong stays the same.
    was, now = ({(one.object, one.part, one.type, one.reason): one.message for one in of} for of in (before, after))
    for wrong, found, others in ((True, now, was), (False, was, now)):
        for place in sorted(found.keys() - others.keys()):
            yield ConditionChanged(wrong, *place, found[place])


def _resources(before: Iterable[Sent], after: Iterable[Sent]) -> Iterator[ResourceChanged]:
    was, now = ({(one.fleet, one.type, one.name): one.version for one in of} for of in (before, after))
    for key in sorted({*was, *now}):
        old, new = was.get(key), now.get(key)
        if old != new:
            change: Literal["sent", "changed", "removed"] = (
                "sent" if old is None else "removed" if new is None else "changed"
            )
            yield ResourceChanged(change, *key)
