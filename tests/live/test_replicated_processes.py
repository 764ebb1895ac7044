"""Two servers as processes, over mutual TLS: the one that leads waits for the Envoys of the other."""

from __future__ import annotations

import asyncio
import json
import sys
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

import grpc
import pytest

from tests.app.replicated import Envoy
from tests.cli.folders import GATEWAY, ROUTE, SHOP, folder
from tests.cli.run import xdsserver
from tests.ports import free_port

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

pytestmark = pytest.mark.live

WITHIN_S = 30.0


class Process:
    """A run of `xdsserver serve`, and what it told."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self._process = process
        self.said: list[str] = []

    async def says(self, words: str, within_s: float = WITHIN_S) -> str:
        """Read on until a notice has these words."""
        assert self._process.stderr is not None
        async with asyncio.timeout(within_s):
            while line := await self._process.stderr.readline():
                notice: dict[str, Any] = json.loads(line)
                self.said.append(f"{notice['subject']}: {notice['message']}")
                if words in self.said[-1]:
                    return self.said[-1]
        pytest.fail(f"it ended without {words!r}: {self.said}")


@asynccontextmanager
async def serving(path: Path, name: str, addresses: dict[str, str]) -> AsyncIterator[Process]:
    everybody = ",".join(f"{one}={address}" for one, address in addresses.items())
    options = (
        "--replica",
        name,
        "--replicas",
        everybody,
        "--leader",
        "one",
        "--authority-dir",
        str(path / "authority"),
    )
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "xdsserver", "serve", "--from", str(path / "state")),
        *("--xds", f"unix:{path / name}.sock", "--log-format", "json", *options),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    try:
        yield Process(process)
    finally:
        process.terminate()
        await process.communicate()


@asynccontextmanager
async def envoy(path: Path, name: str, node: str, *, mute: bool = False) -> AsyncIterator[Envoy]:
    found = Envoy(node)
    found.mute = mute
    async with grpc.aio.insecure_channel(f"unix:{path / name}.sock") as channel:
        speaking = asyncio.create_task(found.speak(channel))
        try:
            yield found
        finally:
            speaking.cancel()
            await asyncio.wait({speaking})


async def test_the_leader_says_that_a_listener_is_served_when_the_envoys_of_the_other_server_have_it(
    tmp_path: Path,
) -> None:
    conf = folder(tmp_path / "conf", a=GATEWAY, b=ROUTE, c=SHOP)
    assert xdsserver("save", conf, "--out", tmp_path / "state").code == 0
    addresses = {name: f"127.0.0.1:{free_port()}" for name in ("one", "two")}
    async with serving(tmp_path, "one", addresses) as one, serving(tmp_path, "two", addresses) as two:
        await one.says("this server leads")
        await two.says("one leads and hears of our Envoys")
        async with envoy(tmp_path, "one", "a"), envoy(tmp_path, "two", "b", mute=True) as slow:
            with pytest.raises(TimeoutError):
                await one.says("is served at", within_s=1.0)
            await slow.speak_up()
            await one.says("listener http is served at")
            await two.says("listener http is served at")
