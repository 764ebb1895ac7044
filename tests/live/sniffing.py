"""A port that speaks TLS and plain text, as a client begins: for a backend that changes from one to the other."""

from __future__ import annotations

import asyncio
import socket
from contextlib import asynccontextmanager, suppress
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import ssl
    from collections.abc import AsyncIterator, Callable

HANDSHAKE = b"\x16"
"""What TLS begins with: the type of a record (RFC 8446, section 5.1)."""


@asynccontextmanager
async def sniffing(serve: Callable[[], asyncio.Protocol], context: ssl.SSLContext) -> AsyncIterator[int]:
    """Serve on a loopback port for the length of a block, and give the port."""
    loop = asyncio.get_running_loop()
    with socket.create_server(("127.0.0.1", 0), backlog=1024) as listening:
        listening.settimeout(0)

        async def begin(connection: socket.socket) -> None:
            with suppress(OSError):
                first = await _peek(connection)
                await loop.connect_accepted_socket(serve, connection, ssl=context if first == HANDSHAKE else None)

        async def accept(group: asyncio.TaskGroup) -> None:
            while True:
                connection, _ = await loop.sock_accept(listening)
                group.create_task(begin(connection))

        async with asyncio.TaskGroup() as group:
            accepting = group.create_task(accept(group))
            try:
                yield listening.getsockname()[1]
            finally:
                accepting.cancel()


async def _peek(connection: socket.socket) -> bytes:
    """Wait for the first byte, and leave it where it is."""
    loop = asyncio.get_running_loop()
    readable = loop.create_future()
    loop.add_reader(connection, readable.set_result, None)
    try:
        await readable
    finally:
        loop.remove_reader(connection)
    return connection.recv(1, socket.MSG_PEEK)
