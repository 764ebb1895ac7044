"""Whose turn it is, in virtual time."""

from __future__ import annotations

import itertools

import pytest

from xdsserver.kube.pace import Pace, PaceLimits
from xdsserver.kube.workqueue import Rhythm, WorkQueue
from xdsserver.objects.meta import ObjectKey


def route(namespace: str, name: str = "r") -> ObjectKey:
    return ObjectKey("HTTPRoute", namespace, name)


def drain(queue: WorkQueue, now: float = 0.0) -> list[ObjectKey]:
    """Take all that is ready, each turn ended with a write."""
    found = []
    while (key := queue.take(now)) is not None:
        found.append(key)
        queue.done(key, now, wrote=True)
    return found


def test_classes_gateways_and_infrastructure_come_before_routes() -> None:
    queue = WorkQueue()
    kinds = ("XBackend", "HTTPRoute", "TCPRoute", "ListenerSet", "Service", "Gateway", "GatewayClass")
    queue.add((ObjectKey(kind, "" if kind == "GatewayClass" else "a", "x") for kind in kinds), 0.0)

    assert [key.kind for key in drain(queue)][:3] == ["GatewayClass", "Gateway", "Service"]


def test_no_number_of_gateways_stops_all_routes() -> None:
    queue = WorkQueue()
    queue.add((ObjectKey("Gateway", "a", f"g{number}") for number in range(1000)), 0.0)
    queue.add([route("b")], 0.0)

    assert route("b") in drain(queue)[:4]


def test_namespaces_take_turns() -> None:
    queue = WorkQueue()
    queue.add([*(route("a", f"r{number}") for number in range(3)), route("b", "r0"), route("b", "r1")], 0.0)

    assert [key.namespace for key in drain(queue)] == ["a", "b", "a", "b", "a"]


def test_s16_ten_thousand_bad_routes_of_one_namespace_delay_others_by_less_than_a_second() -> None:
    """S16: whatever one namespace brings, the others' next write is less than a second away, at 200 a second."""
    queue, pace, now = WorkQueue(), Pace(), 0.0
    queue.add((route("bad", f"r{number}") for number in range(10_000)), now)
    late: dict[ObjectKey, float] = {}
    waits: list[float] = []
    turns = 0
    while now < 60.0:
        now = max(now, pace.next_at())
        if turns % 100 == 50:
            late |= {route(f"good-{number}", str(turns)): now for number in range(3)}
            queue.add((route(f"good-{number}", str(turns)) for number in range(3)), now)
        key = queue.take(now)
        turns += 1
        pace.send(now)
        if key is None:
            continue
        if key.namespace == "bad":
            queue.refused(key, now, 0.5)
        else:
            waits.append(now - late.pop(key))
            queue.done(key, now, wrote=True)
    assert len(waits) > 300
    assert max(waits) < 0.1


def test_k23_a_refused_object_is_tried_ever_less_often() -> None:
    """K23: where a namespace is being deleted or a finalizer is stuck, 1 s and twice as long each time, up to 5 min."""
    queue, now = WorkQueue(), 0.0
    queue.add([route("a")], now)
    tries: list[float] = []
    while now < 3600.0:
        key = queue.take(now)
        if key is not None:
            tries.append(now)
            queue.refused(key, now, 1.0)
            queue.add([key], now)  # decided anew at every moment, as with a pod that comes and goes
        at = queue.next_at(now)
        assert at is not None
        now = max(at, now)
    waits = [after - before for before, after in itertools.pairwise(tries)]
    assert waits[:9] == [1, 2, 4, 8, 16, 32, 64, 128, 256]
    assert set(waits[9:]) == {300.0}

    queue.forget(route("a"))
    assert queue.take(now) == route("a")


def test_k23_jitter_spreads_what_was_refused_together() -> None:
    """K23: from half of a wait to all of it."""
    queue = WorkQueue()
    assert queue.refused(route("a"), 0.0, 0.0) == 0.5
    assert queue.refused(route("b"), 0.0, 1.0) == 1.0


def test_k15_an_object_that_changes_all_the_time_is_written_now_and_then() -> None:
    """K15: a few writes pass at once, then one every two seconds, and the last change is never lost."""
    queue, gateway = WorkQueue(Rhythm(burst=4, rest_s=2.0)), ObjectKey("Gateway", "a", "g")
    writes: list[float] = []
    for step in range(1000):
        now = step / 100
        queue.add([gateway], now)
        if queue.take(now) is not None:
            writes.append(now)
            queue.done(gateway, now, wrote=True)
    assert writes[:4] == [0.0, 0.01, 0.02, 0.03]
    assert len(writes) == 8
    at = queue.next_at(10.0)
    assert at is not None
    assert queue.take(at) == gateway


