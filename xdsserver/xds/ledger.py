"""What Envoys were sent and what they said to it: events that sessions emit, and who is connected by them.

Nothing here decides what is sent next. Statuses, the admin API and metrics read one truth from it.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum
from typing import TYPE_CHECKING, Final, TypeAlias, assert_never

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from xdsserver.xds.delivery import Delivery
    from xdsserver.xds.messages import Node
    from xdsserver.xds.resource import Resource

MAX_WORDS: Final = 4096
"""Characters that are kept of what an Envoy says about a rejected response."""

Versions: TypeAlias = tuple[tuple[str, str], ...]
"""(name, version) of the resources of one response."""


@dataclass(frozen=True, slots=True)
class Joined:
    """A stream said who it is; nothing was sent before this.

    `types` is what it was sent and what it answers, by type URL: a live view of the session's own books, so that they
    are kept once.
    """

    stream: str
    node: Node
    fleet: str
    types: Mapping[str, Delivery] = field(default_factory=dict, compare=False, repr=False)


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
class Announced:
    """A stream said what it holds of a type since an earlier one; what is as we have it is as good as acknowledged.

    It is not sent again, so that no acknowledgement of it will come.
    """

    stream: str
    type_url: str


@dataclass(frozen=True, slots=True)
class Unserved:
    """The stream asked for a type that this server does not have; it was not answered."""

    stream: str
    type_url: str


Event: TypeAlias = Joined | Left | Sent | Acked | Rejected | Announced | Unserved


@dataclass(frozen=True, slots=True)
class StreamRecord:
    """One stream: who is at the other end, and a live view of what happened to each type that it asked for."""

    stream: str
    node: Node
    fleet: str
    types: Mapping[str, Delivery]

    def verdict(self, resource: Resource) -> Verdict:
        """Say what this stream answered about a resource as it is now."""
        delivery = self.types.get(resource.type_url)
        if delivery is None:
            return Verdict(Answer.UNSENT)
        if (rejection := delivery.rejected.of(resource.name)) is not None:
            version, words = delivery.rejected[resource.name]
            if version == resource.version:
                return Verdict(Answer.REJECTED, rejection.at_s, words)
        if delivery.acked.version(resource.name) == resource.version:
            return Verdict(Answer.ACKNOWLEDGED)
        if (since_s := delivery.waits_since_s(resource.name)) is not None:
            return Verdict(Answer.OPEN, since_s)
        return Verdict(Answer.UNSENT)


class Answer(Enum):
    """What a stream has to say of one version of a resource."""

    ACKNOWLEDGED = "acknowledged"
    REJECTED = "rejected"
    OPEN = "open"
    """It was sent, this version or an earlier one, and is not answered."""
    UNSENT = "unsent"
    """It waits for its turn, or the stream did not ask for it."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """An answer, since when (on the clock of the sessions; None where that is not kept) and in which words."""

    answer: Answer
    since_s: float | None = None
    words: str = ""


class Ledger:
    """Who is connected, by stream, and what each has to say; a stream that left is forgotten.

    Two streams of one node are two records: which Envoy process has what is a fact about the stream. The newest speaks
    for the node. What was sent and answered is not copied here: it is read from the session's own books.
    """

    def __init__(self) -> None:
        self._streams: dict[str, StreamRecord] = {}
        self._of_node: dict[tuple[str, str], dict[str, StreamRecord]] = {}

    def fold(self, event: Event) -> None:
        """Take in one event; events of streams that never joined or have left are ignored."""
        match event:
            case Joined(stream, node, fleet, types):
                record = self._streams[stream] = StreamRecord(stream, node, fleet, types)
                self._of_node.setdefault((fleet, node.id), {})[stream] = record
            case Left(stream):
                if (left := self._streams.pop(stream, None)) is not None:
                    key = (left.fleet, left.node.id)
                    del self._of_node[key][stream]
                    if not self._of_node[key]:
                        del self._of_node[key]
            case Sent() | Acked() | Rejected() | Announced() | Unserved():
                pass
            case _:
                assert_never(event)

    def streams(self, fleet: str | None = None) -> Iterator[StreamRecord]:
        """Walk the open streams, oldest first."""
        return (record for record in self._streams.values() if fleet is None or record.fleet == fleet)

    def record(self, stream: str) -> StreamRecord | None:
        """Return an open stream; None where it never joined, or has left."""
        return self._streams.get(stream)

    def speakers(self, fleet: str) -> Iterator[StreamRecord]:
        """Walk the nodes of a fleet: of each, the stream that joined last."""
        return (next(reversed(of.values())) for (own, _), of in self._of_node.items() if own == fleet)

    def newest(self, node_id: str, fleet: str | None = None) -> StreamRecord | None:
        """Return the stream that speaks for a node: of several, the one that joined last."""
        found = (record for record in reversed(self._streams.values()) if record.node.id == node_id)
        return next((record for record in found if fleet is None or record.fleet == fleet), None)

    def verdicts(self, fleet: str, resource: Resource) -> dict[str, Verdict]:
        """Give what each node of a fleet says of a resource as it is now, by node id.

        All Envoys of the fleet serve it when every verdict is an acknowledgement and there is one at all.
        """
        return {record.node.id: record.verdict(resource) for record in self.speakers(fleet)}
