"""What a stream costs: next to nothing beside what all have in common, however much its client holds."""

from __future__ import annotations

import gc
import tracemalloc
from typing import TYPE_CHECKING

import pytest

from tests.protocol.script import CDS, EDS, FLEET, LDS, RDS, RULES, cluster, endpoints, listener, route
from xdsserver.xds.cache import Cache
from xdsserver.xds.footing import Footing
from xdsserver.xds.ledger import Ledger
from xdsserver.xds.messages import DeltaRequest, Node
from xdsserver.xds.session import Session

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from xdsserver.xds.messages import Request
    from xdsserver.xds.resource import Resource

COUNT = 5000
"""Clusters, as many endpoints, as many tables: 15,000 resources."""

KIB_PER_STREAM = 8.0
"""Beside this a stream has a connection, a call and a task; all of it together is bounded where there are sockets."""

_NAMES = [f"cluster-of-a-namespace-and-a-service-{number}" for number in range(COUNT)]
_STREAMS = 20


@pytest.fixture(scope="module")
def everything() -> dict[tuple[str, str, str], Resource | None]:
    found: list[Resource] = [listener("l")]
    for name in _NAMES:
        found += (cluster(name, endpoints=name), endpoints(name), route(name, to=(name,)))
    return {(FLEET, one.type_url, one.name): one for one in found}


class Fleet:
    """A server without its sockets: sessions, and the ledger that hears of them."""

    def __init__(self, everything: dict[tuple[str, str, str], Resource | None], *, ready: bool = True) -> None:
        self.cache = Cache(ready=ready)
        self.cache.apply(everything)
        self.ledger = Ledger()
        self.sessions: list[Session] = []

    def connect(self, **told: dict[str, dict[str, str]]) -> Iterator[Request]:
        """Ask for everything as an Envoy does; names come off the wire, so each stream has its own copies."""
        has = told.get("has", {})
        node = Node(f"envoy-{len(self.sessions)}", FLEET)
        self.sessions.append(Session(f"s{len(self.sessions)}", self.cache, RULES))
        own = [_copied(name) for name in _NAMES]
        yield DeltaRequest(CDS, node, initial_versions=has.get(CDS, {}))
        yield DeltaRequest(EDS, subscribe=tuple(own), initial_versions=has.get(EDS, {}))
        yield DeltaRequest(LDS, initial_versions=has.get(LDS, {}))
        yield DeltaRequest(RDS, subscribe=tuple(own), initial_versions=has.get(RDS, {}))

    def say(self, request: Request, *, answer: bool = True) -> int:
        """Take a request, acknowledge (or not) all that comes of it; return how many resources were sent."""
        session, sent, open_ = self.sessions[-1], 0, [request]
        while open_:
            step = session.on_request(open_.pop(), 0.0)
            for event in step.events:
                self.ledger.fold(event)
            sent += sum(len(response.resources) for response in step.responses)
            if answer:
                open_ += [DeltaRequest(response.type_url, nonce=response.nonce) for response in step.responses]
        return sent


def _copied(text: str) -> str:
    return text.encode().decode()


def _kib_per_stream(connect: Callable[[], None]) -> float:
    connect()  # What the first one makes for all is not counted.
    gc.collect()
    tracemalloc.start()
    try:
        before, _ = tracemalloc.get_traced_memory()
        for _ in range(_STREAMS):
            connect()
        gc.collect()
        after, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    return (after - before) / _STREAMS / 1024


def test_a_stream_that_holds_everything_takes_a_few_kib(
    everything: dict[tuple[str, str, str], Resource | None],
) -> None:
    fleet = Fleet(everything)

    def connect() -> None:
        assert sum(fleet.say(request) for request in fleet.connect()) == 3 * COUNT + 1

    assert _kib_per_stream(connect) < KIB_PER_STREAM
    record = next(fleet.ledger.streams())
    assert len(record.types[EDS].acked) == COUNT


def test_a_stream_whose_answers_are_open_takes_a_few_kib(
    everything: dict[tuple[str, str, str], Resource | None],
) -> None:
    fleet = Fleet(everything)

    def connect() -> None:
        # Tables wait for the clusters, and say so one by one: they are left out.
        for request in list(fleet.connect())[:3]:
            fleet.say(request, answer=False)

    assert _kib_per_stream(connect) < KIB_PER_STREAM


def test_a_stream_that_announced_everything_takes_a_few_kib_while_it_is_held_and_after(
    everything: dict[tuple[str, str, str], Resource | None],
) -> None:
    fleet = Fleet(everything, ready=False)

    def connect() -> None:
        has: dict[str, dict[str, str]] = {}
        for (_, type_url, name), resource in everything.items():
            assert resource is not None
            has.setdefault(type_url, {})[_copied(name)] = _copied(resource.version)
        assert sum(fleet.say(request) for request in fleet.connect(has=has)) == 0

    assert _kib_per_stream(connect) < KIB_PER_STREAM
    fleet.cache.footing = Footing.LISTED
    sessions = iter(fleet.sessions[1:])

    def open_() -> None:
        session = next(sessions, fleet.sessions[0])
        assert session.on_tick(0.0).responses == (), "it has it all"

    assert _kib_per_stream(open_) < KIB_PER_STREAM


def test_a_stream_that_was_told_of_every_change_takes_no_more(
    everything: dict[tuple[str, str, str], Resource | None],
) -> None:
    fleet = Fleet(everything)
    for _ in range(3):
        for request in fleet.connect():
            fleet.say(request)
    for name in _NAMES[:1000]:
        changed = fleet.cache.apply({(FLEET, EDS, name): endpoints(name, "changed")})
        for session in fleet.sessions:
            for response in session.on_change(changed[FLEET], 0.0).responses:
                session.on_request(DeltaRequest(EDS, nonce=response.nonce), 0.0)
    for record in fleet.ledger.streams():
        delivery = record.types[EDS]
        assert delivery.held.exceptions == delivery.acked.exceptions == 0
        assert delivery.acked[_NAMES[999]] == endpoints(_NAMES[999], "changed").version
