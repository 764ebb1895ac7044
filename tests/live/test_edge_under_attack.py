"""Attacks come to nothing, and while each runs the clients beside it wait less than twice as long as without it.

That is of the slowest in a hundred of their requests. Windows without and with the attack take turns in one run, of a
thousand requests and more each. Other programs make a window slower and never quicker, so the quickest of each kind are
compared, and a machine that is busy all along gets a few tries. What it does to idle windows too hides small effects,
not the 20 times that rapid resets come to without a limit. The attacker has a core of its own where there are two, and
the other is for its clients and Envoy: what is asked is what Envoy makes of the attack, not what it costs to attack.
Envoy has one worker here, so all clients are on the one that is attacked.

What a limit of a connection bounds is what each of them costs, not how many come. A connection of rapid resets costs
the worker about 3 ms, 17 ms without the limit. At two a second nobody notices; from three or four a second on the
slowest in a hundred do, and at ten they wait five times as long.
"""

from __future__ import annotations

import asyncio
import os
import time
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import pytest_asyncio

from tests.live.attacker import attacker
from tests.live.attacks import RESETS, SLOW
from tests.live.edge import CONNECTIONS, HOST, edge
from tests.live.http1 import Ask, Connection

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator, Mapping, Sequence

    from tests.live.edge import Edge

pytestmark = [pytest.mark.live, pytest.mark.alone, pytest.mark.asyncio(loop_scope="module")]

RATIO = 2.0
TRIES = 4
ROUNDS = 3
CLIENTS = 4
RATE = 700.0
"""Requests per second of all clients together."""
REQUESTS = 1000
"""Of a window: the slowest in a hundred is then the tenth."""
WINDOW_S = 1.5
ATTACK_S = 1.4
"""A little shorter, for the attacker begins a little later."""
OPENED = 3
"""Connections of rapid resets in that time, two a second."""
ANSWERS = 51
"""Of requests that are refused, in that time; there is room for some three hundred."""
TOTAL_STREAMS = "overload.premature_reset_total_stream_count"


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def served() -> AsyncIterator[Edge]:
    async with edge() as found:
        yield found


