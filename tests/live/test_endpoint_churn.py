"""Endpoints that change all the time: each change is in Envoy at once, alone, and no request fails."""

from __future__ import annotations

import asyncio
import json
import sys
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pytest

from tests.live.backends import backend
from tests.live.edits import HIDDEN
from tests.live.envoy import ads_bootstrap, running
from tests.live.http1 import Ask
from tests.live.load import Traffic, load
from tests.live.product import answers
from tests.ports import free_port

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

pytestmark = [pytest.mark.live, pytest.mark.alone]

_SERVICES = 50
_RATE = 200


@dataclass
class Churning:
    """The control plane in a process of its own, so that what it takes is not taken from those who ask."""

    process: asyncio.subprocess.Process

    async def do(self, *words: object) -> dict[str, Any]:
        stdin, stdout = self.process.stdin, self.process.stdout
        assert stdin is not None
        assert stdout is not None
        stdin.write((" ".join(map(str, words)) + "\n").encode())
        answer: dict[str, Any] = json.loads(await stdout.readline())
        return answer


@asynccontextmanager
async def churning(*arguments: object) -> AsyncIterator[Churning]:
    pipe = asyncio.subprocess.PIPE
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "tests.live.churning", *map(str, arguments)), stdin=pipe, stdout=pipe, limit=2**24
    )
    try:
        yield Churning(process)
    finally:
        # The end of its input is its end.
        await asyncio.wait_for(process.communicate(b""), 20)


async def test_a4_two_hundred_changes_of_endpoints_per_second_are_live_at_once(tmp_path: Path, window_s: float) -> None:
    """A4: endpoint churn 200/s: event -> Envoy live p99 < 300 ms, no debounce; only what changed is sent.

    Live is what Envoy has acknowledged. Fifty Services move between two backends all the time, under load.
    """
    socket, port = f"unix:{tmp_path}/xds.sock", free_port()
    async with backend("blue") as blue, backend("green") as green:
        async with AsyncExitStack() as stack:
            plane = await stack.enter_async_context(churning(socket, port, blue.port, green.port))
            await plane.do("load", _SERVICES)
            envoy = await stack.enter_async_context(running(ads_bootstrap(socket)))
            asks = [Ask("/", f"s{number}.test") for number in range(_SERVICES)]
            for one in asks:
                await answers(port, one, lambda answer: answer.status == 200)
            served = blue.served + green.served
            async with load(Traffic(asks, port)) as tally:
                found = await plane.do("churn", _SERVICES, _RATE, window_s)
            assert not tally.failures, str(tally)
            assert tally.dense, str(tally)
            assert blue.served + green.served - served == tally.requests
            assert not {name for name, value in (await envoy.stats(HIDDEN)).items() if value}
        live_s = found["live_s"]
        assert found["changes"] == len(live_s) == int(_RATE * window_s)
        assert found["changes"] / found["took_s"] > _RATE * 0.8
        assert live_s[len(live_s) * 99 // 100] < 0.3, live_s[-20:]
        assert found["others"] == []
        # Both were moved to and asked.
        assert min(blue.served, green.served) > tally.requests / 10
