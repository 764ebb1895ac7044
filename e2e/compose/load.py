"""Ask some addresses all the time, and count the answers: `python load.py --count-at 0.0.0.0:9000 URL...`.

Each address is asked `--per-s` times a second whether or not it has answered before, each time by a connection of its
own, and nothing is ever asked twice: what fails is counted, by what went wrong. Who asks at `--count-at` gets the
counts as JSON, `{URL: {"sent": 7, "answered": 6, "failed": {"503": 1}}}`. What is sent and neither answered nor failed
is under way.
"""

from __future__ import annotations

import argparse
import asyncio
from collections import Counter
from dataclasses import dataclass, field
from typing import Any

import aiohttp
from aiohttp import web

PATIENCE_S = 30.0
"""A request that takes longer has failed: as long as only one that nobody will ever answer takes, on a machine that has
other things to do."""


@dataclass
class Counts:
    """What became of the requests to one address."""

    sent: int = 0
    answered: int = 0
    failed: Counter[str] = field(default_factory=Counter)


async def ask(client: aiohttp.ClientSession, url: str, counts: Counts) -> None:
    """Send one request, and count what becomes of it."""
    counts.sent += 1
    try:
        async with client.get(url) as answer:
            await answer.read()
    except (aiohttp.ClientError, TimeoutError) as error:
        counts.failed[type(error).__name__] += 1
        return
    if answer.status == 200:
        counts.answered += 1
    else:
        counts.failed[str(answer.status)] += 1


async def keep_asking(client: aiohttp.ClientSession, url: str, counts: Counts, interval_s: float) -> None:
    """Send requests at a steady rate, answered or not."""
    async with asyncio.TaskGroup() as requests:
        while True:
            requests.create_task(ask(client, url, counts))
            await asyncio.sleep(interval_s)


async def main() -> None:
    """Ask until a signal ends it."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--count-at", metavar="HOST:PORT", required=True)
    parser.add_argument("--per-s", type=float, default=20.0)
    parser.add_argument("urls", nargs="+")
    options = parser.parse_args()
    counts = {url: Counts() for url in options.urls}

    async def tell(_request: web.Request) -> web.Response:
        told: dict[str, Any] = {url: vars(one) for url, one in counts.items()}
        return web.json_response(told)

    application = web.Application()
    application.router.add_get("/", tell)
    runner = web.AppRunner(application)
    await runner.setup()
    host, _, port = options.count_at.rpartition(":")
    await web.TCPSite(runner, host, int(port)).start()
    # A connection that is used again could be closed by the other side just when it is; a client then asks twice.
    connector = aiohttp.TCPConnector(force_close=True, limit=0)
    async with (
        aiohttp.ClientSession(connector=connector, timeout=aiohttp.ClientTimeout(PATIENCE_S)) as client,
        asyncio.TaskGroup() as addresses,
    ):
        for url, one in counts.items():
            addresses.create_task(keep_asking(client, url, one, 1 / options.per_s))


if __name__ == "__main__":
    asyncio.run(main())
