"""Our process, and Envoy's, are killed under load: what is told of it is nothing, or a connection that is refused."""

from __future__ import annotations

import asyncio
import os
import signal
from contextlib import AsyncExitStack
from typing import TYPE_CHECKING

import pytest

from tests.live.edits import HOST
from tests.live.envoy import running
from tests.live.http1 import Ask
from tests.live.load import Traffic, load
from tests.live.product import answers, bootstrap, standalone
from tests.live.restarts import Held, check, during, world
from tests.ports import free_port

if TYPE_CHECKING:
    from tests.live.http1 import Answer

pytestmark = [pytest.mark.live, pytest.mark.alone]

_EVERY_S = 2.0


async def test_a1_our_process_killed_every_two_seconds_under_load_fails_no_request(window_s: float) -> None:
    """A1: SIGKILL control plane under load, every 2 s: 0 failed requests (here on 100 kept connections and new ones).

    It is killed wherever it happens to be: starting, reading, answering Envoy. Each one that follows has an edit to
    serve that was saved while nobody was there.
    """
    xds = f"127.0.0.1:{free_port()}"
    options = ("--no-envoy", "--xds", xds)
    kills = max(2, round(window_s / _EVERY_S))
    async with world() as on, running(bootstrap(xds), wait=False) as envoy, AsyncExitStack() as stack:
        product = await stack.enter_async_context(standalone(on.home, *options))
        await on.shows(3)
        before = await Held.by(envoy)
        async with load(Traffic([Ask("/", HOST)], on.port, kept=100)) as tally:
            for kill in range(kills):
                await during(_EVERY_S, 1.0)
                await product.kill()
                # Of 3 and 8 each has the backend of the other: nothing is added, and nothing is lost.
                on.save(8 if kill % 2 == 0 else 3)
                product = await stack.enter_async_context(standalone(on.home, *options))
            await on.shows(8 if kills % 2 else 3)
            now = await Held.by(envoy)
        check(tally)
        assert now.made == before.made
        assert {name for name, _ in now.versions} == {name for name, _ in before.versions}


async def test_a5_an_envoy_that_is_killed_under_load_comes_back_whole() -> None:
    """A5: Envoy killed under load: restart -> first 200 < 2 s; no 404 window (probe from first accept).

    Connections are refused while nobody listens, and those that were open break. Whoever is answered is answered by the
    whole configuration. The time is the median of three.
    """
    async with world() as on, standalone(on.home, "--concurrency", "1") as product:
        told, _ = await product.since(0, "Envoy", "ready")
        await on.shows(3)
        took_s = []
        async with load(Traffic([Ask("/", HOST)], on.port)) as tally:
            for _ in range(3):
                envoy = on.home.resident()
                assert envoy is not None
                os.kill(envoy, signal.SIGKILL)
                loop = asyncio.get_running_loop()
                killed = loop.time()
                told, _ = await product.since(told, "Envoy", "ended: killed by SIGKILL")
                statuses: set[int] = set()

                def serves(answer: Answer, statuses: set[int] = statuses) -> bool:
                    statuses.add(answer.status)
                    return answer.status == 200

                await answers(on.port, Ask("/", HOST), serves)
                took_s.append(loop.time() - killed)
                assert statuses == {200}
                told, _ = await product.since(told, "Envoy", "ready")
        assert set(tally.answers) == {"200"}, tally.answers
        assert sorted(took_s)[1] < 2, took_s
