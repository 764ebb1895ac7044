"""F5: "Envoy exits, hangs, port busy, missing binary". Expected: "supervised: backoff, stderr captured, crash reason in
status; orphan Envoy after our SIGKILL: PR_SET_PDEATHSIG or adopt by pid file; never two on one port".

F6: "our restart". Expected: "Envoy kept running (detached option) or restarted with drain; 0 failed requests in keep
mode".
"""

from __future__ import annotations

import asyncio
import dataclasses
import gc
import os
import signal
import socket
import stat
import sys
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

import pytest

from tests.ports import free_port
from tests.proxy.support import PATIENCE_S, States, local_envoy, status_of
from xdsserver.proxy.admin import AdminClient
from xdsserver.proxy.home import Home, HomeBusyError
from xdsserver.proxy.process import ProcessId
from xdsserver.proxy.states import Crashed, Draining, Missing, Ready, Starting, Stopped
from xdsserver.proxy.supervisor import Supervisor

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

pytestmark = pytest.mark.live


@asynccontextmanager
async def another_process(
    folder: Path, port: int, *words: str
) -> AsyncIterator[tuple[asyncio.subprocess.Process, int]]:
    """A process of ours whose Envoy serves; killed at the end, if not before."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "tests.proxy.supervised", str(folder), str(port), *words),
        stdout=asyncio.subprocess.PIPE,
    )
    assert process.stdout is not None
    try:
        async with asyncio.timeout(PATIENCE_S):
            pid = int((await process.stdout.readline()).split()[0])
        yield process, pid
    finally:
        if process.returncode is None:
            process.kill()
        # Not communicate(): an Envoy left behind would hold the pipe open, and hang the test that is to say so.
        await process.wait()


@pytest.fixture(autouse=True)
async def nothing_left_behind(tmp_path: Path) -> AsyncIterator[None]:
    """A test that fails half way must not leave the Envoy that it kept."""
    yield
    if (resident := Home(tmp_path).resident()) is not None:
        await resident.process.end()


async def ends(process: ProcessId) -> None:
    async with asyncio.timeout(PATIENCE_S):
        await process.ended()


def process_of(pid: int) -> ProcessId:
    process = ProcessId.of(pid)
    assert process is not None
    return process


async def test_serves_and_is_drained_on_stop(tmp_path: Path) -> None:
    port, states = free_port(), States()
    async with Supervisor(local_envoy(tmp_path, port), states):
        ready = await states.until(Ready)
        assert await status_of(port) == 200
        envoy = process_of(ready.pid)
    assert not envoy.is_alive()
    assert states.seen == [Starting(ready.pid), ready, Draining(ready.pid), Stopped()]


async def test_a_request_under_way_is_answered_before_a_stop(tmp_path: Path) -> None:
    port, states = free_port(), States()
    asked, answer = asyncio.Event(), asyncio.Event()

    async def backend(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        asked.set()
        await answer.wait()
        writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n")
        await writer.drain()
        writer.close()

    async with await asyncio.start_server(backend, "127.0.0.1", 0) as server:
        envoy = local_envoy(tmp_path, port, upstream_port=server.sockets[0].getsockname()[1])
        async with Supervisor(envoy, states) as supervisor:
            await states.until(Ready)
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            writer.write(b"GET /upstream HTTP/1.1\r\nhost: test\r\n\r\n")
            await asked.wait()
            supervisor.stop()
            await states.until(Draining)
            with pytest.raises(TimeoutError):
                await asyncio.wait_for(states.until(Stopped), 0.5)
            answer.set()
            head = await reader.readuntil(b"\r\n\r\n")
            writer.close()
    assert head.startswith(b"HTTP/1.1 200")
    assert b"connection: close" in head


async def test_an_idle_connection_does_not_hold_up_a_stop(tmp_path: Path) -> None:
    port, states = free_port(), States()
    async with Supervisor(dataclasses.replace(local_envoy(tmp_path, port), drain_s=30), states) as supervisor:
        await states.until(Ready)
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(b"GET / HTTP/1.1\r\nhost: test\r\n\r\n")
        await reader.readuntil(b"\r\n\r\n")
        supervisor.stop()
        await states.until(Stopped)
        assert await reader.read() == b""
        writer.close()


@pytest.mark.alone
async def test_f5_an_envoy_that_was_killed_serves_again_within_two_seconds(tmp_path: Path) -> None:
    """Supervised: backoff, crash reason in status."""
    port, states = free_port(), States()
    async with Supervisor(local_envoy(tmp_path, port), states):
        first = await states.until(Ready)
        os.kill(first.pid, signal.SIGKILL)
        killed_at = asyncio.get_running_loop().time()
        crashed = await states.until(Crashed)
        second = await states.until(Ready)
        assert await status_of(port) == 200
        assert asyncio.get_running_loop().time() - killed_at < 2.0
    assert "SIGKILL" in crashed.reason
    assert second.pid != first.pid


async def test_f5_a_busy_port_is_the_reason_and_the_backoff_grows(tmp_path: Path) -> None:
    """Backoff, stderr captured, crash reason in status."""
    states: States = States()
    lines: list[str] = []
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        async with Supervisor(local_envoy(tmp_path, port), states, lines.append):
            crashes = [await states.until(Crashed) for _ in range(3)]
            taken.close()
            await states.until(Ready)
            assert await status_of(port) == 200
    assert [crash.retry_in_s for crash in crashes] == [0.1, 0.2, 0.4]
    assert all(f"127.0.0.1:{port}" in crash.reason and "in use" in crash.reason for crash in crashes)
    assert any(f"127.0.0.1:{port}" in line for line in lines)


async def test_f5_a_missing_binary_is_named_and_found_once_it_is_there(tmp_path: Path) -> None:
    """Missing binary: supervised, reason in status."""
    port, states = free_port(), States()
    envoy = local_envoy(tmp_path / "home", port)
    later = tmp_path / "bin" / "envoy"
    async with Supervisor(dataclasses.replace(envoy, binary=later), states):
        missing = await states.until(Missing)
        later.parent.mkdir()
        later.symlink_to(envoy.binary)
        await states.until(Ready)
        assert await status_of(port) == 200
    assert missing.path == later
    assert "--envoy" in missing.remedy


async def test_f5_a_binary_that_cannot_run_is_a_crash_with_its_words(tmp_path: Path) -> None:
    states = States()
    broken = tmp_path / "envoy"
    broken.write_bytes(b"\x7fELF of another machine")
    broken.chmod(0o755)
    async with Supervisor(dataclasses.replace(local_envoy(tmp_path / "home", 1), binary=broken), states):
        crashed = await states.until(Crashed)
    assert f"cannot execute {broken}" in crashed.reason


async def test_f5_a_hung_envoy_is_ended_and_started_again(tmp_path: Path) -> None:
    """Envoy hangs: supervised."""
    port, states = free_port(), States()
    async with Supervisor(local_envoy(tmp_path, port, hang_s=1.0), states):
        first = await states.until(Ready)
        stopped = process_of(first.pid)
        os.kill(first.pid, signal.SIGSTOP)
        crashed = await states.until(Crashed)
        assert not stopped.is_alive()
        await states.until(Ready)
        assert await status_of(port) == 200
    assert "did not answer on its admin socket for 1 s" in crashed.reason


async def test_f5_killing_us_leaves_no_envoy(tmp_path: Path) -> None:
    """Orphan Envoy after our SIGKILL: PR_SET_PDEATHSIG."""
    port = free_port()
    async with another_process(tmp_path, port) as (process, pid):
        envoy = process_of(pid)
        assert await status_of(port) == 200
        process.kill()
        await ends(envoy)
    assert await status_of(port) is None


async def test_f5_an_orphan_of_an_earlier_life_is_ended_first(tmp_path: Path) -> None:
    """Adopt by pid file; never two on one port."""
    port, states = free_port(), States()
    async with another_process(tmp_path, port, "keep") as (process, pid):
        process.kill()
        await process.wait()
        orphan = process_of(pid)
    async with Supervisor(local_envoy(tmp_path, port), states):
        ready = await states.until(Ready)
        assert not orphan.is_alive()
        assert await status_of(port) == 200
    assert not any(isinstance(state, Crashed) for state in states.seen)
    assert not ready.adopted


async def test_f5_two_supervisors_never_share_a_folder(tmp_path: Path) -> None:
    """Never two on one port."""
    port, states = free_port(), States()
    async with Supervisor(local_envoy(tmp_path, port), states):
        await states.until(Ready)
        with pytest.raises(HomeBusyError, match=str(tmp_path)):
            await asyncio.wait_for(Supervisor(local_envoy(tmp_path, port), States()).run(), PATIENCE_S)
        with pytest.raises(HomeBusyError, match=str(tmp_path)):
            await Supervisor(local_envoy(tmp_path, port), States()).__aenter__()
        assert await status_of(port) == 200


async def test_f5_a_supervisor_that_is_cancelled_leaves_no_envoy(tmp_path: Path) -> None:
    states = States()
    task = asyncio.create_task(Supervisor(local_envoy(tmp_path, free_port()), states).run())
    envoy = process_of((await states.until(Ready)).pid)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert not envoy.is_alive()


async def test_f5_a_pid_file_that_names_a_stranger_ends_nobody(tmp_path: Path) -> None:
    """The pid of a dead Envoy may have passed on to another process by the time that we start."""
    states = States()
    stranger = await asyncio.create_subprocess_exec("sleep", "60")
    try:
        (tmp_path / "envoy.pid").write_text(f"{process_of(stranger.pid)} fingerprint\n")
        async with Supervisor(local_envoy(tmp_path, free_port()), states):
            await states.until(Ready)
        assert stranger.returncode is None
    finally:
        stranger.kill()
        await stranger.wait()


async def test_f6_a_kept_envoy_answers_every_request_across_our_restarts(tmp_path: Path) -> None:
    """Envoy kept running: 0 failed requests, after a kill -9 of ours as after a stop."""
    port, states = free_port(), States()
    answers: list[int | None] = []
    answered: asyncio.Queue[int | None] = asyncio.Queue()
    done = asyncio.Event()

    async def ask() -> None:
        while not done.is_set():
            answers.append(await status_of(port))
            answered.put_nowait(answers[-1])

    async with another_process(tmp_path, port, "keep") as (process, pid):
        envoy = process_of(pid)
        asking = asyncio.create_task(ask())
        process.kill()
        await process.wait()
    for _ in range(3):
        async with Supervisor(local_envoy(tmp_path, port, keep=True), states):
            assert await states.until(Ready) == Ready(pid, adopted=True)
            for _ in range(20):
                await answered.get()
        assert await states.until(Stopped) == Stopped(kept_pid=pid)
    done.set()
    await asking
    assert len(answers) >= 60
    assert set(answers) == {200}
    assert envoy.is_alive()


async def test_f6_a_kept_envoy_that_no_longer_fits_is_replaced(tmp_path: Path) -> None:
    """A changed bootstrap cannot be told to a running Envoy."""
    port, states = free_port(), States()
    async with Supervisor(local_envoy(tmp_path, port, keep=True), states):
        old = process_of((await states.until(Ready)).pid)
    gc.collect()  # a subprocess object that is forgotten kills its process
    assert old.is_alive()
    moved = free_port()
    async with Supervisor(local_envoy(tmp_path, moved), states):
        await states.until(Ready)
        assert (await status_of(port), await status_of(moved)) == (None, 200)
    assert not old.is_alive()


async def test_a_kept_envoy_that_crashes_after_adoption_is_started_again_with_its_words(tmp_path: Path) -> None:
    port, states = free_port(), States()
    async with Supervisor(local_envoy(tmp_path, port, keep=True), states):
        pid = (await states.until(Ready)).pid
    async with Supervisor(local_envoy(tmp_path, port, keep=True), states):
        await states.until(Ready)
        os.kill(pid, signal.SIGKILL)
        await states.until(Crashed)
        again = await states.until(Ready)
        assert not again.adopted
        assert await status_of(port) == 200


async def test_folder_and_sockets_are_private(tmp_path: Path) -> None:
    folder = tmp_path / "home"
    states = States()
    async with Supervisor(local_envoy(folder, free_port()), states):
        await states.until(Ready)
        modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in (folder, *folder.iterdir())}
    assert modes.pop("home") == 0o700
    assert set(modes) == {"admin.sock", "bootstrap.yaml", "envoy.pid", "lock"}
    assert set(modes.values()) == {0o600}


async def test_admin_answers_with_status_and_whole_text(tmp_path: Path) -> None:
    states = States()
    async with Supervisor(local_envoy(tmp_path, free_port()), states) as supervisor:
        await states.until(Ready)
        status, text = await AdminClient(tmp_path / "admin.sock").get("/config_dump")
        assert status == 200
        assert text.rstrip().endswith("}")
        assert (await supervisor.admin.get("/nothing-here"))[0] == 404
        assert (await supervisor.admin.get("/quitquitquit"))[0] == 405


async def test_a_dead_process_is_nobody() -> None:
    process = await asyncio.create_subprocess_exec("true")
    await process.wait()
    assert ProcessId.of(process.pid) is None
