"""One stream as a state machine: requests, changed names and the time go in; responses and events come out.

Every input ends in the same walk over the types in their order, which sends what may be sent now. What may not (a route
before its cluster, a removal before its time) stays noted in the channel of its type and is looked at again with the
next input; `next_tick` names the time at which even silence would change something.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Final

from xdsserver.xds import ledger
from xdsserver.xds.channel import Channel, InFlight, list_version
from xdsserver.xds.footing import answers
from xdsserver.xds.isolation import Isolation
from xdsserver.xds.messages import DeltaRequest, Refused, Response, SotwRequest, Step
from xdsserver.xds.ordering import TRAFFIC_TYPES, Departures, Situation, Warming
from xdsserver.xds.resource import CLUSTER, ENDPOINTS, TYPE_ORDER
from xdsserver.xds.rules import refusal
from xdsserver.xds.subscription import turn_delta, turn_sotw

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from xdsserver.xds.cache import Cache, ChangedNames
    from xdsserver.xds.messages import Request
    from xdsserver.xds.resource import Resource
    from xdsserver.xds.rules import Rules

_SERVED: Final = frozenset(TYPE_ORDER)
_MAX_UNSERVED: Final = 16
"""Types that are not served and reported, per stream; a client cannot make us remember more."""


class Session:
    """One stream, of either dialect.

    `stream` is unique among all streams of all time (nonces start with it, so that one from an earlier stream or
    server is never taken for one of ours). Times are seconds of any clock that does not go back. Each `on_...` answers
    with a `Step`; after one with `refused` the session is not to be used again.
    """

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
        self._owed_endpoints: set[str] = set()
        self._was_held = False
        # The client announced that it has something, from an earlier stream.
        self._holds = False
        self._unserved: set[str] = set()
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
            self._events.append(ledger.Joined(self.stream, request.node, self.fleet))
        if request.type_url not in _SERVED:
            # A stream carries all types: ending it would take the types that are served from the client, too.
            if request.type_url not in self._unserved and len(self._unserved) < _MAX_UNSERVED:
                self._unserved.add(request.type_url)
                self._events.append(ledger.Unserved(self.stream, request.type_url))
            return self._step()
        channel = self._channels.get(request.type_url)
        first = channel is None
        if channel is None:
            make = Channel.delta if isinstance(request, DeltaRequest) else Channel.sotw
            channel = self._channels[request.type_url] = make(request.type_url)
        # Before the answer is noted: it makes no nonce stale but those of earlier responses.
        stale = request.nonce not in {"", channel.latest_nonce} and channel.latest_nonce != ""
        self._take_answer(channel, request)
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
    def _take_answer(self, channel: Channel, request: Request) -> None:
        answered = channel.answered(request.nonce)
        if request.error is not None:
            if answered:
                self._take_rejection(channel, answered, request.error)
            return
        for sent in answered:
            self._events.append(ledger.Acked(self.stream, channel.type_url, tuple(sent.versions.items()), sent.removed))
            self._isolation.acked(channel.type_url, sent)
            if channel.type_url == CLUSTER:
                self._warming.clusters_acked(sent.versions)
            elif channel.type_url == ENDPOINTS:
                self._warming.endpoints_acked((*sent.versions, *sent.removed), sent.sequence)

    def _take_rejection(self, channel: Channel, answered: list[InFlight], words: str) -> None:
        """Send again alone what was rejected together; what was rejected alone is not sent again."""
        type_url = channel.type_url
        versions = {name: version for sent in answered for name, version in sent.versions.items()}
        removed = tuple(name for sent in answered for name in sent.removed)
        kept = words[: ledger.MAX_WORDS]
        self._events.append(ledger.Rejected(self.stream, type_url, tuple(versions.items()), removed, kept))
        doubtful = self._isolation.rejected(type_url, versions)
        have = self._have(type_url)
        again = {name for name in channel.subscription.covered(doubtful) if name in have}
        channel.asked |= again
        # What is gone since is removed like anything else, in its turn.
        channel.dirty.update(channel.subscription.covered(doubtful - again))
        if channel.full_state:
            # Whatever list is sent next must not hold what was rejected.
            channel.shown = self._isolation.last_list(type_url)
        if type_url == CLUSTER and not doubtful:
            for name in versions:
                # It will not come: nothing waits for it.
                self._warming.forget(name)

    def _subscribe_delta(self, channel: Channel, request: DeltaRequest, *, first: bool) -> None:
        turn = turn_delta(channel.subscription, request.subscribe, request.unsubscribe)
        announced = self._isolation.may_hold(channel.type_url, request.initial_versions) if first else {}
        self._holds = self._holds or bool(announced)
        self._forget(channel, channel.take_turn(turn, self._have(channel.type_url), announced))
        if first and channel.type_url == ENDPOINTS:
            channel.asked.update(channel.subscription.covered(self._owed_endpoints))
            self._owed_endpoints.clear()

    def _subscribe_sotw(self, channel: Channel, request: SotwRequest, *, first: bool) -> None:
        have = self._have(channel.type_url)
        # The version is that of the last list that it accepted; on a new stream, of an earlier one.
        self._holds = self._holds or (first and request.version != "")
        turn = turn_sotw(channel.subscription, request.names)
        self._forget(channel, channel.take_turn(turn, have))
        # "It is generally safe for servers to do this optimization for LDS and CDS when the only subscription is a
        # wildcard subscription": the client has this very list since an earlier stream.
        if first and channel.full_state and turn.everything and request.version == list_version(have.values()):
            channel.adopt(have.values())
            self._isolation.list_announced(channel.type_url, channel.shown)

    def _forget(self, channel: Channel, dropped: Iterable[str]) -> None:
        for name in dropped:
            self._departures.cancel((channel.type_url, name))
            if channel.type_url == CLUSTER:
                self._warming.forget(name)

    # ------------------------------------------------------------------------------------------------- responses
    def _flush(self, now: float) -> Step:
        if self.fleet is None:
            return self._step()
        if not answers(self._cache.footing, holds=self._holds):
            self._was_held = True
            return self._step()
        if self._was_held:
            self._was_held = False
            # What was asked for while there was nothing to tell it apart from what does not exist.
            for channel in self._channels.values():
                channel.mark_changed(self._have(channel.type_url))
        for type_url in TYPE_ORDER:
            if type_url in self._channels and self._channels[type_url].has_work:
                self._offer(self._channels[type_url], now)
        self._depart(now)
        return self._step()

    def _offer(self, channel: Channel, now: float) -> None:
        """Send what is new or asked for and need not wait; note what is gone."""
        have = self._have(channel.type_url)
        send: list[Resource] = []
        absent: list[str] = []
        stay: set[str] = set()
        for name in sorted(channel.dirty | channel.asked):
            resource = have.get(name)
            if resource is None:
                channel.waiting.pop(name, None)
                if name in channel.asked:
                    # "When a resource subscribed to by a client does not exist", it is told so at once.
                    absent.append(name)
                    self._departures.cancel((channel.type_url, name))
                elif name in channel.held:
                    self._departures.add((channel.type_url, name), now)
                continue
            self._departures.cancel((channel.type_url, name))
            if name not in channel.asked and channel.held.get(name) == resource.version:
                channel.waiting.pop(name, None)
            elif self._must_wait(channel, resource, now):
                stay.add(name)
            else:
                send.append(resource)
        together, alone = self._isolation.parted(channel.type_url, send)
        if channel.full_state and alone:
            # Each list holds those before it, so that one is tried when the one before is answered.
            turn = [] if together or absent or channel.in_flight else alone[:1]
            stay.update(resource.name for resource in alone[len(turn) :])
            alone = turn
        channel.dirty &= stay
        channel.asked &= stay
        if together or absent or (channel.owes_answer and not alone and not stay):
            self._send(channel, together, absent)
        for resource in alone:
            self._send(channel, [resource], [])

    def _must_wait(self, channel: Channel, resource: Resource, now: float) -> bool:
        if channel.type_url not in TRAFFIC_TYPES:
            return False
        name = resource.name
        # While an earlier version is under way, later ones merge: a client that is slow to apply skips them.
        merges = name not in channel.asked and channel.is_in_flight(name)
        if merges or self._warming.holds_back(resource):
            since = channel.waiting.setdefault(name, now)
            if now < since + self._rules.timing.ack_wait_s:
                return True
            self._warming.give_up(resource)
        channel.waiting.pop(name, None)
        return False

    def _depart(self, now: float) -> None:
        waits = (since for channel in self._channels.values() for since in channel.waiting.values())
        oldest_wait = min(waits, default=math.inf)
        self._remove(self._departures.due_traffic(oldest_wait))
        unanswered = (
            next(iter(channel.in_flight.values())).sequence
            for channel in self._channels.values()
            if channel.type_url in TRAFFIC_TYPES and channel.in_flight
        )
        situation = Situation(now, oldest_wait, self._sequence, min(unanswered, default=math.inf))
        self._remove(self._departures.due_rest(situation))

    def _remove(self, keys: Iterable[tuple[str, str]]) -> None:
        by_type: dict[str, list[str]] = {}
        for type_url, name in sorted(keys):
            by_type.setdefault(type_url, []).append(name)
        for type_url in TYPE_ORDER:
            if type_url in by_type:
                self._send(self._channels[type_url], [], by_type[type_url])

    def _send(self, channel: Channel, resources: list[Resource], removed: list[str]) -> None:
        if not (channel.incremental or channel.full_state or resources):
            # State of the world has no words for the removal of a route table or of endpoints.
            channel.forget(removed)
            return
        known = channel.held.keys() & {resource.name for resource in resources}
        self._sequence += 1
        nonce = f"{self.stream}-{self._sequence}"
        versions = {resource.name: resource.version for resource in resources}
        channel.record(nonce, InFlight(self._sequence, versions, tuple(removed)), resources)
        if channel.full_state:
            self._isolation.list_sent(channel.type_url, self._sequence, channel.shown)
        if channel.type_url == CLUSTER:
            for name in removed:
                self._warming.forget(name)
            for resource in resources:
                self._warming.sent(resource, self._sequence, known=resource.name in known)
            self._push_endpoints(resources)
        if channel.incremental:
            response = Response(channel.type_url, nonce, tuple(resources), tuple(removed))
        elif channel.full_state:
            response = Response(channel.type_url, nonce, tuple(channel.shown.values()), (), channel.list_version())
        else:
            response = Response(channel.type_url, nonce, tuple(resources), (), list_version(resources))
        self._responses.append(response)
        self._events.append(ledger.Sent(self.stream, channel.type_url, tuple(versions.items()), tuple(removed)))

    def _push_endpoints(self, clusters: Iterable[Resource]) -> None:
        """Oblige us to send the endpoints of these clusters after them, changed or not.

        Envoy warms a new or changed cluster until its endpoints come again, asks for them in no way if it is subscribed
        to them already, and does not acknowledge the clusters before.
        """
        names = {cluster.endpoints for cluster in clusters if cluster.endpoints is not None}
        channel = self._channels.get(ENDPOINTS)
        if channel is None:
            self._owed_endpoints |= names
        else:
            channel.asked.update(channel.subscription.covered(names))

    # ---------------------------------------------------------------------------------------------------- helpers
    def _have(self, type_url: str) -> Mapping[str, Resource]:
        return self._cache.resources(self.fleet or "", type_url)

    def _step(self, refused: Refused | None = None) -> Step:
        step = Step(tuple(self._responses), tuple(self._events), refused)
        self._responses, self._events = [], []
        return step
