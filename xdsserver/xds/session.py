"""One stream as a state machine: requests, changed names and the time go in; responses and events come out.

Every input ends in the same walk over the types in their order, which sends what may be sent now. What may not (a route
before its cluster, a removal before its time) stays noted in the channel of its type and is looked at again with the
next input; `next_tick` names the time at which even silence would change something.
"""

from __future__ import annotations

import math
from types import MappingProxyType
from typing import TYPE_CHECKING, Final

from xdsserver.xds import ledger
from xdsserver.xds.channel import Channel
from xdsserver.xds.delivery import InFlight
from xdsserver.xds.footing import answers
from xdsserver.xds.isolation import Isolation
from xdsserver.xds.messages import DeltaRequest, Refused, Response, SotwRequest, Step
from xdsserver.xds.names import NO_NAMES, shared_pairs, union
from xdsserver.xds.ordering import TRAFFIC_TYPES, Departures, Situation, Warming
from xdsserver.xds.resource import CLUSTER, ENDPOINTS, TYPE_ORDER
from xdsserver.xds.rules import excess, refusal
from xdsserver.xds.subscription import turn_delta, turn_sotw

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from xdsserver.xds.cache import Cache, ChangedNames
    from xdsserver.xds.delivery import Delivery
    from xdsserver.xds.messages import Request
    from xdsserver.xds.parcel import Parcel
    from xdsserver.xds.resource import Resource
    from xdsserver.xds.rules import Rules

_SERVED: Final = {type_url: type_url for type_url in TYPE_ORDER}
"""By itself, so that each stream does not keep the copy of its own requests."""

_MAX_UNSERVED: Final = 16
"""Types that are not served and reported, per stream; a client cannot make us remember more."""


