"""A backend that answers in what it is spoken to: HTTP/1.1, HTTP/2 by prior knowledge, WebSocket, each over TLS too."""

from __future__ import annotations

import asyncio
import json
import ssl
import tempfile
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from typing_extensions import override

from tests.live.sniffing import HANDSHAKE, sniffing

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from tests.certificates import Certificate

TLS = Path(__file__).parent / "tls"
AUTHORITY = (TLS / "authority.pem").read_text()

_PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
_DATA, _HEADERS, _SETTINGS, _PING = 0, 1, 4, 6
_ACK = _END_STREAM = 0x1
_END_HEADERS = 0x4


@dataclass(slots=True)
class Polyglot:
    """One that runs: `hosts` are the Host headers of its HTTP/1.1 requests, `names` what TLS clients asked for.

    It tells its name and the protocol, and over TLS the common name of the client, or null. A request with `x-close`
    is the last one of its connection.
    """

    name: str
    port: int = 0
    hosts: list[str] = field(default_factory=list)
    names: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class Secured:
    """How a backend speaks TLS: of the protocols in `alpn` the client chooses one.

    It `shows` a certificate, by default that of the folder `tls`, and lets in those with one that `lets_in` has signed,
    or everybody. With `plain_too` it answers those as well who speak no TLS.
    """

    alpn: tuple[str, ...] = ("h2", "http/1.1")
    shows: Certificate | None = None
    lets_in: Certificate | None = None
    plain_too: bool = False


@asynccontextmanager
async def polyglot(
    name: str, ip: str = "127.0.0.1", port: int = 0, secured: Secured | None = None
) -> AsyncIterator[Polyglot]:
    """Serve on this address and port, or any port; over TLS where that is asked for."""
    found = Polyglot(name)
    context = None if secured is None else _context(found, secured)
    if secured is not None and context is not None and secured.plain_too:
        async with sniffing(lambda: _Speaking(found), context) as found.port:
            yield found
        return
    server = await asyncio.get_running_loop().create_server(lambda: _Speaking(found), ip, port, ssl=context)
    found.port = server.sockets[0].getsockname()[1]
    try:
        yield found
    finally:
        server.close()


def _context(found: Polyglot, secured: Secured) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    if secured.shows is None:
        context.load_cert_chain(TLS / "server.pem", TLS / "server.key")
    else:
        with tempfile.NamedTemporaryFile() as file:
            Path(file.name).write_bytes(secured.shows.pem + secured.shows.key_pem)
            context.load_cert_chain(file.name)
    if secured.lets_in is not None:
        context.load_verify_locations(cadata=secured.lets_in.pem.decode())
        context.verify_mode = ssl.CERT_REQUIRED
    context.set_alpn_protocols(list(secured.alpn))

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
        elif self._rest.startswith(HANDSHAKE):
            # As any server that speaks no TLS: this is no request.
            self._write(b"HTTP/1.1 400 Bad Request\r\ncontent-length: 0\r\nconnection: close\r\n\r\n")
            if self._transport is not None:
                self._transport.close()
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
                end = "connection: close\r\n" if "x-close" in headers else ""
                self._write(f"HTTP/1.1 200 OK\r\n{end}content-length: {len(body)}\r\n\r\n".encode() + body)

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
        told: dict[str, Any] = {"backend": self._found.name, "protocol": protocol}
        if self._transport is not None and (agreed := self._transport.get_extra_info("ssl_object")) is not None:
            names = (agreed.getpeercert() or {}).get("subject", ())
            told["tls"] = True
            told["client"] = next((value for name in names for field, value in name if field == "commonName"), None)
        return json.dumps(told).encode()

    def _frame(self, kind: int, flags: int, stream: int, payload: bytes = b"") -> None:
        self._write(len(payload).to_bytes(3) + bytes([kind, flags]) + stream.to_bytes(4) + payload)

    def _write(self, data: bytes) -> None:
        if self._transport is not None:
            self._transport.write(data)
