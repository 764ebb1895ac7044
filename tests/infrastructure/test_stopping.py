"""What runs before an Envoy in a pod ends: clients are told, and what is under way is waited for, but not for ever."""

from __future__ import annotations

import asyncio
import time
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

import pytest

from xdsserver.infrastructure.stopping import SCRIPT
from xdsserver.proxy.drain import STATS_TARGET, in_flight

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

REQUEST = "http.tcp/0.0.0.0:10080.downstream_rq_active: 1\nhttp.tcp/0.0.0.0:10080.downstream_cx_active: 1\n"
STREAM = "listener.0.0.0.0_20000.downstream_cx_active: 3\nhttp.edge.downstream_cx_active: 2\n"
IDLE = (
    "listener.0.0.0.0_10080.downstream_cx_active: 2\n"
    "listener.0.0.0.0_10080.worker_0.downstream_cx_active: 2\n"
    "http.tcp/0.0.0.0:10080.downstream_cx_active: 2\n"
    "http.tcp/0.0.0.0:10080.downstream_rq_active: 0\n"
    "http.admin.downstream_rq_active: 1\nlistener.admin.main_thread.downstream_cx_active: 1\n"
)
PROBED = "http.probes.downstream_rq_active: 1\nlistener.probes.downstream_cx_active: 1\n"


@asynccontextmanager
async def admin(path: Path, *stats: str) -> AsyncIterator[list[str]]:
    """Answer like an Envoy, with one text of statistics after the other and then the last; give what was asked."""
    asked: list[str] = []
    left = [*stats]

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        line = (await reader.readuntil(b"\r\n\r\n")).decode().splitlines()[0]
        asked.append(line.removesuffix(" HTTP/1.1"))
        text = "OK\n" if line.startswith("POST") else (left.pop(0) if len(left) > 1 else left[0])
        writer.write(f"HTTP/1.1 200 OK\r\nconnection: close\r\n\r\n{text}".encode())
        writer.close()

    async with await asyncio.start_unix_server(answer, path):
        yield asked


async def stop(tmp_path: Path, serve_on_s: int, deadline_s: int) -> float:
    """Run the script as a pod does; give how long it took, in seconds."""
    script = tmp_path / "stop.pl"
    script.write_text(SCRIPT)
    started = time.monotonic()
    command = ("perl", "-w", script, tmp_path / "admin.sock", str(serve_on_s), str(deadline_s))
    process = await asyncio.create_subprocess_exec(*command, stderr=asyncio.subprocess.PIPE)
    async with asyncio.timeout(60):  # a guard against hanging, and no claim
        _, said = await process.communicate()
    assert (process.returncode, said) == (0, b"")
    return time.monotonic() - started


async def test_a6_clients_are_told_first_and_what_is_under_way_is_waited_for(tmp_path: Path) -> None:
    """A6: fail the health check, drain, wait until nothing is active or the deadline."""
    stats = [REQUEST + IDLE, STREAM, IDLE + PROBED]
    async with admin(tmp_path / "admin.sock", *stats) as asked:
        await stop(tmp_path, 0, 60)
    assert asked == ["POST /healthcheck/fail", *[f"GET {STATS_TARGET}"] * 3]
    # The supervisor of a local Envoy counts the same; there, nothing probes.
    assert [in_flight(one) for one in (*stats[:2], IDLE)] == [1, 1, 0]


async def test_a6_a_request_that_does_not_end_holds_up_the_end_until_the_deadline_only(tmp_path: Path) -> None:
    """A6: or the deadline. What is asked first is that clients leave, so that none comes anew."""
    async with admin(tmp_path / "admin.sock", REQUEST) as asked:
        await stop(tmp_path, 0, 1)
    assert len(asked) > 1


async def test_an_envoy_is_served_on_with_though_nothing_is_under_way(tmp_path: Path) -> None:
    """Whoever still sends clients here is to find somebody: a Service is told some time after the pod ends."""
    async with admin(tmp_path / "admin.sock", IDLE) as asked:
        assert await stop(tmp_path, 2, 60) > 1
    assert len(asked) == 2


@pytest.mark.parametrize("there", [True, False], ids=["silent", "gone"])
async def test_an_envoy_that_is_gone_keeps_no_pod(tmp_path: Path, *, there: bool) -> None:
    if there:
        async with admin(tmp_path / "admin.sock", ""):
            await stop(tmp_path, 0, 600)
    else:
        await stop(tmp_path, 0, 600)
