"""A backend that answers as the request asks it to, try by try, and remembers each try.

The header `x-plan` has a step for each try of the request whose `x-id` it is: `503`, `200+300` (after 300 ms),
`200~300` (the head at once, the body after 300 ms), `reset` (the connection is broken when the request is there),
`unavailable` (gRPC's word for a request that nobody has begun with). The last step holds for all tries that follow.
"""

from __future__ import annotations

import asyncio
import re
import time
from collections import defaultdict
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from aiohttp import web

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Mapping

_STEP = re.compile(r"(?P<status>\d{3})(?:(?P<when>[+~])(?P<ms>\d+))?")


@dataclass(frozen=True, slots=True)
class Try:
    """A request that arrived: when, by a monotonic clock, and with which headers, their names in lower case."""

    at_s: float
    headers: Mapping[str, str]


@dataclass(slots=True)
class Planned:
    """One that runs, with the tries of each `x-id`."""

    port: int = 0
    tries: defaultdict[str, list[Try]] = field(default_factory=lambda: defaultdict(list))


@asynccontextmanager
async def planned() -> AsyncIterator[Planned]:
    """Serve on a loopback port for the length of a block."""
    found = Planned()

    async def answer(request: web.BaseRequest) -> web.StreamResponse:
        return await _answer(found, request)

    runner = web.ServerRunner(web.Server(answer), shutdown_timeout=0)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    found.port = runner.addresses[0][1]
    try:
        yield found
    finally:
        await runner.cleanup()


async def _answer(backend: Planned, request: web.BaseRequest) -> web.StreamResponse:
    headers = {name.lower(): value for name, value in request.headers.items()}
    await request.read()
    tries = backend.tries[headers.get("x-id", "")]
    tries.append(Try(time.monotonic(), headers))
    steps = headers.get("x-plan", "200").split()
    step = steps[min(len(tries), len(steps)) - 1]
    if step == "reset":
        assert request.transport is not None
        request.transport.abort()
        return web.Response()
    if step == "unavailable":
        return web.Response(headers={"grpc-status": "14", "content-type": "application/grpc"})
    found = _STEP.fullmatch(step)
    assert found is not None, step
    wait_s = int(found["ms"] or 0) / 1000
    if found["when"] != "~":
        await asyncio.sleep(wait_s)
        return web.Response(status=int(found["status"]), text=step)
    out = web.StreamResponse(status=int(found["status"]), headers={"content-length": "2"})
    await out.prepare(request)
    await out.write(b"a")
    await asyncio.sleep(wait_s)
    await out.write(b"b")
    return out
