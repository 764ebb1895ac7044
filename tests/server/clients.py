"""A server on a loopback port, and clients that write requests and read answers by hand."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any, TypeAlias

import grpc
from envoy.service.discovery.v3 import discovery_pb2

from xdsserver.server import XdsOptions, XdsServer
from xdsserver.xds.cache import Cache
from xdsserver.xds.ledger import Ledger
from xdsserver.xds.resource import CLUSTER, Resource
from xdsserver.xds.rules import Rules

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

    from xdsserver.xds.ledger import Event

DELTA = "/envoy.service.discovery.v3.AggregatedDiscoveryService/DeltaAggregatedResources"
SOTW = "/envoy.service.discovery.v3.AggregatedDiscoveryService/StreamAggregatedResources"
RULES = Rules(fleet_of=lambda node: node.cluster)
WITHIN_S = 30.0


class Running:
    """A server on a loopback port, and the events that it told."""

    def __init__(self, options: XdsOptions, *, ready: bool) -> None:
        self.cache = Cache(ready=ready)
        self.ledger = Ledger()
        self.server = XdsServer(self.cache, options, self.hear, self.ledger)
        self.events: list[Event] = []
        self._heard = asyncio.Event()

    def hear(self, event: Event) -> None:
        self.events.append(event)
        self.ledger.fold(event)
        self._heard.set()

    async def until(self, condition: Callable[[Event], bool]) -> Event:
        async with asyncio.timeout(WITHIN_S):
            while True:
                self._heard.clear()
                for event in self.events:
                    if condition(event):
                        return event
                await self._heard.wait()

    @asynccontextmanager
    async def channel(self) -> AsyncIterator[grpc.aio.Channel]:
        async with grpc.aio.insecure_channel(self.server.addresses[0]) as channel:
            yield channel


@asynccontextmanager
async def running(*, ready: bool = True, address: str = "127.0.0.1:0", **options: Any) -> AsyncIterator[Running]:  # noqa: ANN401
    """Run a server for the length of a block; `options` are those of `XdsOptions`."""
    found = Running(XdsOptions((address,), RULES, **options), ready=ready)
    await found.server.start()
    try:
        yield found
    finally:
        await found.server.stop(0)


Call: TypeAlias = "grpc.aio.StreamStreamCall[bytes, bytes]"


def call_delta(channel: grpc.aio.Channel) -> Call:
    return call_method(channel, DELTA)


def call_sotw(channel: grpc.aio.Channel) -> Call:
    return call_method(channel, SOTW)


def call_method(channel: grpc.aio.Channel, method: str) -> Call:
    # The stubs want serialisers and an iterator; without them gRPC takes bytes, and `write` as often as one likes.
    make: Any = channel.stream_stream
    call: Call = make(method)()
    return call


def delta(type_url: str, *names: str, node: str = "", nonce: str = "") -> bytes:
    request = discovery_pb2.DeltaDiscoveryRequest(
        type_url=type_url, resource_names_subscribe=names, response_nonce=nonce
    )
    if node:
        request.node.id, request.node.cluster = node, "edge"
    return request.SerializeToString()


async def read_delta(call: Call) -> discovery_pb2.DeltaDiscoveryResponse:
    async with asyncio.timeout(WITHIN_S):
        content = await call.read()
    assert isinstance(content, bytes), f"the stream ended: {await call.code()} {await call.details()}"
    return discovery_pb2.DeltaDiscoveryResponse.FromString(content)


async def ends_with(call: Call) -> grpc.StatusCode:
    async with asyncio.timeout(WITHIN_S):
        return await call.code()


def put(*resources: Resource) -> dict[tuple[str, str, str], Resource | None]:
    return {("edge", resource.type_url, resource.name): resource for resource in resources}


def cluster(name: str, size: int = 3) -> Resource:
    return Resource.of_bytes(CLUSTER, name, b"\x0a" + bytes([size]) + b"x" * size)
