"""A relay between two sockets that can be cut and pointed elsewhere: a network, as far as a test needs one."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import AsyncIterator


@dataclass
class Relay:
    """Hands connections on to `target` (`HOST:PORT`), those that come from now on."""

    target: str
    address: str = ""
    _open: set[asyncio.StreamWriter] = field(default_factory=set)
    _flowing: asyncio.Event = field(default_factory=asyncio.Event)

    def __post_init__(self) -> None:
        """Begin with everything coming through."""
        self._flowing.set()

    def hold(self) -> None:
        """Let nothing through, and tell neither end, until `flow`."""
        self._flowing.clear()

    def flow(self) -> None:
        """Let through what was held, and what comes."""
        self._flowing.set()

    def cut(self) -> None:
        """Break all connections; new ones may be made at once."""
        for writer in self._open:
            writer.transport.abort()

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Hand on one connection until either end closes it."""
        host, _, port = self.target.rpartition(":")
        try:
            far_reader, far_writer = await asyncio.open_connection(host, int(port))
        except OSError:
            writer.close()
            return
        both = {writer, far_writer}
        self._open |= both
        try:
            async with asyncio.TaskGroup() as group:
                group.create_task(self._pump(reader, far_writer))
                group.create_task(self._pump(far_reader, writer))
        finally:
            self._open -= both
            for one in both:
                one.close()

    async def _pump(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(OSError):
            while data := await reader.read(65536):
                await self._flowing.wait()
                writer.write(data)
                await writer.drain()
        with suppress(OSError, RuntimeError):
            writer.write_eof()


@asynccontextmanager
async def relay(target: str) -> AsyncIterator[Relay]:
    """Run a relay on a loopback port for the length of a block."""
    found = Relay(target)
    server = await asyncio.start_server(found.serve, "127.0.0.1", 0)
    host, port = server.sockets[0].getsockname()
    found.address = f"{host}:{port}"
    try:
        yield found
    finally:
        server.close()
        found.cut()
        await asyncio.sleep(0)
