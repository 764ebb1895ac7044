"""What Envoys were sent and what they said to it: events that sessions emit, and a value that folds them.

Nothing here decides what is sent next. Statuses, the admin API and metrics read one truth from it.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final, TypeAlias, assert_never

if TYPE_CHECKING:
    from collections.abc import Iterator

    from xdsserver.xds.messages import Node

MAX_WORDS: Final = 4096
"""Characters that are kept of what an Envoy says about a rejected response."""

Versions: TypeAlias = tuple[tuple[str, str], ...]
"""(name, version) of the resources of one response."""


@dataclass(frozen=True, slots=True)
class Joined:
    """A stream said who it is; nothing was sent before this."""

    stream: str
    node: Node
    fleet: str


@dataclass(frozen=True, slots=True)
class Left:
    """A stream ended; `reason` is for people."""

    stream: str
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Sent:
    """A response was handed to the stream; its answer is open."""

    stream: str
    type_url: str
    versions: Versions
    removed: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Acked:
    """A response was accepted as a whole: the client uses these versions, and holds none of `removed`."""

    stream: str
    type_url: str
    versions: Versions
    removed: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Rejected:
    """A response was rejected, in Envoy's own words (at most `MAX_WORDS` characters).

    Where there are several resources it is not said which one is to blame, and the others may have been applied: a
    rejection covers the response, an application covers the resource. They are then sent again, one by one.
    """

    stream: str
    type_url: str
    versions: Versions
    removed: tuple[str, ...]
    words: str


@dataclass(frozen=True, slots=True)
class Unserved:
    """The stream asked for a type that this server does not have; it was not answered."""

    stream: str
    type_url: str


Event: TypeAlias = Joined | Left | Sent | Acked | Rejected | Unserved


@dataclass(slots=True)
class Delivery:
    """What is known of one type on one stream, by resource name."""

    acked: dict[str, str] = field(default_factory=dict)
    pending: dict[str, str] = field(default_factory=dict)
    """Sent, and not answered yet."""
    rejected: dict[str, tuple[str, str]] = field(default_factory=dict)
    """The version that was rejected, and Envoy's words; gone when a later version is accepted."""


@dataclass(slots=True)
class StreamRecord:
    """One stream: who is at the other end, and what happened to each type."""

    stream: str
    node: Node
    fleet: str
    types: dict[str, Delivery] = field(default_factory=dict)


class Ledger:
    """The fold of all events, by stream; a stream that left is forgotten.

    Two streams of one node are two records: which Envoy process has what is a fact about the stream.
    """

    def __init__(self) -> None:
        self._streams: dict[str, StreamRecord] = {}

    def fold(self, event: Event) -> None:
        """Take in one event; events of streams that never joined or have left are ignored."""
        match event:
            case Joined(stream, node, fleet):
                self._streams[stream] = StreamRecord(stream, node, fleet)
            case Left(stream):
                self._streams.pop(stream, None)
            case Sent() | Acked() | Rejected():
                record = self._streams.get(event.stream)
                if record is not None:
                    _fold_delivery(record.types.setdefault(event.type_url, Delivery()), event)
            case Unserved():
                pass
            case _:
                assert_never(event)

    def streams(self, fleet: str | None = None) -> Iterator[StreamRecord]:
        """Walk the open streams, oldest first."""
        return (record for record in self._streams.values() if fleet is None or record.fleet == fleet)

    def newest(self, node_id: str) -> StreamRecord | None:
        """Return the stream that speaks for a node: of several, the one that joined last."""
        found = None
        for record in self._streams.values():
            if record.node.id == node_id:
                found = record
        return found


def _fold_delivery(delivery: Delivery, event: Sent | Acked | Rejected) -> None:
    match event:
        case Sent(versions=versions):
            delivery.pending.update(versions)
        case Acked(versions=versions, removed=removed):
            for name, version in versions:
                delivery.acked[name] = version
                delivery.rejected.pop(name, None)
                _answered(delivery, name, version)
            for name in removed:
                delivery.acked.pop(name, None)
                delivery.rejected.pop(name, None)
        case Rejected(versions=versions, words=words):
            if len(versions) > 1:
                # Which of them is meant is not said: they stay pending until each is answered alone.
                return
            for name, version in versions:
                delivery.rejected[name] = (version, words)
                _answered(delivery, name, version)
        case _:
            assert_never(event)


def _answered(delivery: Delivery, name: str, version: str) -> None:
    if delivery.pending.get(name) == version:
        del delivery.pending[name]
