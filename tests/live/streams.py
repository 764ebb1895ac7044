"""Backends and clients of whole connections and of datagrams: a line or a datagram goes in, who got it comes back."""

from __future__ import annotations

import asyncio
import ssl
import tempfile
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from typing_extensions import override

from tests.certificates import Certificate, authority, curve_key

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

LONGEST = 65_507
"""The largest datagram that IPv4 can carry: 65,535 bytes less 20 of IP and 8 of UDP."""


@dataclass(slots=True)
class Stream:
    """A backend that runs: `taken` counts connections, or datagrams, that reached it."""

    name: str
    port: int = 0
    taken: int = 0


@asynccontextmanager
async def stream_backend(name: str, *, hostname: str = "") -> AsyncIterator[Stream]:
    """Answer each line of a connection with its name and the line; over TLS where a hostname for that is given."""
    found = Stream(name)

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        found.taken += 1
        with suppress(OSError):
            while line := await reader.readline():
                writer.write(f"{name} ".encode() + line)
                await writer.drain()
            writer.close()

    context = server_context(hostname) if hostname else None
    server = await asyncio.start_server(serve, "127.0.0.1", 0, ssl=context)
    found.port = server.sockets[0].getsockname()[1]
    try:
        yield found
    finally:
        server.close()


@asynccontextmanager
async def datagram_backend(name: str) -> AsyncIterator[Stream]:
    """Answer each datagram with its name and the datagram; one of the largest size comes back as it is."""
    found = Stream(name)

    class Serving(asyncio.DatagramProtocol):
        transport: asyncio.DatagramTransport

        @override
        def connection_made(self, transport: asyncio.DatagramTransport) -> None:  # type: ignore[override]
            self.transport = transport

        @override
        def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
            found.taken += 1
            self.transport.sendto(data if len(data) == LONGEST else f"{name} ".encode() + data, addr)

    transport, _ = await asyncio.get_running_loop().create_datagram_endpoint(Serving, ("127.0.0.1", 0))
    found.port = transport.get_extra_info("sockname")[1]
    try:
        yield found
    finally:
        transport.close()


AUTHORITY = authority()


def certificate(hostname: str) -> Certificate:
    """Give a certificate of a host, issued by the authority of these tests."""
    return Certificate(curve_key(), hostnames=(hostname,), name=hostname, issuer=AUTHORITY)


def server_context(hostname: str) -> ssl.SSLContext:
    """Give what a server of this name shows."""
    made = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    shown = certificate(hostname)
    with tempfile.NamedTemporaryFile() as file:
        Path(file.name).write_bytes(shown.pem + shown.key_pem)
        made.load_cert_chain(file.name)
    return made


@dataclass(frozen=True, slots=True)
class Line:
    """A connection that sends one line: over TLS with this name (SNI) where one is given, `-` for TLS without one."""

    port: int
    sni: str = ""
    ip: str = "127.0.0.1"

    async def answered(self) -> str | None:
        """Give the name of the backend that answers, None where the connection is closed or reset."""
        async with asyncio.timeout(30):
            try:
                reader, writer = await self._open()
            except (OSError, EOFError):
                return None
            try:
                writer.write(b"hello\n")
                answer = await reader.readline()
            except OSError:
                return None
            finally:
                writer.transport.abort()
        return answer.decode().split(" ")[0] or None

    async def shown(self) -> bytes:
        """Give the certificate in the handshake, in DER."""
        async with asyncio.timeout(30):
            _, writer = await self._open()
            shown: bytes = writer.get_extra_info("ssl_object").getpeercert(binary_form=True)
            writer.transport.abort()
        return shown

    async def _open(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        if not self.sni:
            return await asyncio.open_connection(self.ip, self.port)
        # A name that is an address is not sent (RFC 6066, section 3).
        name = "127.0.0.1" if self.sni == "-" else self.sni
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
        return await asyncio.open_connection(self.ip, self.port, ssl=context, server_hostname=name)


class Caller(asyncio.DatagramProtocol):
    """A client of one socket, which is one session to who passes its datagrams on."""

    def __init__(self) -> None:
        self._answers: asyncio.Queue[bytes] = asyncio.Queue()
        self._transport: asyncio.DatagramTransport | None = None

    @override
    def connection_made(self, transport: asyncio.DatagramTransport) -> None:  # type: ignore[override]
        self._transport = transport

    @override
    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        self._answers.put_nowait(data)

    async def exchange(self, data: bytes, within_s: float = 30.0) -> bytes | None:
        """Send a datagram and give what comes back, None where nothing does in this time."""
        assert self._transport is not None
        self._transport.sendto(data)
        try:
            return await asyncio.wait_for(self._answers.get(), within_s)
        except TimeoutError:
            return None

    async def answered(self, within_s: float = 30.0) -> str | None:
        """Give the name of the backend that answers."""
        answer = await self.exchange(b"hello", within_s)
        return None if answer is None else answer.decode().split(" ")[0]


@asynccontextmanager
async def caller(port: int, ip: str = "127.0.0.1") -> AsyncIterator[Caller]:
    """Open a socket to a port of this machine."""
    loop = asyncio.get_running_loop()
    transport, made = await loop.create_datagram_endpoint(Caller, remote_addr=(ip, port))
    try:
        yield made
    finally:
        transport.close()


async def called(port: int, within_s: float = 30.0, ip: str = "127.0.0.1") -> str | None:
    """Send one datagram from a socket of its own; give the name of the backend that answers."""
    async with caller(port, ip) as one:
        return await one.answered(within_s)
