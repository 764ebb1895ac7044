"""One resource type on one stream: what is wanted, what the client holds, what it must still be told.

A channel is bookkeeping only; `session` decides when something is sent and `ordering` what has to wait. Between two
inputs it holds next to nothing of its own: sets of names are shared with other streams, and what the client holds is a
position in the history of its type.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from xdsserver.xds import subscription as subscriptions
from xdsserver.xds.delivery import Delivery
from xdsserver.xds.names import NO_NAMES, union
from xdsserver.xds.owned import NOTHING, own
from xdsserver.xds.parcel import EMPTY, Parcel
from xdsserver.xds.resource import WILDCARD_TYPES

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from xdsserver.xds.delivery import InFlight
    from xdsserver.xds.history import History
    from xdsserver.xds.holding import Holding
    from xdsserver.xds.names import Pairs
    from xdsserver.xds.subscription import Subscription, Turn

_MAX_IN_FLIGHT: Final = 256
"""Responses of one type whose answer is remembered; beyond it the oldest count as never answered."""


@dataclass(slots=True)
class Channel:
    """The state of one type on one stream."""

    type_url: str
    history: History
    full_state: bool = False
    """State of the world, and a type whose response lists everything: what is left out is thereby removed."""
    incremental: bool = True
    """Removals can be told by name (delta)."""
    subscription: Subscription = field(init=False)
    delivery: Delivery = field(init=False)
    shown: Parcel = EMPTY
    """With `full_state`: the client's whole list, from which a resource that drains is not missing yet."""
    dirty: frozenset[str] = NO_NAMES
    """Names whose content may differ from what the client holds."""
    asked: frozenset[str] = NO_NAMES
    """Names that must be answered, changed or not, and also where there is no such resource."""
    asked_everything: bool = False
    """All that there is must be answered, except what was announced."""
    announced: Pairs | None = None
    """(name, version) of what the client says it holds, until that is compared."""
    waiting: Mapping[str, float] = field(init=False)
    """Names of `dirty` or `asked` that have to wait, and the time since when each does."""
    latest_nonce: str = ""
    owes_answer: bool = False
    """The next response of this type is due even if it is empty."""

    def __post_init__(self) -> None:
        """Start as the protocol does for a type that nobody has asked for yet."""
        self.subscription = subscriptions.fresh(self.type_url)
        self.delivery = Delivery(self.history)
        self.waiting = NOTHING

    @classmethod
    def delta(cls, type_url: str, history: History) -> Channel:
        """Make the channel of a type on a delta stream."""
        return cls(type_url, history)

    @classmethod
    def sotw(cls, type_url: str, history: History) -> Channel:
        """Make the channel of a type on a state-of-the-world stream."""
        return cls(type_url, history, full_state=type_url in WILDCARD_TYPES, incremental=False)

    @property
    def held(self) -> Holding:
        """All that the client was sent on this stream, or announced when it opened it."""
        return self.delivery.held

    @property
    def in_flight(self) -> Mapping[str, InFlight]:
        """The responses that are not answered, by nonce, oldest first."""
        return self.delivery.in_flight

    @property
    def has_work(self) -> bool:
        """Say whether anything may have to be sent."""
        return bool(self.dirty or self.asked or self.asked_everything or self.announced or self.owes_answer)

    def mark_changed(self, names: frozenset[str]) -> None:
        """Note that the content of these names differs from before."""
        self.dirty = union(self.dirty, self.subscription.covered(names))

    def ask(self, names: frozenset[str]) -> None:
        """Oblige us to answer these, as far as the client is subscribed to them."""
        self.asked = union(self.asked, self.subscription.covered(names))

    def take_turn(self, turn: Turn, announced: Pairs | None = None) -> frozenset[str]:
        """Apply a change of the subscription; return the names that the client holds no more because of it.

        What the client announces (with its first request only) is compared instead of sent: "to avoid resending them
        over the network" (Incremental xDS). That is done when the channel is opened, since before all has listed there
        is nothing to compare it with.
        """
        before, self.subscription = self.subscription, turn.after
        dropped = self._drop_uncovered(before)
        asked = turn.asked.difference(name for name, _ in announced) if announced else turn.asked
        self.asked = union(self.asked, asked)
        self.asked_everything |= turn.everything
        self.announced = announced or self.announced
        # A subscription to everything is answered even when there is nothing: a starting Envoy waits for it.
        self.owes_answer |= turn.everything and not announced and not self.held
        return dropped

    def open(self) -> bool:
        """Turn what was asked for and announced into names, now that it is known what there is.

        Returns:
            Whether the client had announced something.
        """
        names: frozenset[str] = self.history.names
        announces = self.announced is not None
        announced: Mapping[str, str] = {}
        if self.announced is not None:
            scope = self.subscription
            announced = {name: version for name, version in self.announced if scope.covers(name)}
            self.announced = None
            about = union(names, announced.keys() - names) if scope.wildcard else scope.names
            differing = self.delivery.announce(self.history.parcel(about), announced, scope)
            self.dirty = union(self.dirty, differing & announced.keys())
        if self.asked_everything:
            self.asked_everything = False
            self.asked = union(self.asked, names.difference(announced) if announced else names)
        return announces

    def adopt(self, everything: Parcel) -> None:
        """Believe that the client holds exactly this, because it announced the version of the whole."""
        self.shown = everything
        self.delivery.announce(everything, everything.versions, self.subscription)
        self.asked, self.asked_everything, self.owes_answer = NO_NAMES, False, False

    def _drop_uncovered(self, before: Subscription) -> frozenset[str]:
        after = self.subscription
        if after.wildcard or (after.names is before.names and not before.wildcard):
            return NO_NAMES
        candidates = frozenset(self.held) | self.dirty | self.asked if before.wildcard else before.names
        dropped = candidates - after.names
        if not dropped:
            return NO_NAMES
        self.delivery.leave(dropped, after)
        self._show(NO_NAMES, dropped)
        for name in dropped & self.waiting.keys():
            self.wait_no_more(name)
        self.dirty -= dropped
        self.asked -= dropped
        return dropped

    def answered(self, nonce: str) -> list[InFlight]:
        """Take out what the client answers with this nonce: one response, or several.

        A state-of-the-world client that answers a response has read all earlier ones of the type. Where a response is
        a whole list, the answer counts for what they changed as well; elsewhere their fate is unknown.
        """
        in_flight = self.in_flight
        if nonce not in in_flight:
            return []
        if self.incremental:
            return self.delivery.answer((nonce,))
        read = in_flight[nonce].sequence
        older = [other for other, sent in in_flight.items() if sent.sequence < read]
        answered = self.delivery.answer((*older, nonce))
        return answered if self.full_state else answered[-1:]

    def wait_since(self, name: str, now: float) -> float:
        """Note that a name has to wait; return since when it does."""
        self.waiting = waiting = own(self.waiting)
        return waiting.setdefault(name, now)

    def wait_no_more(self, name: str) -> None:
        """Note that a name has no reason to wait."""
        if name in self.waiting:
            waiting = own(self.waiting)
            del waiting[name]
            self.waiting = waiting or NOTHING

    def is_in_flight(self, name: str) -> bool:
        """Say whether an earlier version of this resource is under way and not answered yet."""
        return any(name in sent.parcel.versions for sent in self.in_flight.values())

    def record(self, nonce: str, sent: InFlight) -> None:
        """Note what a response tells the client, from the moment in which it is handed out."""
        self.latest_nonce = nonce
        self.owes_answer = False
        self.held.take(sent.parcel, self.subscription)
        if self.full_state:
            self._show(sent.parcel.present, frozenset(sent.parcel.removed))
        self.delivery.send(nonce, sent, at_most=_MAX_IN_FLIGHT)

    def forget(self, names: Iterable[str]) -> None:
        """Note that the client holds these no more."""
        self.held.drop(names)

    def _show(self, present: frozenset[str], gone: frozenset[str]) -> None:
        """Bring the whole list up to date; a client that has caught up shares it with all others."""
        if not self.full_state:
            return
        names = (self.shown.names - gone) | present
        now = self.history.parcel(names)
        if not now.removed and now.versions == self.held:
            self.shown = now
            return
        listed = {**self.shown.by_name, **{name: now.by_name[name] for name in present}}
        self.shown = Parcel(now.position, names, tuple(listed[name] for name in sorted(names)))
