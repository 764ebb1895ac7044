"""Envoys: who is connected, what each holds and has acknowledged, how far behind it is, and what it rejects."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal, TypeAlias

from xdsserver.inspection.paging import Scan, in_order
from xdsserver.inspection.world import Serving, World
from xdsserver.translation.documents import short_type
from xdsserver.xds.delivery import Delivery
from xdsserver.xds.ledger import Answer, StreamRecord
from xdsserver.xds.resource import TYPE_ORDER

Sync: TypeAlias = Literal["in sync", "behind", "rejecting"]
"""Whether an Envoy has all that it is to have: `behind` while something is on its way, `rejecting` what it refused."""


@dataclass(frozen=True, slots=True)
class TypeAnswer:
    """What an Envoy has of one type of resources.

    Attributes:
        type: such as `Cluster`.
        wanted: how many of those that it asked for there are.
        acknowledged: how many of them it has as they are now.
        to_remove: how many it has that are there no more.
        unanswered: how many it was sent and has not answered.
        rejected: how many it rejected as they are now.
    """

    type: str
    wanted: int
    acknowledged: int
    to_remove: int
    unanswered: int
    rejected: int


@dataclass(frozen=True, slots=True)
class RejectionAnswer:
    """A resource that an Envoy rejected, in its own words."""

    type: str
    name: str
    version: str
    words: str


@dataclass(frozen=True, slots=True)
class EnvoyAnswer:
    """An Envoy that is connected.

    Attributes:
        fleet: which configuration it gets.
        node: what it calls itself.
        replica: the server that it is connected to; "" for the only one.
        stream: how that server calls the connection.
        build: which Envoy it is.
        sync: what it comes to.
        lag_s: for how long it has owed an answer; 0 where it owes none.
        types: what it has, by type.
        rejections: what it rejects.
    """

    fleet: str
    node: str
    replica: str
    stream: str
    build: str
    sync: Sync
    lag_s: float
    types: tuple[TypeAnswer, ...]
    rejections: tuple[RejectionAnswer, ...]


@dataclass(frozen=True, slots=True)
class HeldResource:
    """What an Envoy has of one resource: versions are hashes of contents, "" for none.

    Attributes:
        type: such as `Cluster`.
        name: how it is called.
        wanted: the version that it is to have.
        held: the one that it was sent last.
        acknowledged: the one that it uses.
        answer: what it said of the wanted one.
        words: its words, where it rejected that.
    """

    type: str
    name: str
    wanted: str
    held: str
    acknowledged: str
    answer: str
    words: str


def scan(world: World, after: str = "", fleet: str = "") -> Scan[EnvoyAnswer]:
    """Walk the Envoys of this server by fleet, node and connection."""
    serving = world.serving
    if serving is None:
        return
    streams = {record.stream: record for record in serving.ledger.streams() if fleet in ("", record.fleet)}
    for name, stream in in_order(streams, after, lambda one: _name(streams[one])):
        record = serving.ledger.record(stream)
        yield name, None if record is None else envoy(serving, record, world.replica)


def _name(record: StreamRecord) -> str:
    return f"{record.fleet}/{record.node.id}/{record.stream}"


def envoy(serving: Serving, record: StreamRecord, replica: str) -> EnvoyAnswer:
    """Tell of one Envoy."""
    types = tuple(_type(serving, record, type_url) for type_url in TYPE_ORDER if type_url in record.types)
    rejections = tuple(_rejections(serving, record))
    open_since_s = [sent.sent_at_s for one in record.types.values() for sent in one.in_flight.values()]
    lag_s = max(0.0, serving.now_s() - min(open_since_s)) if open_since_s else 0.0
    behind = any(one.acknowledged < one.wanted or one.to_remove for one in types)
    sync: Sync = "rejecting" if rejections else "behind" if behind else "in sync"
    node = record.node
    return EnvoyAnswer(record.fleet, node.id, replica, record.stream, node.build, sync, lag_s, types, rejections)


def _type(serving: Serving, record: StreamRecord, type_url: str) -> TypeAnswer:
    """Count without looking at each resource: whoever has caught up differs from what there is in no name."""
    delivery = record.types[type_url]
    history = serving.cache.history(record.fleet, type_url)
    wanted = len(delivery.acked.scope.covered(history.names))
    apart = [(history.version(name), delivery.acked.version(name)) for name in delivery.acked.apart()]
    owed = sum(1 for now, has in apart if now is not None and now != has)
    to_remove = sum(1 for now, has in apart if now is None and has is not None)
    rejected = sum(1 for name, (version, _) in delivery.rejected.items() if history.version(name) == version)
    return TypeAnswer(short_type(type_url), wanted, wanted - owed, to_remove, len(delivery.pending), rejected)


def _rejections(serving: Serving, record: StreamRecord) -> Iterator[RejectionAnswer]:
    for type_url, delivery in record.types.items():
        for name, (version, words) in delivery.rejected.items():
            # What was replaced since is nobody's concern any more.
            if serving.cache.history(record.fleet, type_url).version(name) == version:
                yield RejectionAnswer(short_type(type_url), name, version, words)


def scan_held(world: World, node: str, after: str = "") -> Scan[HeldResource]:
    """Walk what one Envoy has, by type and name; nothing where it is not connected here."""
    serving = world.serving
    record = None if serving is None else serving.ledger.newest(node)
    if serving is None or record is None:
        return
    names = {
        (short_type(type_url), name): (type_url, name)
        for type_url, delivery in record.types.items()
        for name in {*delivery.held, *delivery.acked, *_covered(serving, record, type_url)}
    }
    for name, key in in_order(names, after, "/".join):
        type_url, resource = names[key]
        yield name, _held(serving, record, record.types[type_url], (type_url, resource))


def _covered(serving: Serving, record: StreamRecord, type_url: str) -> frozenset[str]:
    return record.types[type_url].acked.scope.covered(serving.cache.history(record.fleet, type_url).names)


def _held(serving: Serving, record: StreamRecord, delivery: Delivery, key: tuple[str, str]) -> HeldResource:
    type_url, name = key
    wanted = serving.cache.resources(record.fleet, type_url).get(name)
    held, acknowledged = delivery.held.version(name) or "", delivery.acked.version(name) or ""
    if wanted is None:
        # It is being removed.
        answer = Answer.OPEN if name in delivery.pending else Answer.UNSENT
        return HeldResource(short_type(type_url), name, "", held, acknowledged, answer.value, "")
    said = record.verdict(wanted)
    return HeldResource(short_type(type_url), name, wanted.version, held, acknowledged, said.answer.value, said.words)
