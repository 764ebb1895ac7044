"""Where the commands of a section are run: a folder with the examples, free ports, and an end for all it started."""

from __future__ import annotations

import asyncio
import contextlib
import os
import re
import shutil
import signal
import sys
import tempfile
import uuid
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.live.envoy import binary
from tests.ports import free_port

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from tests.docs.markdown import Block

ROOT = Path(__file__).parents[2]
PORTS = ("8080", "8443", "9901", "18000", "18001", "18081", "18082", "19000")
"""Ports that guides and examples write. Here others are used, since these may be taken."""
PATIENCE_S = 60.0


class Terminal:
    """Runs blocks one after the other in one folder."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._serving: list[asyncio.subprocess.Process] = []
        self._marker = uuid.uuid4().hex
        self._ports = {port: str(free_port()) for port in PORTS}
        tools = folder / ".tools"
        tools.mkdir()
        (tools / "envoy").symlink_to(binary())
        # Envoy opens a port a moment after it said so, and curl may be faster.
        (tools / ".curlrc").write_text('retry = 20\nretry-connrefused\nretry-delay = 0\nnoproxy = "*"\nfail\n')
        self._environment = {
            "PATH": f"{tools}:{Path(sys.executable).parent}:{os.environ['PATH']}",
            # What is tested is the checkout that the test is in, wherever the command was installed from.
            "PYTHONPATH": str(ROOT),
            "HOME": str(folder),
            "CURL_HOME": str(tools),
            "XDG_RUNTIME_DIR": str(folder / ".run"),
            "MARKER": self._marker,
            # Who wants the admin API says where, so that a port is chosen for it.
            "XDSSERVER_ADMIN": "off",
        }
        shutil.copytree(ROOT / "examples", folder / "examples", ignore=shutil.ignore_patterns("__pycache__"))
        for path in (folder / "examples").rglob("*.yaml"):
            path.write_text(self._with_free_ports(path.read_text()))

    async def do(self, block: Block) -> None:
        """Run a block and judge what it did."""
        match block.how:
            case "run":
                code, output = await self._output(block.script)
                assert code == int(block.words.removeprefix("exit=") or 0), output
                assert not self._missing(block, output), output
            case "eventually":
                async with asyncio.timeout(PATIENCE_S):
                    while True:
                        _, output = await self._output(block.script)
                        if not self._missing(block, output):
                            break
            case "serve":
                await self._serve(block)
            case other:
                pytest.fail(f"a block that is to be run how? {other!r}")

    async def close(self) -> None:
        """End all that was started, gently first: what serves may have children to end."""
        for number in (signal.SIGTERM, signal.SIGKILL):
            for pid in self._pids():
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, number)
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(20):
                    while self._pids():  # noqa: ASYNC110 (other processes, nothing to await)
                        await asyncio.sleep(0.02)
        # Their pipes too: what is still open when the loop closes is told of in whatever test runs then.
        async with asyncio.timeout(20):
            for process in self._serving:
                await process.communicate()

    async def _start(self, script: str) -> asyncio.subprocess.Process:
        return await asyncio.create_subprocess_exec(
            *("bash", "-euo", "pipefail", "-c", self._with_free_ports(script)),
            cwd=self._folder,
            env=self._environment,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
        )

    async def _output(self, script: str) -> tuple[int | None, str]:
        process = await self._start(script)
        async with asyncio.timeout(PATIENCE_S):
            output, _ = await process.communicate()
        return process.returncode, output.decode()

    async def _serve(self, block: Block) -> None:
        process = await self._start(block.script)
        self._serving.append(process)
        assert process.stdout is not None
        said = []
        async with asyncio.timeout(PATIENCE_S):
            while line := (await process.stdout.readline()).decode():
                said.append(line)
                if block.words in line:
                    return
        pytest.fail(f"ended without {block.words!r}:\n{''.join(said)}")

    def _missing(self, block: Block, output: str) -> list[str]:
        return [line for line in block.shows if self._with_free_ports(line) not in output]

    def _with_free_ports(self, text: str) -> str:
        return re.sub(rf"\b({'|'.join(PORTS)})\b", lambda found: self._ports[found[0]], text)

    def _pids(self) -> list[int]:
        found = []
        for entry in Path("/proc").iterdir():
            with contextlib.suppress(OSError):
                if entry.name.isdecimal() and f"MARKER={self._marker}".encode() in (entry / "environ").read_bytes():
                    found.append(int(entry.name))
        return found


@asynccontextmanager
async def terminal() -> AsyncIterator[Terminal]:
    """A terminal in a fresh folder; its path is short, as those of sockets must be."""
    with tempfile.TemporaryDirectory(prefix="guide-") as folder:
        here = Terminal(Path(folder))
        try:
            yield here
        finally:
            await here.close()