class Clients:
    """Clients that were there before and keep their connections."""

    def __init__(self, connections: list[Connection]) -> None:
        self._connections = connections

    async def p99_s(self) -> float:
        """Ask at a steady rate for a window, all must be well; give the time of the slowest in a hundred."""
        begun = time.monotonic()
        asking = [self._ask(one, begun + number / RATE) for number, one in enumerate(self._connections)]
        times = sorted([one for found in await asyncio.gather(*asking) for one in found])
        assert len(times) >= REQUESTS
        return times[len(times) * 99 // 100]

    async def _ask(self, connection: Connection, begun: float) -> list[float]:
        found = []
        due = begun
        while due < begun + WINDOW_S:
            # A clock, not a condition: this is the pace of the requests.
            await asyncio.sleep(max(0.0, due - time.monotonic()))
            asked = time.monotonic()
            async with asyncio.timeout(10):
                assert (await connection.exchange(Ask("/", HOST))).status == 200
            found.append(time.monotonic() - asked)
            due += len(self._connections) / RATE
        return found


@asynccontextmanager
async def clients(port: int) -> AsyncIterator[Clients]:
    connections = [await Connection.open("127.0.0.1", port) for _ in range(CLIENTS)]
    try:
        yield Clients(connections)
    finally:
        for one in connections:
            one.close()


@contextmanager
def cores_shared_out(envoy_pid: int) -> Iterator[int | None]:
    """Keep the clients and Envoy on one core for the length of a block, and give another for the attacker.

    None where there is no other; the attacker's low priority must do there.
    """
    before = os.sched_getaffinity(0)
    if len(before) == 1:
        yield None
        return
    theirs, attackers, *_ = sorted(before)

    def confine(cores: set[int]) -> None:
        threads = [int(one.name) for one in Path(f"/proc/{envoy_pid}/task").iterdir()]
        for one in (0, *threads):
            os.sched_setaffinity(one, cores)

    confine({theirs})
    try:
        yield attackers
    finally:
        confine(before)


async def attacked(served: Edge, name: str, **least: int) -> Sequence[Mapping[str, Any]]:
    """Attack, hold that others are served as before, and give what came of the attack in each window.

    A window in which the attacker did less than it has to shows nothing: other work had its processor.
    """
    tried: list[str] = []
    for _ in range(TRIES):
        idle, busy, outcomes = [], [], []
        with cores_shared_out(served.envoy.process.pid) as core:
            async with clients(served.port) as others, attacker(name, served.port, core) as attacking:
                for _ in range(ROUNDS):
                    idle.append(await others.p99_s())
                    beside, outcome = await asyncio.gather(others.p99_s(), attacking.attack(ATTACK_S))
                    busy.append(beside)
                    outcomes.append(outcome)
        attacked_all = all(outcome[what] >= count for outcome in outcomes for what, count in least.items())
        if attacked_all and min(busy) < RATIO * min(idle):
            return outcomes
        times = f"{[round(1000 * one, 2) for one in idle]} -> {[round(1000 * one, 2) for one in busy]}"
        tried.append(f"{times} {[outcome[what] for outcome in outcomes for what in least]}")
    pytest.fail(f"{name}: p99 without and with it, in ms: {'; '.join(tried)}")


async def test_rapid_resets_are_cut_off(served: Edge) -> None:
    """10,000 streams opened and reset on a connection, again and again; Envoy looks at 250 of each and closes."""
    cut_off = f"http.http_{served.port}.downstream_rq_too_many_premature_resets"
    resets = f"http.http_{served.port}.downstream_rq_rx_reset"
    before = await served.envoy.stat(cut_off), await served.envoy.stat(resets)
    for outcome in await attacked(served, "rapid_reset", opened=OPENED):
        assert outcome["opened"] == OPENED
        assert outcome["closed"] == outcome["opened"]
    closed = await served.envoy.stat(cut_off) - before[0]
    assert closed >= OPENED * ROUNDS
    assert await served.envoy.stat(resets) - before[1] == 250 * closed


async def test_rapid_resets_meet_the_goaway_of_the_codec_where_there_is_no_limit(served: Edge) -> None:
    """The limit closes without a GOAWAY; behind it the HTTP/2 codec has one of its own, after a thousand resets."""
    resets = f"http.http_{served.port}.downstream_rq_rx_reset"
    async with attacker("rapid_reset", served.port) as attacking:

        async def once() -> tuple[Mapping[str, Any], int]:
            before = await served.envoy.stat(resets)
            async with asyncio.timeout(20):
                while not (outcome := await attacking.attack(0.1))["opened"]:
                    pass
            return outcome, await served.envoy.stat(resets) - before

        assert await once() == ({"opened": 1, "closed": 1, "goaway": 0, "endless": 0}, 250)
        await served.envoy.set_runtime(TOTAL_STREAMS, 1_000_000)
        try:
            outcome, seen = await once()
        finally:
            await served.envoy.set_runtime(TOTAL_STREAMS, None)
    assert outcome == {"opened": 1, "closed": 0, "goaway": 1, "endless": 0}
    assert 1000 <= seen < RESETS


async def test_slow_headers_are_waited_for_beside_others(served: Edge) -> None:
    """Those of the windows go away by themselves; what Envoy does to those that stay is seen elsewhere."""
    for outcome in await attacked(served, "slow_headers"):
        assert outcome["open"] == SLOW


async def test_large_headers_are_refused(served: Edge) -> None:
    for outcome in await attacked(served, "large_headers", answers=ANSWERS):
        assert outcome["others"] == 0


async def test_requests_of_two_lengths_are_refused(served: Edge) -> None:
    for outcome in await attacked(served, "smuggling", answers=ANSWERS):
        assert outcome["others"] == 0


async def test_connections_above_the_limit_are_closed_and_those_below_are_served(served: Edge) -> None:
    for outcome in await attacked(served, "connections"):
        assert outcome["gone"] == outcome["opened"] - (CONNECTIONS - CLIENTS)
