"""From a saved file to the answer, as a user of `xdsserver standalone` sees it: a thousand routes in one file."""

from __future__ import annotations

import asyncio
import statistics
import time
from typing import TYPE_CHECKING

from bench import rig, worlds
from bench.figure import Figure, percentile
from tests.live import manifests as m
from tests.live.product import home, standalone
from tests.ports import free_port

if TYPE_CHECKING:
    from collections.abc import Iterator

_ROUTES = 1000
_SAVINGS = 30


def figures() -> Iterator[Figure]:
    """Save the file again and again, another route changed each time."""
    took_ms = asyncio.run(_measure())
    params = {"routes": _ROUTES}
    p50, p99 = statistics.median(took_ms), percentile(took_ms, 0.99)
    yield Figure("file_to_answer_ms", p50, "ms", {**params, "at": "p50"}, at_most=400, note="100 ms of it is the pause")
    yield Figure("file_to_answer_ms", p99, "ms", {**params, "at": "p99"})


async def _measure() -> list[float]:
    took_ms = []
    with rig.echo() as backend_port:
        async with home() as where:
            port = free_port()
            m.write(where.folder / "base.yaml", worlds.base(port, backend_port))
            texts = [m.dump([worlds.route(number, "start")]) for number in range(_ROUTES)]
            file = where.folder / "routes.yaml"
            file.write_text("".join(texts))
            client = rig.Client(port)
            async with standalone(where, "--concurrency", "1"):
                await asyncio.to_thread(client.until, _ROUTES - 1, "start")
                for turn in range(_SAVINGS):
                    number, stamp = turn * 331 % _ROUTES, f"saved-{turn}"
                    texts[number] = m.dump([worlds.route(number, stamp)])
                    begun_ns = time.monotonic_ns()
                    file.write_text("".join(texts))
                    shown_ns = await asyncio.to_thread(client.until, number, stamp)
                    took_ms.append((shown_ns - begun_ns) / 1e6)
                    # So that one saving is not the noise that another one's pause waits out.
                    await asyncio.sleep(0.15)
    return took_ms
