"""What is killed without warning: our process takes its Envoy with it, and an Envoy is replaced."""

from __future__ import annotations

import asyncio
import os
import signal
from typing import TYPE_CHECKING

import pytest

from tests.live import manifests as m
from tests.live.backends import backend
from tests.live.http1 import Ask
from tests.live.product import answers, command_line, home, standalone
from tests.ports import free_port

if TYPE_CHECKING:
    from tests.live.http1 import Answer

pytestmark = pytest.mark.live


async def ended(pid: int, within_s: float) -> float:
    """Wait for the end of a process that is not our child; give how long it took, in seconds."""
    loop = asyncio.get_running_loop()
    start = loop.time()
    async with asyncio.timeout(within_s):
        while command_line(pid):  # noqa: ASYNC110 (a pidfd would do, but the pid may be gone before it is opened)
            await asyncio.sleep(0.005)
    return loop.time() - start


async def test_f5_killing_our_process_leaves_no_envoy() -> None:
    """F5: orphan Envoy after our SIGKILL: `PR_SET_PDEATHSIG` or adopt by pid file; never two on one port."""
    async with home() as where, backend("blue") as blue:
        port = free_port()
        route = m.http_route("r", m.rule(m.to("blue")))
        m.write(
            where.folder / "all.yaml",
            [m.gateway_class(), m.gateway(m.listener(port)), *m.service("blue", blue.port), route],
        )
        async with standalone(where, "--concurrency", "1") as product:
            await answers(port, Ask(), lambda answer: answer.status == 200)
            envoy = where.resident()
            assert envoy is not None
            assert str(where.runtime) in command_line(envoy)
            await product.kill()
            await ended(envoy, within_s=20)
        # And what was killed starts again, in the same folder, on the same port.
        async with standalone(where, "--concurrency", "1"):
            await answers(port, Ask(), lambda answer: answer.status == 200)
            assert where.resident() != envoy


@pytest.mark.alone
async def test_f5_a_killed_envoy_is_serving_again_in_two_seconds() -> None:
    """F5: supervised: backoff, stderr captured, crash reason in status. A5: restart -> first 200 < 2 s; no 404 window.

    The time is the median of three kills: a machine that is shared may be slow once.
    """
    async with home() as where, backend("blue") as blue:
        port = free_port()
        route = m.http_route("r", m.rule(m.to("blue")))
        m.write(
            where.folder / "all.yaml",
            [m.gateway_class(), m.gateway(m.listener(port)), *m.service("blue", blue.port), route],
        )
        async with standalone(where, "--concurrency", "1") as product:
            await answers(port, Ask(), lambda answer: answer.status == 200)
            told, _ = await product.since(0, "Envoy", "ready")
            took_s = []
            for _ in range(3):
                envoy = where.resident()
                assert envoy is not None
                assert str(where.runtime) in command_line(envoy)
                os.kill(envoy, signal.SIGKILL)
                statuses: set[int] = set()

                def serves(answer: Answer, statuses: set[int] = statuses) -> bool:
                    statuses.add(answer.status)
                    return answer.status == 200

                await ended(envoy, within_s=20)
                _, found_s = await answers(port, Ask(), serves)
                took_s.append(found_s)
                assert statuses == {200}
                told, notice = await product.since(told, "Envoy", "ended: killed by SIGKILL")
                assert notice["level"] == "error"
                told, _ = await product.since(told, "Envoy", "ready")
            assert sorted(took_s)[1] < 2, took_s
