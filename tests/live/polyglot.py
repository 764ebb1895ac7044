"""A backend that answers in what it is spoken to: HTTP/1.1, HTTP/2 by prior knowledge, WebSocket, each over TLS too."""

from __future__ import annotations

import asyncio
import json
import ssl
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from typing_extensions import override

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterable

TLS = Path(__file__).parent / "tls"
AUTHORITY = (TLS / "authority.pem").read_text()

_PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
_DATA, _HEADERS, _SETTINGS, _PING = 0, 1, 4, 6
_ACK = _END_STREAM = 0x1
_END_HEADERS = 0x4


@dataclass(slots=True)
class Polyglot:
    """One that runs: `hosts` are the Host headers of its HTTP/1.1 requests, `names` what TLS clients asked for."""

    name: str
    port: int = 0
    hosts: list[str] = field(default_factory=list)
    names: list[str] = field(default_factory=list)


@asynccontextmanager
async def polyglot(
    name: str, ip: str = "127.0.0.1", port: int = 0, alpn: Iterable[str] | None = None
) -> AsyncIterator[Polyglot]:
    """Serve on this address and port, or any port; with `alpn` over TLS, where the client chooses one of these."""
    found = Polyglot(name)
    context = None if alpn is None else _context(found, list(alpn))
    server = await asyncio.get_running_loop().create_server(lambda: _Speaking(found), ip, port, ssl=context)
    found.port = server.sockets[0].getsockname()[1]
    try:
        yield found
    finally:
        server.close()


def _context(found: Polyglot, alpn: list[str]) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(TLS / "server.pem", TLS / "server.key")
    context.set_alpn_protocols(alpn)

    def note(_socket: ssl.SSLObject, name: str, _context: ssl.SSLContext) -> None:
        found.names.append(name)

    context.sni_callback = note
    return context


class _Speaking(asyncio.Protocol):
    """One connection; what it begins with tells what is spoken."""

    def __init__(self, found: Polyglot) -> None:
        self._found = found
        self._rest = b""
        self._transport: asyncio.WriteTransport | None = None
        self._http2 = False
        self._echoes = False

    @override
    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.WriteTransport)
        self._transport = transport

    @override
    def data_received(self, data: bytes) -> None:
        self._rest += data
        if not self._http2 and self._rest.startswith(_PREFACE):
            self._http2 = True
            self._rest = self._rest[len(_PREFACE) :]
            self._frame(_SETTINGS, 0, 0)
        if self._echoes:
            self._write(data)
        elif self._http2:
            self._frames()
        else:
            self._heads()

    def _heads(self) -> None:
        *heads, self._rest = self._rest.split(b"\r\n\r\n")
        for head in heads:
            _, *lines = head.decode("latin-1").split("\r\n")
            headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
            self._found.hosts.append(headers["host"])
            if headers.get("upgrade") == "websocket":
                self._echoes = True
                self._write(b"HTTP/1.1 101 Switching Protocols\r\nupgrade: websocket\r\nconnection: upgrade\r\n\r\n")
            else:
                body = self._body("HTTP/1.1")
                self._write(f"HTTP/1.1 200 OK\r\ncontent-length: {len(body)}\r\n\r\n".encode() + body)

    def _frames(self) -> None:
        """Answer every request with the same, whatever its headers say: they are compressed, and nobody asks here."""
        head = 9
        while len(self._rest) >= head and len(self._rest) >= head + int.from_bytes(self._rest[:3]):
            length, kind, flags = int.from_bytes(self._rest[:3]), self._rest[3], self._rest[4]
            stream = int.from_bytes(self._rest[5:head])
            payload, self._rest = self._rest[head : head + length], self._rest[head + length :]
            if kind in (_SETTINGS, _PING) and not flags & _ACK:
                self._frame(kind, _ACK, 0, payload if kind == _PING else b"")
            elif kind == _HEADERS:
                body = self._body("HTTP/2")
                size = str(len(body)).encode()
                # `:status: 200` is number 8 of the table that every client has, the name `content-length` is 28.
                self._frame(_HEADERS, _END_HEADERS, stream, b"\x88\x0f\x0d" + bytes([len(size)]) + size)
                self._frame(_DATA, _END_STREAM, stream, body)

    def _body(self, protocol: str) -> bytes:
        return json.dumps({"backend": self._found.name, "protocol": protocol}).encode()

    def _frame(self, kind: int, flags: int, stream: int, payload: bytes = b"") -> None:
        self._write(len(payload).to_bytes(3) + bytes([kind, flags]) + stream.to_bytes(4) + payload)

    def _write(self, data: bytes) -> None:
        if self._transport is not None:
            self._transport.write(data)
