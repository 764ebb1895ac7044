"""Writing what is owed, over HTTP on loopback, against a server that does as it is told to."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from itertools import count, pairwise
from time import monotonic
from typing import TYPE_CHECKING, Any

import msgspec
import pytest

from tests.kube.held import Held, Refusal, key_of, serving
from xdsserver.effects import Decided, Intended, Kept
from xdsserver.kube.executor import Executor, ExecutorOptions, Surroundings
from xdsserver.kube.pace import PaceLimits
from xdsserver.kube.workqueue import Rhythm
from xdsserver.kube.writes import Writes, observed
from xdsserver.objects.meta import ObjectKey

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable, Iterable

    from tests.kube.scripted import Request
    from xdsserver.effects import Decision

OURS = "gateway.xdsserver.io/controller"
THEIRS = "example.com/rival"
FAST = ExecutorOptions(
    rhythm=Rhythm(rest_s=0.01, first_wait_s=0.01, longest_wait_s=0.16),
    pace=PaceLimits(rate=5000, burst=100, first_silence_s=0.01, longest_silence_s=0.04),
    rival_wait_s=0.005,
    standby_s=0.01,
)


def parents(generation: int = 1, controller: str = OURS) -> dict[str, Any]:
    condition = {"type": "Accepted", "status": "True", "reason": "Accepted", "message": ""}
    entry = {"parentRef": {"name": "gw"}, "controllerName": controller}
    return {"parents": [entry | {"conditions": [condition | {"observedGeneration": generation}]}]}


def route(name: str, namespace: str = "a") -> ObjectKey:
    return ObjectKey("HTTPRoute", namespace, name)


@dataclass
class Scene:
    """A server, an executor and what is decided."""

    held: Held
    executor: Executor
    decided: dict[ObjectKey, Decision]
    leader: bool = True
    refusals: list[tuple[ObjectKey, str]] = field(default_factory=list)
    waits_s: list[float] = field(default_factory=list)
    """How long each refusal is said to put off the next try."""

    def watch(self, key: ObjectKey) -> None:
        """Bring the executor what a watch would."""
        found = self.held.objects[key]
        self.executor.read(key, observed(msgspec.json.encode(found)))

    def appear(self, keys: Iterable[ObjectKey], status: dict[str, Any] | None = None) -> None:
        """Let objects be created, decided on and seen."""
        for key in keys:
            uid = self.held.create(key, status)["metadata"]["uid"]
            self.decided[key] = Decided(uid, parents())
            self.watch(key)

    def ours(self, key: ObjectKey) -> list[Any]:
        found = self.held.objects[key].get("status", {}).get("parents", [])
        return [one for one in found if one["controllerName"] == OURS]

    async def settle(self) -> None:
        await until(lambda: self.executor.idle)


async def until(true: Callable[[], object]) -> None:
    """Wait for something that no event tells of."""
    async with asyncio.timeout(30):
        while not true():  # noqa: ASYNC110
            await asyncio.sleep(0.002)


@asynccontextmanager
async def scene(
    options: ExecutorOptions = FAST,
    write_s: float = 4.0,
    served: Callable[[], Awaitable[None]] = lambda: asyncio.sleep(0),
) -> AsyncIterator[Scene]:
    held = Held()
    async with serving(held) as client:
        decided: dict[ObjectKey, Decision] = {}

        def refused(key: ObjectKey, words: str, wait_s: float) -> None:
            one.refusals.append((key, words))
            one.waits_s.append(wait_s)

        writes = Writes(client, write_s=write_s)
        around = Surroundings(writes, decided.get, lambda: one.leader, refused, served=served)
        one = Scene(held, Executor(around, options), decided)
        running = asyncio.create_task(one.executor.run())
        try:
            yield one
        finally:
            running.cancel()
            await asyncio.wait([running])
        assert running.cancelled()


async def test_k14_a_rival_that_writes_all_the_time_and_we_both_survive() -> None:
    """K14: on 409 read anew and compute our entry anew; a rival who writes every 10 ms loses none of its writes."""
    async with scene() as one:
        keys = [route(f"r{number}") for number in range(5)]
        one.appear(keys, parents(controller=THEIRS))
        rival_writes = 0

        async def rival() -> None:
            nonlocal rival_writes
            while True:
                for key in keys:
                    found = one.held.objects[key]
                    entries = found["status"]["parents"]
                    theirs = next(entry for entry in entries if entry["controllerName"] == THEIRS)
                    rival_writes += 1
                    theirs["conditions"][0]["observedGeneration"] = rival_writes
                    one.held.bump(found)
                await asyncio.sleep(0.01)

        writing = asyncio.create_task(rival())
        for generation in range(1, 11):
            for key in keys:
                one.decided[key] = Decided(one.held.objects[key]["metadata"]["uid"], parents(generation))
            one.executor.touch(keys)
            await one.settle()
        writing.cancel()

        assert one.held.asked["PATCH 409"] > 0
        for key in keys:
            (ours,) = one.ours(key)
            assert ours["conditions"][0]["observedGeneration"] == 10
            theirs = [e for e in one.held.objects[key]["status"]["parents"] if e["controllerName"] == THEIRS]
            assert [e["conditions"][0]["observedGeneration"] > rival_writes - 10 for e in theirs] == [True]


async def test_k14_at_most_five_tries_in_one_turn() -> None:
    """K14: whoever is always slower steps back and lets others have their turn."""
    async with scene() as one:
        tries = 0

        async def rival(request: Request) -> Refusal | None:
            nonlocal tries
            if request.method == "PATCH" and not one.refusals:
                tries += 1
                one.held.bump(one.held.objects[key_of(request.path)])
            return None

        one.held.fault = rival
        one.appear([route("r")])
        await one.settle()

        assert tries == 5
        assert one.refusals == [(route("r"), "others write it all the time")]
        assert one.held.writes == [route("r")]


async def test_k15_a_thousand_new_routes_are_a_thousand_writes() -> None:
    """K15: one write per object and change, however often it is touched; changes of nothing write nothing."""
    async with scene() as one:
        keys = [route(f"r{number}", f"ns{number % 7}") for number in range(1000)]
        one.appear(keys)
        one.executor.touch(keys)
        await one.settle()
        assert sorted(one.held.writes) == sorted(keys)

        for _ in range(1000):
            one.executor.touch(keys[:10])
        await one.settle()
        assert one.held.asked == {"PATCH 200": 1000}


async def test_k15_the_newest_wins() -> None:
    """K15: what was decided while a write was under way is one write, in its newest form."""
    async with scene() as one:
        started, go_on = asyncio.Event(), asyncio.Event()

        async def slow(_request: Request) -> None:
            started.set()
            await go_on.wait()

        one.held.fault = slow
        one.appear([route("r")])
        await started.wait()
        for generation in range(2, 50):
            one.decided[route("r")] = Decided("u1", parents(generation))
            one.executor.touch([route("r")])
        go_on.set()
        await one.settle()

        assert one.held.asked == {"PATCH 200": 2}
        assert one.ours(route("r"))[0]["conditions"][0]["observedGeneration"] == 49


async def test_k16_our_own_writes_coming_back_write_nothing() -> None:
    """K16: own write, event, no write; events that run behind our writes write nothing either."""
    async with scene() as one:
        one.appear([route("r")])
        before = observed(msgspec.json.encode(one.held.objects[route("r")]))
        await one.settle()
        one.executor.read(route("r"), before)
        one.watch(route("r"))
        assert one.executor.idle, "it is known for what it is, and not even looked at"
        await one.settle()

        assert one.held.asked == {"PATCH 200": 1}


async def test_statuses_are_written_when_envoys_were_sent_what_they_tell_of() -> None:
    sent = asyncio.Event()

    async def served() -> None:
        await sent.wait()

    async with scene(served=served) as one:
        await asyncio.sleep(0)  # it waits for news by now
        one.appear([route("r")])
        for _ in range(20):
            await asyncio.sleep(0)
        assert one.held.asked == {}
        sent.set()
        await one.settle()
        assert one.held.asked == {"PATCH 200": 1}


async def test_news_of_which_nothing_follows_starts_no_task() -> None:
    """Echoes of our own writes are most of what an executor under load hears of, while something always waits."""
    async with scene(ExecutorOptions(rhythm=Rhythm(burst=1, rest_s=60))) as one:
        one.appear([route("rests"), route("r")])
        await until(lambda: one.held.asked == {"PATCH 200": 2})
        uid = one.held.objects[route("rests")]["metadata"]["uid"]
        one.decided[route("rests")] = Decided(uid, parents(2))
        one.executor.touch([route("rests")])
        started: list[str] = []

        def start(loop: asyncio.AbstractEventLoop, story: Any, **named: Any) -> asyncio.Task[Any]:  # noqa: ANN401
            started.append(story.__qualname__)
            return asyncio.Task(story, loop=loop, **named)

        asyncio.get_running_loop().set_task_factory(start)
        for _ in range(50):
            one.executor.touch([route("unknown")])
            for _ in range(5):
                await asyncio.sleep(0)
        asyncio.get_running_loop().set_task_factory(None)

        assert len(started) <= 1, "for the time until the next write may be made"
        assert not one.executor.idle


async def test_k13_a_recreated_object_never_gets_the_status_of_the_old_one() -> None:
    """K13: the server refuses a write that was meant for the old object, and nothing of it is tried on the new one."""
    async with scene() as one:
        one.held.create(route("r"))
        one.decided[route("r")] = Decided("u1", parents())
        stale = observed(msgspec.json.encode(one.held.objects[route("r")]))
        one.held.create(route("r"))
        one.executor.read(route("r"), stale)
        await one.settle()
        assert one.held.writes == []
        assert one.held.asked == {"PATCH 409": 1, "GET 200": 1}

        one.decided[route("r")] = Decided("u2", parents())
        one.executor.touch([route("r")])
        await one.settle()
        assert one.held.writes == [route("r")]


async def test_k22_what_a_watch_does_not_know_yet_is_asked_for() -> None:
    """K22: a status is not dropped because the watch is late; the server itself is asked."""
    async with scene() as one:
        uid = one.held.create(route("late"))["metadata"]["uid"]
        one.decided |= {route("late"): Decided(uid, parents()), route("gone"): Decided("u9", parents())}
        one.executor.touch([route("late"), route("gone")])
        await one.settle()

        assert one.held.writes == [route("late")]
        assert one.held.asked == {"GET 200": 1, "PATCH 200": 1, "GET 404": 1}


def assert_ever_less_often(tries_s: list[float], waits_s: list[float]) -> None:
    """Require that each try came no sooner than was said at the one before, from 10 ms doubling to 160 ms.

    Half of a wait may be left to chance. A machine that is busy tries later, and never more often.
    """
    for number, wait_s in enumerate(waits_s):
        whole_s = min(0.16, 0.01 * 2**number)
        assert whole_s / 2 <= wait_s <= whole_s
    for wait_s, (before_s, then_s) in zip(waits_s, pairwise(tries_s), strict=False):
        assert then_s - before_s >= wait_s


async def test_k23_what_is_refused_is_tried_ever_less_often_and_others_go_on() -> None:
    """K23: no hot loop where a namespace is being deleted: tries wait twice as long each time, whatever is decided."""
    async with scene() as one:
        tries_s: list[float] = []

        async def terminating(request: Request) -> Refusal | None:
            if key_of(request.path).namespace != "bad":
                return None
            tries_s.append(monotonic())
            return Refusal(403, "Forbidden")

        one.held.fault = terminating
        one.appear([route("r", "bad"), *(route(f"r{number}") for number in range(20))])
        for step in count():
            one.decided[route("r", "bad")] = Decided("u1", parents(step))
            one.executor.touch([route("r", "bad")])
            if len(tries_s) >= 7 and len(one.held.writes) >= 20:
                break
            await asyncio.sleep(0.01)

        # What was under way then was decided before; taken after all, it would be a write more.
        answered = len(one.waits_s)
        await until(lambda: len(one.waits_s) > answered)
        assert len(one.held.writes) == 20
        assert set(one.refusals) == {(route("r", "bad"), "403 Forbidden: no reason was given")}
        assert_ever_less_often(tries_s, one.waits_s)
        one.held.fault = None
        await one.settle()
        assert len(one.held.writes) == 21


async def test_k6_retry_after_silences_all_writes() -> None:
    """K6: a 429 is obeyed by everything that is owed, and nothing is lost by it."""
    async with scene() as one:
        said: list[float] = []
        times: list[float] = []

        async def busy(_request: Request) -> Refusal | None:
            times.append(asyncio.get_running_loop().time())
            if len(said) < 1:
                said.append(times[-1])
                return Refusal(429, "TooManyRequests", "1")
            return None

        one.held.fault = busy
        one.appear([route("first")])
        await until(lambda: one.executor.counts["toomany"])
        one.appear(route(f"r{number}") for number in range(50))
        await one.settle()

        assert [at for at in times if said[0] < at < said[0] + 1] == []
        assert len(one.held.writes) == 51


async def test_k4_what_is_owed_outlives_an_outage() -> None:
    """K4: while the server is away it is asked a few times, not for every object; when it is back all is written."""
    async with scene() as one:

        async def away(_request: Request) -> Refusal:
            return Refusal(503, "ServiceUnavailable")

        one.held.fault = away
        one.appear(route(f"r{number}") for number in range(300))
        await until(lambda: one.held.asked["PATCH 503"])
        await asyncio.sleep(0.4)
        asked = one.held.asked["PATCH 503"]
        assert 0 < asked < 300
        assert one.refusals == []
        one.held.fault = None
        await one.settle()
        assert len(one.held.writes) == 300


async def test_k5_a_write_that_hangs_has_an_end() -> None:
    """K5: every request has a timeout, and what was owed is still owed."""
    # Long enough that on a busy machine none takes it but those that hang.
    async with scene(write_s=1.0) as one:
        hang = asyncio.Event()
        hung = 0

        async def hangs(_request: Request) -> None:
            nonlocal hung
            hung += 1
            if hung <= 3:
                await hang.wait()

        one.held.fault = hangs
        one.appear([route("r")])
        await one.settle()

        assert one.executor.counts == {"away": 3, "done": 1}
        assert one.held.writes == [route("r")]
        hang.set()


async def test_s16_writes_of_one_namespace_that_hang_hold_up_no_other() -> None:
    """S16: of what is under way, one namespace has a quarter at most."""
    async with scene() as one:
        hang = asyncio.Event()

        async def hangs(request: Request) -> None:
            if key_of(request.path).namespace == "bad":
                await hang.wait()

        one.held.fault = hangs
        one.appear(route(f"r{number}", "bad") for number in range(100))
        await asyncio.sleep(0.05)
        one.appear(route(f"r{number}", "good") for number in range(100))
        await until(lambda: len(one.held.writes) == 100)
        assert {key.namespace for key in one.held.writes} == {"good"}
        hang.set()
        await one.settle()
        assert len(one.held.writes) == 200


@pytest.mark.alone
async def test_s16_ten_thousand_refused_routes_delay_others_by_less_than_a_second() -> None:
    """S16: at the default of 200 writes a second, of which one namespace would have all for 50 s."""
    async with scene(ExecutorOptions()) as one:

        async def bad(request: Request) -> Refusal | None:
            return Refusal(422, "Invalid") if key_of(request.path).namespace == "bad" else None

        one.held.fault = bad
        one.appear(route(f"r{number}", "bad") for number in range(10_000))
        await asyncio.sleep(0.3)
        begun = asyncio.get_running_loop().time()
        one.appear(route(f"r{number}", f"good{number}") for number in range(10))
        await until(lambda: len(one.held.writes) == 10)
        assert asyncio.get_running_loop().time() - begun < 1.0
        assert one.held.asked["PATCH 422"] > 10


async def test_k18_nothing_is_written_without_leave_and_nothing_is_lost_by_waiting() -> None:
    """K18: whoever does not hold the Lease writes nothing, and writes all of it when he does."""
    async with scene() as one:
        one.leader = False
        one.appear(route(f"r{number}") for number in range(100))
        await asyncio.sleep(0.1)
        assert not one.held.asked
        one.leader = True
        await one.settle()
        assert len(one.held.writes) == 100


async def test_k18_leave_is_asked_for_every_single_write() -> None:
    """K18: the Lease is lost while a write is under way; the next try, after a conflict, is not made."""
    async with scene() as one:

        async def lost(_request: Request) -> Refusal | None:
            if one.leader and not one.held.asked:
                one.leader = False
                return Refusal(409, "Conflict")
            return None

        one.held.fault = lost
        one.appear([route("r")])
        await until(lambda: one.held.asked["PATCH 409"])
        await asyncio.sleep(0.1)
        assert one.held.asked == {"PATCH 409": 1, "GET 200": 1}
        one.leader = True
        await one.settle()
        assert one.held.writes == [route("r")]


async def test_a_fault_of_ours_costs_one_object() -> None:
    async with scene() as one:
        one.appear([route("r"), route("s")])
        one.decided[route("r")] = Decided("u1", {"parents": [{"nonsense": 1}]})
        one.executor.touch([route("r")])
        await until(lambda: one.held.writes and one.refusals)

        assert one.held.writes == [route("s")]
        assert {key for key, _ in one.refusals} == {route("r")}


SERVICE = ObjectKey("Service", "a", "edge")


def service(port: int = 80) -> Intended:
    metadata = {"name": "edge", "namespace": "a"}
    return Intended({"apiVersion": "v1", "kind": "Service", "metadata": metadata, "spec": {"ports": [{"port": port}]}})


async def test_objects_of_ours_are_applied_once_and_anew_when_somebody_deletes_them() -> None:
    async with scene() as one:
        one.decided[SERVICE] = service()
        for _ in range(3):
            one.executor.touch([SERVICE])
            await one.settle()
        one.watch(SERVICE)
        await one.settle()
        assert one.held.asked == {"GET 404": 1, "PATCH 200": 1}

        one.decided[SERVICE] = service(81)
        one.executor.touch([SERVICE])
        await one.settle()
        assert one.held.objects[SERVICE]["spec"] == {"ports": [{"port": 81}]}

        del one.held.objects[SERVICE]
        one.executor.gone(SERVICE)
        await one.settle()
        assert SERVICE in one.held.objects

        del one.decided[SERVICE]
        one.executor.touch([SERVICE])
        await one.settle()
        assert SERVICE not in one.held.objects
        assert one.held.asked["DELETE 200"] == 1


async def test_what_is_kept_costs_no_request_and_stays() -> None:
    async with scene() as one:
        one.decided[SERVICE] = service()
        one.executor.touch([SERVICE])
        await one.settle()
        asked = dict(one.held.asked)
        one.decided[SERVICE] = Kept()
        one.decided[SERVICE._replace(name="nowhere")] = Kept()
        one.executor.touch([SERVICE, SERVICE._replace(name="nowhere")])
        await one.settle()
        assert one.held.asked == asked
        assert SERVICE in one.held.objects


async def test_an_object_of_somebody_else_is_left_alone_whatever_its_name() -> None:
    async with scene() as one:
        one.held.create(SERVICE)
        one.decided[SERVICE] = service()
        one.executor.touch([SERVICE])
        await until(lambda: one.refusals)

        assert one.held.writes == []
        del one.decided[SERVICE]
        one.executor.touch([SERVICE])
        await one.settle()
        assert SERVICE in one.held.objects


async def test_k23_an_apply_into_a_namespace_that_is_not_there_is_tried_ever_less_often() -> None:
    """K23: a 404 for what we want to make is a refusal; it is not forgotten, and tried ever less often."""
    async with scene() as one:
        tries_s: list[float] = []

        async def missing(request: Request) -> Refusal:
            if request.method == "PATCH":
                tries_s.append(monotonic())
            return Refusal(404, "NotFound")

        one.held.fault = missing
        one.decided[SERVICE] = service()
        one.executor.touch([SERVICE])
        await until(lambda: len(tries_s) >= 6)
        assert_ever_less_often(tries_s, one.waits_s)
        one.held.fault = None
        await one.settle()
        assert one.held.writes == [SERVICE]
