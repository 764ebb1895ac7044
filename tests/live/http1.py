"""HTTP/1.1 as small as a load needs it: one connection, one request at a time, nothing repeated, nothing hidden."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Self

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Mapping

    from tests.live.tls_clients import Tls


@dataclass(frozen=True, slots=True)
class Ask:
    """A request; its length goes along where it has a body."""

    path: str = "/"
    host: str = "gateway.test"
    method: str = "GET"
    headers: tuple[tuple[str, str], ...] = ()
    body: bytes = b""

    def encode(self) -> bytes:
        lines = [f"{self.method} {self.path} HTTP/1.1", f"host: {self.host}"]
        lines += [f"{name}: {value}" for name, value in self.headers]
        lines += [f"content-length: {len(self.body)}"] if self.body else []
        return ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1") + self.body


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back; names of headers in lower case, their values joined by commas."""

    status: int
    body: bytes = b""
    headers: Mapping[str, str] = field(default_factory=dict)

    @property
    def text(self) -> str:
        return self.body.decode()


class Connection:
    """A connection to Envoy; `closing` once the other side said that it will take no further request on it."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer
        self.closing = False

    @classmethod
    async def open(cls, ip: str, port: int, tls: Tls | None = None) -> Self:
        if tls is None:
            return cls(*await asyncio.open_connection(ip, port))
        return cls(*await asyncio.open_connection(ip, port, ssl=tls.context, server_hostname=tls.sni))

    async def exchange(self, ask: Ask) -> Answer:
        """Send a request and read the whole answer.

        Raises:
            OSError: the connection was reset.
            asyncio.IncompleteReadError: it ended before the answer did.
        """
        self._writer.write(ask.encode())
        head = await self._reader.readuntil(b"\r\n\r\n")
        status, *lines = head.decode("latin-1").split("\r\n")
        headers: dict[str, str] = {}
        for name, _, value in (line.partition(":") for line in lines if line):
            before = headers.get(name.lower())
            headers[name.lower()] = value.strip() if before is None else f"{before}, {value.strip()}"
        # Everything that is asked here has a known length: our backends give one, and so does Envoy for its own words.
        length = 0 if ask.method == "HEAD" else int(headers.get("content-length", 0))
        body = await self._reader.readexactly(length)
        self.closing = headers.get("connection") == "close"
        return Answer(int(status.split(" ", 2)[1]), body, headers)

    def close(self) -> None:
        self._writer.close()


@asynccontextmanager
async def connected(ip: str, port: int, tls: Tls | None = None) -> AsyncIterator[Connection]:
    connection = await Connection.open(ip, port, tls)
    try:
        yield connection
    finally:
        connection.close()


async def ask(
    port: int, request: Ask, ip: str = "127.0.0.1", within_s: float = 30.0, *, tls: Tls | None = None
) -> Answer:
    """Ask once on a connection of its own."""
    async with asyncio.timeout(within_s), connected(ip, port, tls) as connection:
        return await connection.exchange(request)
