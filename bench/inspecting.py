"""What it costs to look at 5,000 routes: pages of the admin API, a dump, and what both leave to the event loop."""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING

from bench import worlds
from bench.figure import Figure, percentile
from tests.admin.asking import Running, ask

if TYPE_CHECKING:
    from collections.abc import Iterator

ROUTES = 5000
_ROUNDS = 5
_PAGES = (
    "routes?limit=1000",
    "routes?host=h77.test",
    "routes?path=/r1&state=rejected",
    "routes/HTTPRoute/default/r77",
    "gateways",
    "listeners",
    "backends",
    "problems?limit=1000",
    "objects?limit=1000",
    "objects/HTTPRoute/default/r77",
    "resources",
    "history",
    "server",
)
"""The largest page of each list, searches that look at every row, and details."""


def figures() -> Iterator[Figure]:
    """Measure."""
    running = Running()
    running.take(worlds.changes([*worlds.base(8080, 9000), *worlds.routes(ROUTES)]))
    yield from asyncio.run(_measure(running))


async def _measure(running: Running) -> list[Figure]:
    params: dict[str, int | str] = {"routes": ROUTES}
    await ask(running.app, "/api/v1/server")
    slowest_ms, which = 0.0, ""
    for page in _PAGES:
        times_ms = []
        for _ in range(_ROUNDS):
            begun = time.perf_counter()
            answer = await ask(running.app, f"/api/v1/{page}")
            times_ms.append((time.perf_counter() - begun) * 1e3)
            assert answer.status == 200, page
        if (typical := percentile(times_ms, 0.5)) > slowest_ms:
            slowest_ms, which = typical, page
    lag = asyncio.create_task(_longest_wait_ms())
    begun = time.perf_counter()
    answer = await ask(running.app, "/api/v1/dump")
    took_s = time.perf_counter() - begun
    lag.cancel()
    dumped = len(answer.body) / 2**20
    longest_ms = await lag
    return [
        Figure("admin_page_ms", slowest_ms, "ms", params, at_most=100, note=f"the slowest page: {which}"),
        Figure("admin_dump_s", took_s, "s", params, note=f"{dumped:.0f} MiB"),
        Figure("admin_dump_wait_ms", longest_ms, "ms", params, at_most=50, note="the longest wait for the event loop"),
    ]


async def _longest_wait_ms() -> float:
    """Give the longest time between two turns, until it is cancelled."""
    longest_s, last = 0.0, time.perf_counter()
    try:
        while True:
            await asyncio.sleep(0)
            now = time.perf_counter()
            longest_s, last = max(longest_s, now - last), now
    except asyncio.CancelledError:
        return longest_s * 1e3
