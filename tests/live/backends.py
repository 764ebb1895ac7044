"""A backend that tells who it is and what reached it, quick enough that a load measures the gateway.

A request may ask for headers of the answer: `x-echo-set-header: NAME:VALUE, NAME:VALUE`.
"""

from __future__ import annotations

import asyncio
import json
from collections import deque
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from typing_extensions import override

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from tests.live.http1 import Answer


@dataclass(slots=True)
class Backend:
    """One that runs: `served` counts the requests that reached it, so that a hidden second attempt shows.

    `received` holds the last few of them, for those whose answers nobody sees.
    """

    name: str
    port: int = 0
    served: int = 0
    received: deque[Seen] = field(default_factory=lambda: deque(maxlen=8))
    open: set[asyncio.WriteTransport] = field(default_factory=set)
    """Connections, to be closed with it."""

    async def has_served(self, count: int, within_s: float = 30.0) -> None:
        """Wait until so many requests reached it; a copy comes when it comes."""
        async with asyncio.timeout(within_s):
            while self.served < count:  # noqa: ASYNC110 (another process sends them, nothing to await)
                await asyncio.sleep(0.005)


@dataclass(frozen=True, slots=True)
class Seen:
    """A request as a backend received it; names of headers in lower case."""

    backend: str
    method: str
    path: str
    headers: tuple[tuple[str, str], ...]
    body: bytes = b""

    def values(self, name: str) -> list[str]:
        return [value for key, value in self.headers if key == name]


def seen(answer: Answer) -> Seen:
    """Read what a backend answered."""
    fields: dict[str, Any] = json.loads(answer.body)
    headers = tuple((name, value) for name, value in fields["headers"])
    return Seen(fields["backend"], fields["method"], fields["path"], headers, fields["body"].encode("latin-1"))


@asynccontextmanager
async def backend(name: str, ip: str = "127.0.0.1") -> AsyncIterator[Backend]:
    """Serve on a port of its own for the length of a block."""
    found = Backend(name)
    server = await asyncio.get_running_loop().create_server(lambda: _Serving(found), ip, 0)
    found.port = server.sockets[0].getsockname()[1]
    try:
        yield found
    finally:
        server.close()
        for transport in tuple(found.open):
            transport.abort()


class _Serving(asyncio.Protocol):
    """Answers requests of a known length, one after the other."""

    def __init__(self, backend_: Backend) -> None:
        self._backend = backend_
        self._rest = b""
        self._transport: asyncio.WriteTransport | None = None

    @override
    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.WriteTransport)
        self._transport = transport
        self._backend.open.add(transport)

    @override
    def connection_lost(self, exc: Exception | None) -> None:
        if self._transport is not None:
            self._backend.open.discard(self._transport)

    @override
    def data_received(self, data: bytes) -> None:
        self._rest += data
        while (end := self._rest.find(b"\r\n\r\n") + 4) >= 4:
            request, *lines = self._rest[: end - 4].decode("latin-1").split("\r\n")
            headers = [(name.lower(), value.strip()) for name, _, value in (line.partition(":") for line in lines)]
            whole = end + int(dict(headers).get("content-length", 0))
            if len(self._rest) < whole:
                return
            method, path, _ = request.split(" ", 2)
            self._answer(Seen(self._backend.name, method, path, tuple(headers), self._rest[end:whole]))
            self._rest = self._rest[whole:]

    def _answer(self, got: Seen) -> None:
        self._backend.served += 1
        self._backend.received.append(got)
        fields = {
            "backend": self._backend.name,
            "method": got.method,
            "path": got.path,
            "headers": got.headers,
            "body": got.body.decode("latin-1"),
        }
        body = json.dumps(fields).encode()
        asked = [one for name, value in got.headers if name == "x-echo-set-header" for one in value.split(", ")]
        sent = ["HTTP/1.1 200 OK", "content-type: application/json", f"content-length: {len(body)}", *asked]
        start = "\r\n".join([*sent, "\r\n"])
        if self._transport is not None:
            self._transport.write(start.encode() + (b"" if got.method == "HEAD" else body))
