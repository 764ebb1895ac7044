"""How long the event loop is kept from others: by a start, by many routes at once, by one, and by what concerns all.

What each turn of the loop takes of the processor is counted, and not of the clock, so that what else runs on the
machine is not in it.
"""

from __future__ import annotations

import asyncio
import gc
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING

from bench import worlds
from bench.figure import Figure
from tests.live import manifests as m
from tests.live.many_listeners import Plane
from tests.turns import turns_measured
from xdsserver.objects.meta import Name

if TYPE_CHECKING:
    from collections.abc import Awaitable, Iterator

ROUTES = 5000
SERVICES = 500
AT_ONCE = 1000
GOAL_MS = 50


def figures() -> Iterator[Figure]:
    """Take a world in, then a part of it changed, then one route."""
    with tempfile.TemporaryDirectory(prefix="xds") as folder, asyncio.Runner() as runner:
        yield from _measured(runner, Plane(f"unix:{folder}/{Path(folder).name}.sock"))


def _measured(runner: asyncio.Runner, plane: Plane) -> Iterator[Figure]:
    services = [one for number in range(SERVICES) for one in m.service(f"s{number}", 8000)]
    class_ = m.gateway_class()
    world = worlds.changes([class_, m.gateway(m.listener(80)), *services, *map(_route, range(ROUTES))])
    edited = worlds.changes(_route(number, "/new") for number in range(AT_ONCE))
    # Neither is the making of all these looked through meanwhile, nor what this process did before.
    gc.collect()
    gc.freeze()

    async def start() -> None:
        async with plane.unseen():
            await plane.many_objects(world)

    for of, work in (
        ("start", start()),
        (f"{AT_ONCE} routes at once", plane.many_objects(edited)),
        ("one route", plane.many_objects(worlds.changes([_route(0, "/newest")]))),
        # One change that concerns all routes, and comes about at once: it cannot be divided as many changes are.
        ("one listener", plane.many_objects(worlds.changes([m.gateway({**m.listener(80), "hostname": "*.test"})]))),
        ("the class that goes", plane.many_objects([("GatewayClass", Name("", class_["metadata"]["name"]), None)])),
        ("the class that comes", plane.many_objects(worlds.changes([class_]))),
    ):
        turns_ms: list[float] = []
        begun = time.thread_time()
        with turns_measured(turns_ms.append):
            runner.run(_and_its_end(work))
        cpu_s = time.thread_time() - begun
        params: dict[str, int | str] = {"routes": ROUTES, "services": SERVICES, "of": of}
        note = f"of {cpu_s:.2f} s in all; processor time"
        yield Figure("loop_blocked_ms", max(turns_ms), "ms", params, at_most=GOAL_MS, note=note)


async def _and_its_end(work: Awaitable[None]) -> None:
    """Do it, and what it leaves to be done soon."""
    await work
    for _ in range(3):
        await asyncio.sleep(0)


def _route(number: int, path: str = "") -> m.Document:
    rule = m.rule(m.to(f"s{number % SERVICES}"), matches=[m.path(f"/r{number}{path}")])
    return m.http_route(f"r{number}", rule)
