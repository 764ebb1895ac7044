"""Everything that is not as it should be, in one list: what cannot be read, what is refused, what Envoys reject."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Literal, TypeAlias

from xdsserver.gatewayapi.conditions import Status
from xdsserver.gatewayapi.statuses import ObjectStatus, all_conditions, doubts, faults
from xdsserver.inspection.certificates import doubtful
from xdsserver.inspection.paging import Scan, in_order, joined
from xdsserver.inspection.world import World
from xdsserver.objects.meta import ObjectKey
from xdsserver.translation.documents import short_type

Severity: TypeAlias = Literal["error", "warning", "pending"]
"""`error`: what was asked for is not in force. `warning`: it is, and surely not as meant. `pending`: somebody is waited
for."""


@dataclass(frozen=True, slots=True)
class ProblemAnswer:
    """Something that is not as it should be.

    Attributes:
        severity: how bad it is.
        source: `condition` of a status, `unread` (a file or an object), `rejected` by Envoys, `reference` to what is
            not there, `certificate` whose time is over.
        kind: of the object; "" where it is none, or unknown.
        namespace: of the object.
        name: of the object.
        where: the file with its line, the part of the object, or the resource that Envoys reject.
        reason: in one word, as conditions have it.
        message: what is wrong and what to do; of what is rejected, Envoy's own words.
        envoys: the nodes that say so.
    """

    severity: Severity
    source: str
    kind: str
    namespace: str
    name: str
    where: str
    reason: str
    message: str
    envoys: tuple[str, ...] = ()


def scan(world: World, now: datetime, after: str = "") -> Scan[ProblemAnswer]:
    """Walk the problems: what cannot be read, what Envoys reject, certificates, then objects by their names.

    What is few is listed at once; objects, of which there may be many, are looked at one by one.
    """
    few = [*_unread(world), *_rejected(world), *_certificates(world, now)]
    named = [(f"0/{number:06}", one) for number, one in enumerate(few)]
    yield from ((name, one) for name, one in named if name > after)
    pipeline = world.pipeline
    # The name of an object is followed by the number of its problem, so that a page may end between two of them.
    last, _, number = after.removeprefix("1/").rpartition("#") if after.startswith("1/") else ("", "", "")
    told = int(number) if number.isascii() and number.isdecimal() else -1
    keys = {*pipeline.statuses.rows, *pipeline.route_heads.rows, *_could_dangle(world)}
    for name, key in in_order(keys, last, joined, inclusive=True):
        found = list(of_object(world, key))
        if not found:
            yield f"1/{name}#", None
        for position, one in enumerate(found):
            if name != last or position > told:
                yield f"1/{name}#{position:04}", one


def of_object(world: World, key: ObjectKey) -> Iterator[ProblemAnswer]:
    """Give the problems of one object, as its status and its references have them."""
    status = world.pipeline.statuses.rows.get(key)
    for part, one in faults(status) if status is not None else ():
        yield ProblemAnswer("error", "condition", *key, part, one.reason, one.message)
    yield from _pending(key, status)
    for words in doubts(status) if status is not None else ():
        yield ProblemAnswer("warning", "condition", *key, "", "Doubtful", words)
    for words in world.reconciler.dangling((key,)).get(key, ()):
        yield ProblemAnswer("error", "reference", *key, "", "NotFound", words)


def _pending(key: ObjectKey, status: ObjectStatus | None) -> Iterator[ProblemAnswer]:
    for part, one in all_conditions(status) if status is not None else ():
        if one.status is Status.UNKNOWN:
            yield ProblemAnswer("pending", "condition", *key, part, one.reason, one.message)


def _could_dangle(world: World) -> Iterator[ObjectKey]:
    """Give what may have no status at all, since whoever would write it is not there."""
    pipeline = world.pipeline
    for kind, rows in (
        ("Gateway", pipeline.gateways.rows),
        ("ListenerSet", pipeline.listener_sets.rows),
        ("XTelemetryPolicy", pipeline.x_telemetry_policies.rows),
    ):
        yield from (ObjectKey(kind, *name) for name in rows)


def _unread(world: World) -> Iterator[ProblemAnswer]:
    for one in world.unread():
        key = one.key or ObjectKey("", "", "")
        yield ProblemAnswer(one.severity, "unread", *key, one.where, "Unreadable", one.words)


def _rejected(world: World) -> Iterator[ProblemAnswer]:
    for blame, said in sorted(world.pipeline.rejections.rows.items()):
        owner = ObjectKey(*blame.owner[:3]) if len(blame.owner) >= len(ObjectKey._fields) else ObjectKey("", "", "")
        where = f"{short_type(blame.type_url)} {blame.name} of {blame.fleet}"
        severity: Severity = "warning" if said.kept else "error"
        yield ProblemAnswer(severity, "rejected", *owner, where, "Rejected", said.words, said.nodes)


def _certificates(world: World, now: datetime) -> Iterator[ProblemAnswer]:
    for key, words in doubtful(world.pipeline, now):
        yield ProblemAnswer("warning", "certificate", *key, "", "NotValidNow", words)
