"""The product as its user runs it: the command line in a process of its own, its notices read as JSON."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import sys
import tempfile
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import aiohttp
import yaml

from tests.live.envoy import Admin
from tests.live.http1 import ask

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable
    from contextlib import AbstractAsyncContextManager

    from tests.live.http1 import Answer, Ask
    from tests.live.tls_clients import Tls

Notice = dict[str, Any]

_END_WITHIN_S = 20.0


@dataclass(frozen=True, slots=True)
class Home:
    """What stays when the process goes: the folder that is served, and where state and sockets are."""

    root: Path

    @property
    def folder(self) -> Path:
        return self.root / "config"

    @property
    def runtime(self) -> Path:
        return self.root / "run"

    @property
    def options(self) -> tuple[str, ...]:
        return ("--state-dir", str(self.root / "state"), "--runtime-dir", str(self.runtime))

    def resident(self) -> int | None:
        """Return the pid of the Envoy that was started last in here."""
        with suppress(OSError):
            return int((self.runtime / "envoy.pid").read_text().split()[0])
        return None


@asynccontextmanager
async def home() -> AsyncIterator[Home]:
    """Make a short-named folder, since sockets go there; whatever Envoy was left on purpose is ended with it."""
    with tempfile.TemporaryDirectory(prefix="xds-") as root:
        found = Home(Path(root))
        found.folder.mkdir()
        try:
            yield found
        finally:
            end(found)


def end(found: Home) -> None:
    """End the Envoy that lives in a home, told by its command line from a stranger with its pid."""
    pid = found.resident()
    if pid is not None and str(found.runtime) in command_line(pid):
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)


def command_line(pid: int) -> str:
    """Return the command line of a process; empty for one that has ended or is a zombie."""
    try:
        return Path(f"/proc/{pid}/cmdline").read_text()
    except OSError:
        return ""


@dataclass
class Product:
    """A running `xdsserver standalone`."""

    process: asyncio.subprocess.Process
    notices: list[Notice] = field(default_factory=list)
    _heard: asyncio.Event = field(default_factory=asyncio.Event)

    async def notice(self, *words: str, within_s: float = 30.0) -> Notice:
        """Wait until a notice, past or to come, holds all these words in subject and text."""
        return (await self.since(0, *words, within_s=within_s))[1]

    async def since(self, start: int, *words: str, within_s: float = 30.0) -> tuple[int, Notice]:
        """Wait for a notice from number `start` on; give the number after it too."""
        async with asyncio.timeout(within_s):
            while True:
                self._heard.clear()
                for number, said in enumerate(self.notices[start:], start):
                    if all(word in f"{said['subject']} {said['message']}" for word in words):
                        return number + 1, said
                if self.process.returncode is not None:
                    message = f"xdsserver ended with {self.process.returncode}: {self.notices[-5:]}"
                    raise AssertionError(message)
                await self._heard.wait()

    async def listen(self) -> None:
        """Read notices until the process ends."""
        stderr = self.process.stderr
        assert stderr is not None
        while line := await stderr.readline():
            text = line.decode()
            try:
                said = json.loads(text)
            except ValueError:
                # What is no notice is a traceback or a message of a command: kept, for a test that wonders.
                said = {"level": "none", "subject": "", "message": text.rstrip("\n")}
            self.notices.append(said)
            self._heard.set()
        await self.process.wait()
        self._heard.set()

    async def kill(self) -> None:
        """End it as the kernel would when memory is short."""
        self.process.kill()
        await self.process.wait()

    async def stop(self) -> int:
        """Ask for the end as Ctrl-C does, and give the exit code."""
        if self.process.returncode is None:
            self.process.send_signal(signal.SIGINT)
        async with asyncio.timeout(_END_WITHIN_S):
            return await self.process.wait()


def standalone(found: Home, *options: str) -> AbstractAsyncContextManager[Product]:
    """Run `xdsserver standalone` for the length of a block."""
    return _running(*_standalone(found, *options))


def limited(found: Home, limit: str, *options: str) -> AbstractAsyncContextManager[Product]:
    """Run `xdsserver standalone` under a limit of the shell, such as `ulimit -f 0`."""
    return _running("sh", "-c", f'{limit}; exec "$@"', "sh", *_standalone(found, *options))


def serve(file: Path, *options: str) -> AbstractAsyncContextManager[Product]:
    """Run `xdsserver serve --from` for the length of a block."""
    return _running(*_XDSSERVER, "serve", "--from", str(file), *_AS_JSON, *options)


_XDSSERVER = (sys.executable, "-m", "xdsserver")
_AS_JSON = ("--log-format", "json")


def _standalone(found: Home, *options: str) -> tuple[str, ...]:
    arguments = ("standalone", str(found.folder), "--addresses", "127.0.0.1")
    return (*_XDSSERVER, *arguments, *_AS_JSON, *found.options, *options)


@asynccontextmanager
async def _running(*command: str) -> AsyncIterator[Product]:
    process = await asyncio.create_subprocess_exec(
        *command,
        stdin=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.PIPE,
        limit=4 * 1024 * 1024,
    )
    product = Product(process)
    listening = asyncio.create_task(product.listen())
    try:
        yield product
    finally:
        try:
            await product.stop()
        except TimeoutError:
            await product.kill()
        await listening


def bootstrap(xds: str) -> dict[str, Any]:
    """Return what `xdsserver bootstrap` prints for an Envoy that somebody else starts."""
    command = (sys.executable, "-m", "xdsserver", "bootstrap", "--xds", xds)
    text = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    found: dict[str, Any] = yaml.safe_load(text)
    return found


@asynccontextmanager
async def admin(found: Home) -> AsyncIterator[Admin]:
    """Ask the admin interface of the Envoy that the product runs."""
    connector = aiohttp.UnixConnector(path=str(found.runtime / "admin.sock"))
    async with aiohttp.ClientSession(connector=connector, timeout=aiohttp.ClientTimeout(30)) as session:
        yield Admin(session)


async def answers(  # noqa: PLR0913 # what is asked, where, how, and for how long
    port: int,
    request: Ask,
    condition: Callable[[Answer], bool],
    *,
    ip: str = "127.0.0.1",
    within_s: float = 30.0,
    tls: Tls | None = None,
) -> tuple[Answer, float]:
    """Ask again and again until an answer is like this; give it and how long that took, in seconds.

    Refused connections count as no answer yet: before a listener is open there is nobody to ask.
    """
    loop = asyncio.get_running_loop()
    start = loop.time()
    last: object = None
    try:
        async with asyncio.timeout(within_s):
            while True:
                try:
                    answer = await ask(port, request, ip, tls=tls)
                except (OSError, EOFError) as error:
                    last = error
                else:
                    last = answer
                    if condition(answer):
                        return answer, loop.time() - start
                await asyncio.sleep(0.002)
    except TimeoutError as error:
        message = f"{request} was not answered as expected within {within_s:g} s; the last answer was {last!r}"
        raise AssertionError(message) from error
