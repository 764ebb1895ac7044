"""One resource type on one stream: what is wanted, what the client holds, what it must still be told.

A channel is bookkeeping only; `session` decides when something is sent and `ordering` what has to wait.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from types import MappingProxyType
from typing import TYPE_CHECKING, Final

from xdsserver.xds import subscription as subscriptions
from xdsserver.xds.resource import WILDCARD_TYPES, content_version

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping

    from xdsserver.xds.resource import Resource
    from xdsserver.xds.subscription import Subscription, Turn

_MAX_IN_FLIGHT: Final = 256
"""Responses of one type whose answer is remembered; beyond it the oldest count as never answered."""

_NOTHING: Final[Mapping[str, str]] = MappingProxyType({})


@dataclass(frozen=True, slots=True)
class InFlight:
    """A response that was written and not answered yet; `sequence` counts the responses of the stream."""

    sequence: int
    versions: Mapping[str, str]
    removed: tuple[str, ...] = ()


@dataclass(slots=True)
class Channel:
    """The state of one type on one stream. `held` is what a ledger with a change log may replace one day."""

    type_url: str
    full_state: bool = False
    """State of the world, and a type whose response lists everything: what is left out is thereby removed."""
    incremental: bool = True
    """Removals can be told by name (delta)."""
    subscription: Subscription = field(init=False)
    held: dict[str, str] = field(default_factory=dict)
    """Version by name of all that the client was sent on this stream, or announced when it opened it."""
    shown: dict[str, Resource] = field(default_factory=dict)
    """With `full_state`: the client's whole list, from which a resource that drains is not missing yet."""
    dirty: set[str] = field(default_factory=set)
    """Names whose content may differ from what the client holds."""
    asked: set[str] = field(default_factory=set)
    """Names that must be answered, changed or not, and also where there is no such resource."""
    waiting: dict[str, float] = field(default_factory=dict)
    """Names of `dirty` or `asked` that have to wait, and the time since when each does."""
    in_flight: dict[str, InFlight] = field(default_factory=dict)
    """By nonce, oldest first."""
    latest_nonce: str = ""
    owes_answer: bool = False
    """The next response of this type is due even if it is empty."""

    def __post_init__(self) -> None:
        """Start as the protocol does for a type that nobody has asked for yet."""
        self.subscription = subscriptions.fresh(self.type_url)

    @classmethod
    def delta(cls, type_url: str) -> Channel:
        """Make the channel of a type on a delta stream."""
        return cls(type_url)

    @classmethod
    def sotw(cls, type_url: str) -> Channel:
        """Make the channel of a type on a state-of-the-world stream."""
        return cls(type_url, full_state=type_url in WILDCARD_TYPES, incremental=False)

    @property
    def has_work(self) -> bool:
        """Say whether anything may have to be sent."""
        return bool(self.dirty or self.asked or self.owes_answer)

    def mark_changed(self, names: Iterable[str]) -> None:
        """Note that the content of these names differs from before."""
        self.dirty.update(self.subscription.covered(names))

    def take_turn(
        self, turn: Turn, available: Collection[str], announced: Mapping[str, str] = _NOTHING
    ) -> frozenset[str]:
        """Apply a change of the subscription; return the names that the client holds no more because of it.

        `available` is all that a wildcard covers now. What the client announces (with its first request only) is
        compared instead of sent: "to avoid resending them over the network" (Incremental xDS).
        """
        before, self.subscription = self.subscription, turn.after
        dropped = self._drop_uncovered(before)
        announced = {name: version for name, version in announced.items() if turn.after.covers(name)}
        self.held.update(announced)
        asked = turn.asked.union(available) if turn.everything else turn.asked
        self.asked.update(name for name in asked if name not in announced)
        self.dirty.update(announced)
        # A subscription to everything is answered even when there is nothing: a starting Envoy waits for it.
        self.owes_answer |= turn.everything and not self.held
        return dropped

    def adopt(self, resources: Iterable[Resource]) -> None:
        """Believe that the client holds exactly these, because it announced their common version."""
        self.shown = {resource.name: resource for resource in resources}
        self.held = {resource.name: resource.version for resource in self.shown.values()}
        self.asked.clear()
        self.owes_answer = False

    def _drop_uncovered(self, before: Subscription) -> frozenset[str]:
        after = self.subscription
        if after == before or after.wildcard:
            return frozenset()
        candidates = {*self.held, *self.dirty, *self.asked} if before.wildcard else before.names
        dropped = frozenset(name for name in candidates if name not in after.names)
        self.forget(dropped)
        for name in dropped:
            self.waiting.pop(name, None)
        self.dirty -= dropped
        self.asked -= dropped
        return dropped

    def forget(self, names: Iterable[str]) -> None:
        """Note that the client holds these no more."""
        for name in names:
            self.held.pop(name, None)
            self.shown.pop(name, None)

    def answered(self, nonce: str) -> list[InFlight]:
        """Take out what the client answers with this nonce: one response, or several.

        A state-of-the-world client that answers a response has read all earlier ones of the type. Where a response is
        a whole list, the answer counts for what they changed as well; elsewhere their fate is unknown.
        """
        if (sent := self.in_flight.pop(nonce, None)) is None:
            return []
        if self.incremental:
            return [sent]
        older = [other for other in self.in_flight if self.in_flight[other].sequence < sent.sequence]
        superseded = [self.in_flight.pop(other) for other in older]
        return [*superseded, sent] if self.full_state else [sent]

    def is_in_flight(self, name: str) -> bool:
        """Say whether an earlier version of this resource is under way and not answered yet."""
        return any(name in sent.versions for sent in self.in_flight.values())

    def record(self, nonce: str, sent: InFlight, resources: Iterable[Resource]) -> None:
        """Note what a response tells the client, from the moment in which it is handed out."""
        self.latest_nonce = nonce
        self.owes_answer = False
        for resource in resources:
            self.held[resource.name] = resource.version
            if self.full_state:
                self.shown[resource.name] = resource
        self.forget(sent.removed)
        self.in_flight[nonce] = sent
        if len(self.in_flight) > _MAX_IN_FLIGHT:
            del self.in_flight[next(iter(self.in_flight))]

    def list_version(self) -> str:
        """Name the client's whole list: equal lists have equal versions, on every replica."""
        return list_version(self.shown.values())


def list_version(resources: Iterable[Resource]) -> str:
    """Make one version of many resources, whatever their order."""
    lines = sorted(f"{resource.name}\0{resource.version}" for resource in resources)
    return content_version("\n".join(lines).encode())
