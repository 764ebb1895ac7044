"""Many Envoys in one process, as far as a server can tell: `python -m bench.fleet_clients ADDRESS`.

Each has a connection of its own, asks for what an Envoy asks for in the order in which it does, and acknowledges all it
is sent. Commands are lines on stdin, answers JSON lines on stdout:

* `connect COUNT`: so many more; answered when each has everything that the server has.
* `stall`: one more, which takes no more than its first response; answered when it has that.
* `watch`: answered with the times at which each client had the change that comes next.
"""

from __future__ import annotations

import asyncio
import json
import sys
import time
from typing import Any

import grpc
from envoy.service.discovery.v3.discovery_pb2 import DeltaDiscoveryRequest, DeltaDiscoveryResponse

from xdsserver.xds.resource import CLUSTER, ENDPOINTS, LISTENER, ROUTE

_METHOD = "/envoy.service.discovery.v3.AggregatedDiscoveryService/DeltaAggregatedResources"
_TYPES = (CLUSTER, ENDPOINTS, LISTENER, ROUTE)
_OPTIONS = (("grpc.use_local_subchannel_pool", 1), ("grpc.max_receive_message_length", -1))
_FLEET = "bench"


class Clients:
    """All of them."""

    def __init__(self, address: str) -> None:
        self._address = address
        self._tables: tuple[str, ...] = ()
        self._endpoints: tuple[str, ...] = ()
        self._calls: list[tuple[grpc.aio.Channel, Any]] = []
        self._tasks: set[asyncio.Task[None]] = set()
        self._changed: asyncio.Queue[int] = asyncio.Queue()

    def learn(self, endpoints: str, tables: str) -> None:
        """Take the names that an Envoy would read from clusters and listeners, and that ours are spared to parse."""
        self._endpoints, self._tables = tuple(json.loads(endpoints)), tuple(json.loads(tables))

    async def connect(self, count: int) -> list[float]:
        """Connect so many at once; give the seconds after which each had everything."""
        begun = time.monotonic()

        async def one() -> float:
            call = await self._introduce()
            asked = {CLUSTER}
            missing = set(_TYPES)
            while missing:
                response = await self._take(call)
                missing.discard(response.type_url)
                await call.write(_ack(response))
                if response.type_url == CLUSTER and ENDPOINTS not in asked:
                    asked |= {ENDPOINTS, LISTENER}
                    await call.write(_request(ENDPOINTS, *self._endpoints))
                    await call.write(_request(LISTENER))
                elif response.type_url == LISTENER and ROUTE not in asked:
                    asked.add(ROUTE)
                    await call.write(_request(ROUTE, *self._tables))
            took_s = time.monotonic() - begun
            task = asyncio.create_task(self._follow(call))
            self._tasks.add(task)
            return took_s

        return list(await asyncio.gather(*(one() for _ in range(count))))

    async def stall(self) -> None:
        """Connect one that reads its clusters and nothing after them."""
        call = await self._introduce()
        await call.write(_ack(await self._take(call)))
        await call.write(_request(ENDPOINTS, *self._endpoints))

    async def watch(self) -> list[int]:
        """Wait until every client has one more change; give the times."""
        return [await self._changed.get() for _ in self._tasks]

    async def _introduce(self) -> Any:  # noqa: ANN401 (a call of gRPC without serialisers)
        channel = grpc.aio.insecure_channel(self._address, options=_OPTIONS)
        make: Any = channel.stream_stream
        call = make(_METHOD)()
        self._calls.append((channel, call))
        request = DeltaDiscoveryRequest(type_url=CLUSTER)
        request.node.id, request.node.cluster = f"envoy-{len(self._calls)}", _FLEET
        await call.write(request.SerializeToString())
        return call

    async def _take(self, call: Any) -> DeltaDiscoveryResponse:  # noqa: ANN401
        return DeltaDiscoveryResponse.FromString(await call.read())

    async def _follow(self, call: Any) -> None:  # noqa: ANN401
        while isinstance(message := await call.read(), bytes):
            self._changed.put_nowait(time.monotonic_ns())
            await call.write(_ack(DeltaDiscoveryResponse.FromString(message)))


def _request(type_url: str, *names: str) -> bytes:
    return DeltaDiscoveryRequest(type_url=type_url, resource_names_subscribe=names).SerializeToString()


def _ack(response: DeltaDiscoveryResponse) -> bytes:
    return DeltaDiscoveryRequest(type_url=response.type_url, response_nonce=response.nonce).SerializeToString()


async def main() -> None:
    """Serve commands until stdin ends."""
    clients = Clients(sys.argv[1])
    commands = asyncio.StreamReader(limit=2**24)
    loop = asyncio.get_running_loop()
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(commands), sys.stdin)
    print(json.dumps({"ready": True}), flush=True)
    while line := await commands.readline():
        answer: object = True
        match line.decode().split():
            case ["learn", endpoints, tables]:
                clients.learn(endpoints, tables)
            case ["connect", count]:
                answer = await clients.connect(int(count))
            case ["stall"]:
                await clients.stall()
            case ["watch"]:
                print(json.dumps({"watching": True}), flush=True)
                answer = await clients.watch()
        print(json.dumps({"answer": answer}), flush=True)


if __name__ == "__main__":
    asyncio.run(main())
