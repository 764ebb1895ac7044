"""What one stream was sent of one type and what it answered: one truth for statuses, inspection and metrics."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from typing_extensions import override

from xdsserver.xds.holding import Holding
from xdsserver.xds.names import NO_NAMES
from xdsserver.xds.owned import NOTHING, own

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from xdsserver.xds.history import History
    from xdsserver.xds.parcel import Parcel
    from xdsserver.xds.subscription import Subscription


@dataclass(frozen=True, slots=True)
class InFlight:
    """A response that was written and not answered yet.

    Attributes:
        sequence: counts the responses of the stream, of all types.
        parcel: what it tells.
        scope: what the client was subscribed to.
        sent_at_s: when, on the clock of the session.
    """

    sequence: int
    parcel: Parcel
    scope: Subscription
    sent_at_s: float


@dataclass(frozen=True, slots=True)
class Rejection:
    """A response that was rejected, in Envoy's words; which of its resources is to blame is not said."""

    parcel: Parcel
    words: str
    at_s: float
    names: frozenset[str]
    """Those of which nothing newer was accepted or rejected since."""


class Rejections(Mapping[str, tuple[str, str]]):
    """The version that was rejected and Envoy's words, by name; gone when another version is accepted or removed.

    A rejected response is one entry, however much was in it.
    """

    __slots__ = ("_entries",)

    def __init__(self) -> None:
        self._entries: tuple[Rejection, ...] = ()

    @override
    def __getitem__(self, name: str) -> tuple[str, str]:
        if (entry := self.of(name)) is None:
            raise KeyError(name)
        return entry.parcel.versions[name], entry.words

    @override
    def __iter__(self) -> Iterator[str]:
        return (name for entry in self._entries for name in entry.names)

    @override
    def __len__(self) -> int:
        return sum(len(entry.names) for entry in self._entries)

    def of(self, name: str) -> Rejection | None:
        """Return the rejection that a name was part of last."""
        return next((entry for entry in self._entries if name in entry.names), None)

    def add(self, parcel: Parcel, words: str, at_s: float) -> None:
        """Note that a response was rejected."""
        self.forget(parcel.names)
        if parcel.present:
            self._entries += (Rejection(parcel, words, at_s, parcel.present),)

    def forget(self, names: frozenset[str]) -> None:
        """Note that what was rejected of these names matters no more."""
        if all(entry.names.isdisjoint(names) for entry in self._entries):
            return
        left = [(entry, entry.names - names) for entry in self._entries]
        self._entries = tuple(Rejection(entry.parcel, entry.words, entry.at_s, rest) for entry, rest in left if rest)


class Delivery:
    """The state of one type on one stream. Sessions write it; all others read."""

    __slots__ = ("__weakref__", "acked", "held", "in_flight", "rejected")

    def __init__(self, history: History) -> None:
        self.held = Holding(history)
        """All that the client was sent on this stream, or announced when it opened it."""
        self.acked = Holding(history)
        """All that it has accepted, or announced."""
        self.rejected = Rejections()
        self.in_flight: Mapping[str, InFlight] = NOTHING
        """By nonce, oldest first."""
        history.register(self)

    @property
    def pending(self) -> Mapping[str, str]:
        """What was sent and is not answered yet: newest version by name."""
        return {name: version for sent in self.in_flight.values() for name, version in sent.parcel.versions.items()}

    def waits_since_s(self, name: str) -> float | None:
        """Return since when an answer about this name is open, None where none is."""
        times = (sent.sent_at_s for sent in self.in_flight.values() if name in sent.parcel.names)
        return min(times, default=None)

    def catch_up(self) -> None:
        """Stand at the head of the history: what led there is about to be forgotten."""
        self.held.catch_up()
        self.acked.catch_up()

    def send(self, nonce: str, sent: InFlight, *, at_most: int) -> None:
        """Note a response that is written; of more than `at_most` the oldest count as never answered."""
        self.in_flight = in_flight = own(self.in_flight)
        in_flight[nonce] = sent
        if len(in_flight) > at_most:
            del in_flight[next(iter(in_flight))]

    def answer(self, nonces: Iterable[str]) -> list[InFlight]:
        """Take out responses that are answered."""
        in_flight = own(self.in_flight)
        answered = [in_flight.pop(nonce) for nonce in nonces]
        self.in_flight = in_flight or NOTHING
        return answered

    def announce(self, parcel: Parcel, announced: Mapping[str, str], scope: Subscription) -> frozenset[str]:
        """Believe what a client says it holds; return the names for which that is not what the parcel says.

        `parcel` speaks of all names in scope or announced, `announced` of names in scope only.
        """
        differing: frozenset[str] = NO_NAMES
        if announced != parcel.versions:
            differing = frozenset(name for name in parcel.names if announced.get(name) != parcel.versions.get(name))
        for holding in (self.held, self.acked):
            holding.take(parcel, scope)
            for name in differing:
                holding.put(name, announced.get(name))
        return differing

    def accept(self, sent: InFlight, scope: Subscription) -> None:
        """Note that a response was accepted as a whole; `scope` is what the client is subscribed to now."""
        self.acked.take(sent.parcel, sent.scope)
        self.acked.rescope(scope)
        self.rejected.forget(sent.parcel.names)

    def leave(self, names: frozenset[str], scope: Subscription) -> None:
        """Note that the client left these names, and is subscribed to the rest."""
        for holding in (self.held, self.acked):
            holding.rescope(scope)
        self.rejected.forget(names)

    def reject(self, sent: InFlight, words: str, at_s: float) -> None:
        """Note that a response was rejected: what was accepted before stays in force."""
        self.rejected.add(sent.parcel, words, at_s)
