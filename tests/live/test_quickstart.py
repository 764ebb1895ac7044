"""The quickstart as a newcomer meets it: `examples/quickstart/run.py` in a process of its own, and curl.

It runs on a copy of the example with ports that are free here, so that what else runs on the machine is not in its way.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import shlex
import shutil
import signal
import socket
import sys
import uuid
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.ports import free_port

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

pytestmark = [pytest.mark.live, pytest.mark.long]

EXAMPLE = Path(__file__).parents[2] / "examples" / "quickstart"
PATIENCE_S = 60.0
"""Bound of every wait; nothing takes so long unless it fails."""
HINT = "Ctrl-C stops everything."
"""The end of what the quickstart says when it answers."""


@dataclass
class Quickstart:
    """A running quickstart; `said` is all that it has written."""

    process: asyncio.subprocess.Process
    folder: Path
    marker: str
    said: list[str] = field(default_factory=list)

    async def until(self, words: str) -> str:
        """Read on until a line has these words; it is returned."""
        assert self.process.stdout is not None
        async with asyncio.timeout(PATIENCE_S):
            while line := (await self.process.stdout.readline()).decode():
                self.said.append(line)
                if words in line:
                    return line
        pytest.fail(f"ended without saying {words!r}:\n{''.join(self.said)}")

    async def rest(self) -> str:
        """Read to the end."""
        async with asyncio.timeout(PATIENCE_S):
            output, _ = await self.process.communicate()
        return output.decode()

    @property
    def curl_lines(self) -> list[str]:
        return [line.rstrip("\n") for line in self.said if line.startswith("curl ")]

    def edit(self, name: str, old: str, new: str) -> None:
        """Save a file with a change."""
        path = self.folder / name
        text = path.read_text()
        assert old in text
        path.write_text(text.replace(old, new))

    def processes(self) -> dict[int, str]:
        """Command lines of all that it has started and that still run, found by a variable that they inherit."""
        found = {}
        for entry in Path("/proc").iterdir():
            with contextlib.suppress(OSError):
                if entry.name.isdecimal() and f"QUICKSTART={self.marker}".encode() in (entry / "environ").read_bytes():
                    found[int(entry.name)] = (entry / "cmdline").read_text().replace("\0", " ")
        return found

    def pid_of(self, words: str) -> int:
        """The process whose command line has these words."""
        (pid,) = (pid for pid, command in self.processes().items() if words in command)
        return pid

    async def nothing_left(self) -> None:
        """Wait until all of it has ended: the kernel ends orphans, and nobody is told when."""
        try:
            async with asyncio.timeout(20):
                while self.processes():  # noqa: ASYNC110 (other processes, nothing to await)
                    await asyncio.sleep(0.02)
        except TimeoutError:
            pytest.fail(f"still running: {self.processes()}")


def copy_of_the_example(tmp_path: Path) -> tuple[Path, dict[str, int]]:
    """Copy the objects; the ports are replaced, the rest is what newcomers get."""
    folder = tmp_path / "gateway"
    shutil.copytree(EXAMPLE / "gateway", folder)
    ports = {"8080": free_port(), "18081": free_port(), "18082": free_port()}
    for path in folder.iterdir():
        text = path.read_text()
        for old, new in ports.items():
            text = text.replace(f"port: {old}\n", f"port: {new}\n")
        path.write_text(text)
    return folder, ports


@asynccontextmanager
async def start(folder: Path) -> AsyncIterator[Quickstart]:
    marker = uuid.uuid4().hex
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, str(EXAMPLE / "run.py"), str(folder)),
        env={**os.environ, "QUICKSTART": marker},
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
        start_new_session=True,
    )
    quickstart = Quickstart(process, folder, marker)
    try:
        yield quickstart
    finally:
        # Whatever a failed test has left, not the first process alone.
        for pid in quickstart.processes():
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        await process.communicate()


@asynccontextmanager
async def answering(tmp_path: Path) -> AsyncIterator[Quickstart]:
    folder, _ = copy_of_the_example(tmp_path)
    async with start(folder) as quickstart:
        await quickstart.until(HINT)
        yield quickstart


async def curl(line: str) -> str:
    """Run a line that was printed, with --fail, and return the answer."""
    process = await asyncio.create_subprocess_exec(
        *shlex.split(line), "--fail", "--silent", "--show-error", stdout=asyncio.subprocess.PIPE
    )
    async with asyncio.timeout(PATIENCE_S):
        output, _ = await process.communicate()
    assert process.returncode == 0, line
    return output.decode()


async def test_three_lines_to_curl_and_each_answers(tmp_path: Path) -> None:
    async with answering(tmp_path) as quickstart:
        path, headers, split = quickstart.curl_lines
        assert await curl(path) == "blue: GET /blue\n"
        answer = await curl(headers)
        assert "x-greeting: hello from the gateway" in answer
        assert "x-secret" not in answer
        backends = [line.split(":")[0] for line in (await curl(split.replace("[1-20]", "[1-200]"))).splitlines()]
        assert len(backends) == 200
        # 40 are expected; fewer than 15 or more than 70 comes once in a million times.
        assert 15 <= backends.count("green") <= 70
        assert any(str(tmp_path / "gateway" / "routes.yaml") in line for line in quickstart.said)


async def test_an_edited_route_changes_the_answer_without_a_restart(tmp_path: Path) -> None:
    async with answering(tmp_path) as quickstart:
        line = quickstart.curl_lines[0]
        before = quickstart.processes()
        quickstart.edit("routes.yaml", "value: /blue}\n    backendRefs:\n    - {name: blue", "value: /blue}\n"
                        "    backendRefs:\n    - {name: green")  # fmt: skip
        assert "HTTPRoute default/colours" in await quickstart.until("changed")
        async with asyncio.timeout(PATIENCE_S):
            while (answer := await curl(line)) == "blue: GET /blue\n":
                pass
        assert answer == "green: GET /blue\n"
        assert quickstart.processes() == before


async def test_a_broken_file_changes_nothing_and_is_named_with_its_line(tmp_path: Path) -> None:
    async with answering(tmp_path) as quickstart:
        routes = quickstart.folder / "routes.yaml"
        bad_line = routes.read_text()[: routes.read_text().index("    backendRefs:")].count("\n") + 1
        quickstart.edit("routes.yaml", "    backendRefs:", "    backendRefs: [")
        said = await quickstart.until("error")
        # The parser stops where it understands no more, which is on the line after the bracket.
        assert f"{routes}:{bad_line + 1}: error:" in said
        for line in quickstart.curl_lines:
            await curl(line)
        quickstart.edit("routes.yaml", "    backendRefs: [", "    backendRefs:")
        await quickstart.until("no errors any more")


@pytest.mark.parametrize(
    ("number", "whom"),
    [
        pytest.param(signal.SIGINT, "group", id="ctrl-c"),
        pytest.param(signal.SIGINT, "alone", id="sigint"),
        pytest.param(signal.SIGTERM, "alone", id="sigterm"),
        pytest.param(signal.SIGHUP, "group", id="terminal-closed"),
    ],
)
async def test_a_signal_ends_all_of_it(tmp_path: Path, number: signal.Signals, whom: str) -> None:
    async with answering(tmp_path) as quickstart:
        assert len(quickstart.processes()) == 4, "run.py, its backends, the gateway and Envoy"
        if whom == "group":
            os.killpg(quickstart.process.pid, number)
        else:
            quickstart.process.send_signal(number)
        assert "Traceback" not in await quickstart.rest()
        assert quickstart.process.returncode == 0
        assert not quickstart.processes()


async def test_f5_sigkill_of_the_quickstart_leaves_no_process(tmp_path: Path) -> None:
    """F5, expected: "orphan Envoy after our SIGKILL: PR_SET_PDEATHSIG or adopt by pid file"."""
    async with answering(tmp_path) as quickstart:
        quickstart.process.kill()
        await quickstart.nothing_left()


async def test_a_gateway_that_dies_ends_the_quickstart_with_a_word(tmp_path: Path) -> None:
    async with answering(tmp_path) as quickstart:
        os.kill(quickstart.pid_of(f"standalone {quickstart.folder}"), signal.SIGKILL)
        assert "quickstart: the gateway ended" in await quickstart.rest()
        assert quickstart.process.returncode == 1
        await quickstart.nothing_left()


async def test_a_backend_whose_port_is_taken_is_named_with_a_remedy(tmp_path: Path) -> None:
    folder, ports = copy_of_the_example(tmp_path)
    with socket.create_server(("127.0.0.1", ports["18082"])):
        async with start(folder) as quickstart:
            words = await quickstart.rest()
    assert f"backend green cannot listen on 127.0.0.1:{ports['18082']}" in words
    assert f"write another port into {folder}" in words
    assert "Traceback" not in words
    assert quickstart.process.returncode == 1
    assert not quickstart.processes()


async def test_a_gateway_whose_port_is_taken_is_served_8000_higher_and_the_lines_say_so(tmp_path: Path) -> None:
    folder, ports = copy_of_the_example(tmp_path)
    with socket.create_server(("127.0.0.1", ports["8080"])):
        async with start(folder) as quickstart:
            await quickstart.until(HINT)
            assert f"http://127.0.0.1:{ports['8080'] + 8000}/blue" in quickstart.curl_lines[0]
            for line in quickstart.curl_lines:
                await curl(line)