class Session:
    """One stream, of either dialect.

    `stream` is unique among all streams of all time (nonces start with it, so that one from an earlier stream or
    server is never taken for one of ours). Times are seconds of any clock that does not go back. Each `on_...` answers
    with a `Step`; after one with `refused` the session is not to be used again.
    """

    __slots__ = (
        "_cache",
        "_channels",
        "_deliveries",
        "_departures",
        "_events",
        "_holds",
        "_isolation",
        "_owed_endpoints",
        "_responses",
        "_rules",
        "_sequence",
        "_unserved",
        "_warming",
        "fleet",
        "stream",
    )

    def __init__(self, stream: str, cache: Cache, rules: Rules) -> None:
        self.stream = stream
        self.fleet: str | None = None
        self._cache = cache
        self._rules = rules
        self._channels: dict[str, Channel] = {}
        self._sequence = 0
        self._warming = Warming()
        self._departures = Departures(rules.timing)
        self._isolation = Isolation(cache.doubts)
        # Endpoints of clusters that went out before the client asked for any endpoints at all.
        self._owed_endpoints: frozenset[str] = NO_NAMES
        self._deliveries: dict[str, Delivery] = {}
        # The client announced that it has something, from an earlier stream.
        self._holds = False
        self._unserved: frozenset[str] = NO_NAMES
        self._responses: list[Response] = []
        self._events: list[ledger.Event] = []

    # ---------------------------------------------------------------------------------------------------- inputs
    def on_request(self, request: Request, now: float) -> Step:
        """Take one request: who it is from, what it accepts or rejects, what it wants."""
        refused = refusal(request, self._rules.limits, introduced=self.fleet is not None)
        if refused is not None:
            return self._step(refused)
        if self.fleet is None and request.node is not None:
            # "Only the first request on a stream is guaranteed to carry the node identifier. [...] It is sufficient to
            # only check the first message for the node identifier as a result." A second one is not looked at.
            fleet = self._rules.fleet_of(request.node)
            if isinstance(fleet, Refused):
                return self._step(fleet)
            self.fleet = fleet
            self._isolation.introduce(fleet, request.node.id)
            deliveries = MappingProxyType(self._deliveries)
            self._events.append(ledger.Joined(self.stream, request.node, self.fleet, deliveries))
        if request.type_url not in _SERVED:
            # A stream carries all types: ending it would take the types that are served from the client, too.
            if request.type_url not in self._unserved and len(self._unserved) < _MAX_UNSERVED:
                self._unserved |= {request.type_url}
                self._events.append(ledger.Unserved(self.stream, request.type_url))
            return self._step()
        first = request.type_url not in self._channels
        channel = self._channel(request, self.fleet or "")
        # Before the answer is noted: it makes no nonce stale but those of earlier responses.
        stale = request.nonce not in {"", channel.latest_nonce} and channel.latest_nonce != ""
        self._take_answer(channel, request, now)
        match request:
            case DeltaRequest():
                # "The server must honor changes to the subscription state even if the nonce is stale."
                self._subscribe_delta(channel, request, first=first)
            case SotwRequest() if not stale:
                self._subscribe_sotw(channel, request, first=first)
            case SotwRequest():
                # "The management server should not send a DiscoveryResponse for any DiscoveryRequest that has a stale
                # nonce": the client repeats its list when it answers the newer response.
                pass
        if (refused := excess(channel.type_url, len(channel.subscription.names), self._rules.limits)) is not None:
            return self._step(refused)
        return self._flush(now)

    def on_change(self, changed: ChangedNames, now: float) -> Step:
        """Take the names that differ in the fleet since the last call; their content is read from the cache."""
        for type_url, names in changed.items():
            if (channel := self._channels.get(type_url)) is not None:
                channel.mark_changed(names)
        return self._flush(now)

    def on_tick(self, now: float) -> Step:
        """Let time pass; also the call that opens a held session once the cache is ready."""
        return self._flush(now)

    def next_tick(self) -> float | None:
        """Return when `on_tick` would do something, if nothing else happens before; None for never."""
        if not answers(self._cache.footing, holds=self._holds):
            return None
        wait_s = self._rules.timing.ack_wait_s
        waits = (since + wait_s for channel in self._channels.values() for since in channel.waiting.values())
        soonest = min((*waits, *self._departures.deadlines()), default=math.inf)
        return None if soonest == math.inf else soonest

    def on_close(self, reason: str = "") -> Step:
        """End the session: the stream is gone."""
        if self.fleet is not None:
            self._events.append(ledger.Left(self.stream, reason))
        return self._step()

    # -------------------------------------------------------------------------------------------------- requests
    def _channel(self, request: Request, fleet: str) -> Channel:
        type_url = _SERVED[request.type_url]
        channel = self._channels.get(type_url)
        if channel is None:
            make = Channel.delta if isinstance(request, DeltaRequest) else Channel.sotw
            channel = self._channels[type_url] = make(type_url, self._cache.history(fleet, type_url))
            self._deliveries[type_url] = channel.delivery
        return channel

    def _take_answer(self, channel: Channel, request: Request, now: float) -> None:
        answered = channel.answered(request.nonce)
        if request.error is not None:
            if answered:
                self._take_rejection(channel, answered, request.error, now)
            return
        for sent in answered:
            parcel = sent.parcel
            channel.delivery.accept(sent, channel.subscription)
            self._events.append(ledger.Acked(self.stream, channel.type_url, parcel.pairs, parcel.removed))
            self._isolation.acked(channel.type_url, sent)
            if channel.type_url == CLUSTER:
                self._warming.clusters_acked(sent.sequence)
            elif channel.type_url == ENDPOINTS:
                # Told that there are none, Envoy uses a cluster as it is; state of the world does not tell it.
                told = parcel.names if channel.incremental else parcel.present
                self._warming.endpoints_acked(told, sent.sequence)

    def _take_rejection(self, channel: Channel, answered: list[InFlight], words: str, now: float) -> None:
        """Send again alone what was rejected together; what was rejected alone is not sent again."""
        type_url = channel.type_url
        versions = {name: version for sent in answered for name, version in sent.parcel.pairs}
        removed = tuple(name for sent in answered for name in sent.parcel.removed)
        kept = words[: ledger.MAX_WORDS]
        self._events.append(ledger.Rejected(self.stream, type_url, tuple(versions.items()), removed, kept))
        doubtful = self._isolation.rejected(type_url, versions)
        if not doubtful:
            for sent in answered:
                channel.delivery.reject(sent, kept, now)
        again = channel.subscription.covered(doubtful).intersection(channel.history.resources)
        channel.ask(again)
        # What is gone since is removed like anything else, in its turn.
        channel.mark_changed(doubtful - again)
        if channel.full_state:
            # Whatever list is sent next must not hold what was rejected.
            channel.shown = self._isolation.last_list(type_url)
            for name in versions:
                channel.held.put(name, channel.shown.versions.get(name))
        if type_url == CLUSTER and not doubtful:
            # It will not come: nothing waits for it.
            self._warming.forget(frozenset(versions))

    def _subscribe_delta(self, channel: Channel, request: DeltaRequest, *, first: bool) -> None:
        turn = turn_delta(channel.subscription, request.subscribe, request.unsubscribe)
        announced: Mapping[str, str] = {}
        if first:
            known = self._cache.recognise(self.fleet or "", channel.type_url, request.initial_versions)
            announced = self._isolation.may_hold(channel.type_url, known)
        self._holds = self._holds or bool(announced)
        self._forget(channel, channel.take_turn(turn, shared_pairs(announced) if announced else None))
        if first and channel.type_url == ENDPOINTS:
            channel.ask(self._owed_endpoints)
            self._owed_endpoints = NO_NAMES

    def _subscribe_sotw(self, channel: Channel, request: SotwRequest, *, first: bool) -> None:
        # The version is that of the last list that it accepted; on a new stream, of an earlier one.
        self._holds = self._holds or (first and request.version != "")
        turn = turn_sotw(channel.subscription, request.names)
        self._forget(channel, channel.take_turn(turn))
        # "It is generally safe for servers to do this optimization for LDS and CDS when the only subscription is a
        # wildcard subscription": the client has this very list since an earlier stream.
        if first and channel.full_state and turn.everything and request.version:
            everything = channel.history.parcel(channel.history.names)
            if request.version == everything.list_version:
                channel.adopt(everything)
                self._events.append(ledger.Announced(self.stream, channel.type_url))
                self._isolation.list_announced(channel.type_url, everything)

    def _forget(self, channel: Channel, dropped: frozenset[str]) -> None:
        for name in dropped:
            self._departures.cancel((channel.type_url, name))
        if channel.type_url == CLUSTER:
            self._warming.forget(dropped)

    # ------------------------------------------------------------------------------------------------- responses
    def _flush(self, now: float) -> Step:
        if self.fleet is None:
            return self._step()
        if not answers(self._cache.footing, holds=self._holds):
            return self._step()
        for type_url in TYPE_ORDER:
            if type_url in self._channels and self._channels[type_url].has_work:
                self._offer(self._channels[type_url], now)
        self._depart(now)
        return self._step()

    def _offer(self, channel: Channel, now: float) -> None:
        """Send what is new or asked for and need not wait; note what is gone."""
        if channel.open():
            self._events.append(ledger.Announced(self.stream, channel.type_url))
        tell: frozenset[str] = channel.asked
        stay: frozenset[str] = NO_NAMES
        if channel.dirty or channel.type_url in TRAFFIC_TYPES or self._departures:
            tell, stay = self._sort_out(channel, now)
        # Else all that is asked for is told, whatever there is: neither clusters nor endpoints wait for anything. Thus
        # a client that asks for ten thousand is given the same parcel as the one before, at the price of one.
        together, alone = self._isolation.parted(channel.type_url, tell, channel.history.resources)
        if channel.full_state and alone:
            # Each list holds those before it, so that one is tried when the one before is answered.
            turn = () if together or channel.in_flight else alone[:1]
            stay = stay.union(alone[len(turn) :])
            alone = turn
        # An empty set of its own for each channel of each stream would be a good part of what a stream costs.
        channel.dirty = channel.dirty & stay if stay else NO_NAMES
        channel.asked = channel.asked & stay if stay else NO_NAMES
        if together or (channel.owes_answer and not alone and not stay):
            self._send(channel, channel.history.parcel(together), now)
        for name in alone:
            self._send(channel, channel.history.parcel(frozenset((name,))), now)

    def _sort_out(self, channel: Channel, now: float) -> tuple[frozenset[str], frozenset[str]]:
        """Divide what may have to be told: into what is told now and what has to wait."""
        have = channel.history.resources
        tell: list[str] = []
        stay: list[str] = []
        for name in channel.dirty | channel.asked:
            resource = have.get(name)
            if resource is None:
                channel.wait_no_more(name)
                if name in channel.asked:
                    # "When a resource subscribed to by a client does not exist", it is told so at once.
                    tell.append(name)
                    self._departures.cancel((channel.type_url, name))
                elif name in channel.held:
                    self._departures.add((channel.type_url, name), now)
                continue
            self._departures.cancel((channel.type_url, name))
            if name not in channel.asked and channel.held.version(name) == resource.version:
                channel.wait_no_more(name)
            elif self._must_wait(channel, resource, now):
                stay.append(name)
            else:
                tell.append(name)
        return frozenset(tell), frozenset(stay)

    def _must_wait(self, channel: Channel, resource: Resource, now: float) -> bool:
        if channel.type_url not in TRAFFIC_TYPES:
            return False
        name = resource.name
        # While an earlier version is under way, later ones merge: a client that is slow to apply skips them.
        merges = name not in channel.asked and channel.is_in_flight(name)
        if merges or self._warming.holds_back(resource):
            since = channel.wait_since(name, now)
            if now < since + self._rules.timing.ack_wait_s:
                return True
            self._warming.give_up(resource)
        channel.wait_no_more(name)
        return False

    def _depart(self, now: float) -> None:
        waits = (since for channel in self._channels.values() for since in channel.waiting.values())
        oldest_wait = min(waits, default=math.inf)
        self._remove(self._departures.due_traffic(oldest_wait), now)
        unanswered = (
            next(iter(channel.in_flight.values())).sequence
            for channel in self._channels.values()
            if channel.type_url in TRAFFIC_TYPES and channel.in_flight
        )
        situation = Situation(now, oldest_wait, self._sequence, min(unanswered, default=math.inf))
        self._remove(self._departures.due_rest(situation), now)

    def _remove(self, keys: Iterable[tuple[str, str]], now: float) -> None:
        by_type: dict[str, set[str]] = {}
        for type_url, name in keys:
            by_type.setdefault(type_url, set()).add(name)
        for type_url in TYPE_ORDER:
            if type_url in by_type:
                channel = self._channels[type_url]
                # What came back in this very moment is told by the change that brought it, in its turn.
                gone = by_type[type_url].difference(channel.history.resources)
                if gone:
                    self._send(channel, channel.history.parcel(frozenset(gone)), now)

    def _send(self, channel: Channel, parcel: Parcel, now: float) -> None:
        if not (channel.incremental or channel.full_state or parcel.resources):
            # State of the world has no words for the removal of a route table or of endpoints.
            channel.forget(parcel.removed)
            return
        self._sequence += 1
        nonce = f"{self.stream}-{self._sequence}"
        if channel.type_url == CLUSTER:
            self._warming.forget(frozenset(parcel.removed))
            self._warming.sent(parcel, self._sequence, channel.held)
            self._push_endpoints(parcel)
        channel.record(nonce, InFlight(self._sequence, parcel, channel.subscription, now))
        if channel.full_state:
            self._isolation.list_sent(channel.type_url, self._sequence, channel.shown)
        if channel.incremental:
            response = Response(channel.type_url, nonce, parcel.resources, parcel.removed)
        elif channel.full_state:
            response = Response(channel.type_url, nonce, channel.shown.resources, (), channel.shown.list_version)
        else:
            response = Response(channel.type_url, nonce, parcel.resources, (), parcel.list_version)
        self._responses.append(response)
        self._events.append(ledger.Sent(self.stream, channel.type_url, parcel.pairs, parcel.removed))

    def _push_endpoints(self, clusters: Parcel) -> None:
        """Oblige us to send the endpoints of these clusters after them, changed or not.

        Envoy warms a new or changed cluster until its endpoints come again, asks for them in no way if it is subscribed
        to them already, and does not acknowledge the clusters before.
        """
        channel = self._channels.get(ENDPOINTS)
        if channel is None:
            self._owed_endpoints = union(self._owed_endpoints, clusters.endpoints)
        else:
            channel.ask(clusters.endpoints)

    # ---------------------------------------------------------------------------------------------------- helpers
    def _step(self, refused: Refused | None = None) -> Step:
        step = Step(tuple(self._responses), tuple(self._events), refused)
        self._responses, self._events = [], []
        return step
