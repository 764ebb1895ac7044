"""An API server that does what a test says: answers, hangs, cuts, streams; and notes what it was asked.

It knows HTTP and nothing of Kubernetes. A script is a coroutine `(request, reply)`; `in_turn` makes one of several.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl, urlsplit

from xdsserver.kube.access import Access

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable

    Script = Callable[["Request", "Reply"], Awaitable[None]]

Json = dict[str, Any]


@dataclass(frozen=True)
class Request:
    """What the server was asked."""

    method: str
    path: str
    query: dict[str, str]
    headers: dict[str, str]
    body: bytes

    @property
    def watches(self) -> bool:
        return self.query.get("watch") == "1"

    def json(self) -> Any:  # noqa: ANN401  (any JSON)
        return json.loads(self.body)


class Reply:
    """The way back of one request."""

    def __init__(self, writer: asyncio.StreamWriter, going: asyncio.Event) -> None:
        self._writer = writer
        self._going = going
        self.whole = False

    async def json(self, content: Json, status: int = 200, **headers: str) -> None:
        """Answer, whole. Names of headers are written with `_` for `-`."""
        await self.content(json.dumps(content).encode(), status, **headers)

    async def content(self, content: bytes, status: int = 200, **headers: str) -> None:
        head = {"Content-Type": "application/json", "Content-Length": str(len(content)), **headers}
        await self._head(status, head)
        self._writer.write(content)
        await self._writer.drain()
        self.whole = True

    async def error(self, code: int, reason: str = "", message: str = "", **headers: str) -> None:
        """Answer with a Status."""
        await self.json(status_object(code, reason, message), code, **headers)

    async def stream(self) -> None:
        """Begin a watch."""
        await self._head(200, {"Content-Type": "application/json", "Transfer-Encoding": "chunked"})

    async def event(self, kind: str, object_: Json) -> None:
        """Send an event of a watch."""
        await self.line(json.dumps({"type": kind, "object": object_}).encode())

    async def line(self, line: bytes) -> None:
        await self.piece(line + b"\n")

    async def piece(self, content: bytes) -> None:
        """Send part of a watch, which need not be whole lines."""
        self._writer.write(b"%x\r\n%s\r\n" % (len(content), content))
        await self._writer.drain()

    async def end(self) -> None:
        """End a watch as an API server does when its time is over."""
        self._writer.write(b"0\r\n\r\n")
        await self._writer.drain()
        self.whole = True

    async def hang(self) -> None:
        """Say nothing more, and keep the connection open for as long as the server runs."""
        await self._going.wait()

    async def _head(self, status: int, headers: dict[str, str]) -> None:
        lines = [
            f"HTTP/1.1 {status} Scripted",
            *(f"{name.replace('_', '-')}: {value}" for name, value in headers.items()),
        ]
        self._writer.write(("\r\n".join(lines) + "\r\n\r\n").encode())
        await self._writer.drain()


@dataclass
class Scripted:
    """A running server: `script` may be replaced at any time, `asked` is all that it was asked."""

    address: str
    script: Script
    asked: list[Request] = field(default_factory=list)
    connections: int = 0

    @property
    def access(self) -> Access:
        return Access(f"http://{self.address}")

    def asked_for(self, path: str, *, watches: bool | None = None) -> list[Request]:
        return [one for one in self.asked if one.path == path and (watches is None or one.watches is watches)]


class Fixed:
    """Credentials that do not change."""

    lasts_s: float | None = None

    def __init__(self, access: Access) -> None:
        self._access = access

    async def read(self) -> Access:
        return self._access


@asynccontextmanager
async def scripted(script: Script) -> AsyncIterator[Scripted]:
    """Run a server on loopback until the end of the block."""
    ending = asyncio.Event()
    tasks: set[asyncio.Task[None]] = set()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        server.connections += 1
        with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError):
            while True:
                request = await _read(reader)
                server.asked.append(request)
                reply = Reply(writer, ending)
                await server.script(request, reply)
                if not reply.whole:
                    # Cut: whoever reads finds the end where more should be.
                    return

    def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        # Tasks of our own: those that asyncio makes for a server complain when they are cancelled.
        task = asyncio.ensure_future(serve(reader, writer))
        tasks.add(task)
        task.add_done_callback(tasks.discard)
        # Not by the task itself: one that is cancelled before it has begun closes nothing.
        task.add_done_callback(lambda _: writer.transport.abort())

    listening = await asyncio.start_server(accept, "127.0.0.1", 0, limit=2**24)
    host, port = listening.sockets[0].getsockname()
    server = Scripted(f"{host}:{port}", script)
    try:
        yield server
    finally:
        ending.set()
        listening.close()
        left = [*tasks]
        for task in left:
            task.cancel()
        await asyncio.gather(*left, return_exceptions=True)


async def _read(reader: asyncio.StreamReader) -> Request:
    first, *lines = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").strip().split("\r\n")
    headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
    method, target, _ = first.split()
    url = urlsplit(target)
    body = await reader.readexactly(int(headers.get("content-length", 0)))
    return Request(method, url.path, dict(parse_qsl(url.query, keep_blank_values=True)), headers, body)


# Scripts.


def answers(content: Json, status: int = 200, **headers: str) -> Script:
    async def script(_request: Request, reply: Reply) -> None:
        await reply.json(content, status, **headers)

    return script


def refuses(code: int, reason: str = "", message: str = "", **headers: str) -> Script:
    return answers(status_object(code, reason, message), code, **headers)


async def hangs(_request: Request, reply: Reply) -> None:
    await reply.hang()


async def cuts(_request: Request, _reply: Reply) -> None:
    """Close the connection without a word."""


def in_turn(*scripts: Script) -> Script:
    """Follow one script for each request; the last one stays."""
    left = [*scripts]

    async def script(request: Request, reply: Reply) -> None:
        await (left.pop(0) if len(left) > 1 else left[0])(request, reply)

    return script


def status_object(code: int, reason: str = "", message: str = "") -> Json:
    return {
        "kind": "Status",
        "apiVersion": "v1",
        "status": "Failure",
        "code": code,
        "reason": reason,
        "message": message,
    }