def _stream(queue: WorkQueue, kind: str, per_second: int, from_s: float, for_s: float) -> dict[float, list[float]]:
    """Add so many objects a second, and write each as soon as it may be; gives how long those waited, by their turn."""
    added: dict[ObjectKey, float] = {}
    written: dict[float, list[float]] = {}
    for step in range(int(per_second * for_s)):
        now = from_s + step / per_second
        while (at := queue.next_at(now)) is not None and at <= now:
            for key in drain(queue, at):
                written.setdefault(at, []).append(at - added.pop(key))
        key = ObjectKey(kind, "a", f"{kind}{now}")
        added[key] = now
        queue.add([key], now)
    return written


def test_a_few_routes_a_second_are_written_as_they_come() -> None:
    queue = WorkQueue()
    waits = [wait for turn in _stream(queue, "HTTPRoute", 9, 0, 60).values() for wait in turn]
    assert len(waits) > 500
    assert max(waits) <= 1 / 9 + 1e-9, "looked at when the next one comes"


def test_a_stream_of_routes_is_written_in_groups() -> None:
    """60 a second: two groups a second after a first burst, and none waits longer than for its group."""
    queue = WorkQueue()
    turns = _stream(queue, "HTTPRoute", 60, 0, 60)
    waits = [wait for turn in turns.values() for wait in turn]
    assert max(waits) <= queue.rhythm.gather_s + 1e-9
    groups = [len(turn) for at, turn in turns.items() if at > 10]
    assert len(groups) == pytest.approx(100, abs=3)
    assert min(groups) >= 29

    # A second after it ends all is as it was.
    drain(queue, 61.0)
    queue.add([route("b")], 62.0)
    assert queue.take(62.0) == route("b")


def test_gateways_are_not_gathered() -> None:
    queue = WorkQueue()
    _stream(queue, "HTTPRoute", 60, 0, 10)
    queue.add([ObjectKey("Gateway", "a", "g")], 10.0)
    key = queue.take(10.0)
    assert key is not None
    assert key.kind == "Gateway"


def test_what_changes_while_it_is_written_gets_another_turn() -> None:
    queue = WorkQueue()
    queue.add([route("a")], 0.0)
    key = queue.take(0.0)
    assert key is not None
    queue.add([key], 0.0)
    queue.add([key], 0.0)
    assert queue.take(0.0) is None
    queue.done(key, 0.0, wrote=True)
    assert drain(queue) == [key]


def test_nothing_is_kept_of_objects_that_rest() -> None:
    queue = WorkQueue()
    queue.add([route("a")], 0.0)
    drain(queue)
    queue.add([route("a")], 60.0)
    key = queue.take(60.0)
    assert key is not None
    queue.done(key, 60.0, wrote=False)
    assert len(queue) == 0
    assert not queue._written


def test_two_hundred_requests_a_second() -> None:
    pace, now, sent = Pace(), 0.0, 0
    while now < 10.0:
        now = max(now, pace.next_at())
        pace.send(now)
        pace.answered()
        sent += 1
    assert sent == pytest.approx(2000 + PaceLimits().burst, abs=2)


def test_k6_too_many_requests_are_obeyed_and_halve_the_rate_once() -> None:
    """K6: Retry-After is silence; those under way together say the same once; answers bring the rate back."""
    pace = Pace()
    for _ in range(16):
        pace.too_many(0.0, 7.0)
    assert pace.next_at() == 7.0
    assert pace.rate == 100.0
    for _ in range(20):
        pace.too_many(pace.next_at(), None)
    assert pace.rate == 1.0
    for _ in range(100):
        pace.answered()
    assert pace.rate == 200.0


def test_k4_a_server_that_is_away_is_asked_again_within_four_seconds() -> None:
    """K4: as long as it is away it gets a few questions, and what is owed is written soon after it is back."""
    pace, now, waits = Pace(), 0.0, []
    for _ in range(10):
        pace.unavailable(now, 1.0)
        pace.unavailable(now, 1.0)
        waits.append(pace.next_at() - now)
        now = pace.next_at()
    assert waits == [1, 2, 4, 4, 4, 4, 4, 4, 4, 4]
    pace.answered()
    pace.unavailable(now, 1.0)
    assert pace.next_at() == now + 1
