"""What Envoys cost a server: their connections, calls, tasks and sessions together, and what they leave behind."""

from __future__ import annotations

import asyncio
import sys
from contextlib import AsyncExitStack, asynccontextmanager
from typing import TYPE_CHECKING

import grpc
import pytest

from tests.server.clients import call_delta, delta, read_delta
from tests.server.lone import name
from xdsserver.server.heap import _REST_S
from xdsserver.xds.resource import ENDPOINTS

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

KIB_PER_STREAM = 64
_STREAMS = 300
_RESOURCES = 2000
_SETTLE_S = 2 * _REST_S

pytestmark = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="reads /proc")


class Lone:
    """A server in a process of its own."""

    def __init__(self, process: asyncio.subprocess.Process, address: str) -> None:
        self._process = process
        self.address = address

    async def memory_kib(self) -> int:
        """Give what it has allocated and not given back."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(b"\n")
        return int(await self._process.stdout.readline())


@asynccontextmanager
async def lone_server(resources: int) -> AsyncIterator[Lone]:
    command = (sys.executable, "-m", "tests.server.lone", str(resources))
    pipe = asyncio.subprocess.PIPE
    process = await asyncio.create_subprocess_exec(*command, stdin=pipe, stdout=pipe)
    try:
        assert process.stdout is not None
        yield Lone(process, (await process.stdout.readline()).decode().strip())
    finally:
        process.kill()
        await process.wait()


async def take_everything(stack: AsyncExitStack, address: str, node: str) -> grpc.aio.StreamStreamCall[bytes, bytes]:
    """Connect as an Envoy does, over a connection of its own, and acknowledge all that there is."""
    options = (("grpc.use_local_subchannel_pool", 1),)
    call = call_delta(await stack.enter_async_context(grpc.aio.insecure_channel(address, options=options)))
    await call.write(delta(ENDPOINTS, *map(name, range(_RESOURCES)), node=node))
    response = await read_delta(call)
    assert len(response.resources) == _RESOURCES
    await call.write(delta(ENDPOINTS, nonce=response.nonce))
    return call


async def test_a_stream_with_its_connection_takes_less_than_64_kib() -> None:
    """Three hundred Envoys with two thousand resources each; what their start took is given back in a moment."""
    async with lone_server(_RESOURCES) as server, AsyncExitStack() as stack:
        calls = [await take_everything(stack, server.address, "first")]
        await asyncio.sleep(_SETTLE_S)
        base_kib = await server.memory_kib()
        for begin in range(0, _STREAMS, 50):
            nodes = (f"n{number}" for number in range(begin, begin + 50))
            calls += await asyncio.gather(*(take_everything(stack, server.address, node) for node in nodes))
        # Nobody tells when: a machine that is busy is given some tries.
        for _ in range(10):
            kib = (await server.memory_kib() - base_kib) / _STREAMS
            if kib < KIB_PER_STREAM:
                break
            await asyncio.sleep(_SETTLE_S)
        assert kib < KIB_PER_STREAM
