"""The least that can be written by hand: a delta xDS server for one Envoy, with the same resources as ours.

`python -m bench.handwritten DUMP SOCKET PORT`: it holds the RouteConfiguration as a message, changes one field of it,
serialises and sends. It knows nothing of acknowledgement, order, other Envoys, versions or errors. The commands are
those of `bench.plane`.
"""

from __future__ import annotations

import asyncio
import json
import sys
import time
from itertools import count
from pathlib import Path

import grpc
from envoy.config.listener.v3.listener_pb2 import Listener
from envoy.config.route.v3.route_pb2 import RouteConfiguration
from envoy.service.discovery.v3.discovery_pb2 import DeltaDiscoveryRequest, DeltaDiscoveryResponse

from xdsserver.xds.resource import LISTENER, ROUTE

_SERVICE = "envoy.service.discovery.v3.AggregatedDiscoveryService"


class Server:
    """All of it."""

    def __init__(self, dump: Path, port: int) -> None:
        """Take over the resources of a dump; Envoy listens on `port`."""
        self._bodies: dict[str, dict[str, bytes]] = {}
        for type_url, name, body in json.loads(dump.read_text()):
            self._bodies.setdefault(type_url, {})[name] = bytes.fromhex(body)
        for name, body in self._bodies[LISTENER].items():
            listener = Listener.FromString(body)
            listener.address.socket_address.port_value = port
            self._bodies[LISTENER][name] = listener.SerializeToString()
        ((self._table_name, table),) = self._bodies[ROUTE].items()
        self._table = RouteConfiguration.FromString(table)
        self._routes = {route.name: route for host in self._table.virtual_hosts for route in host.routes}
        self._numbers = count(1)
        self._changed = asyncio.Event()

    async def serve(self, _request: object, context: grpc.aio.ServicerContext[bytes, bytes]) -> None:
        """Send each type when it is asked for, and the table when it changed."""
        pushing = asyncio.create_task(self._push(context))
        asked: set[str] = set()
        try:
            while isinstance(message := await context.read(), bytes):
                type_url = DeltaDiscoveryRequest.FromString(message).type_url
                if type_url not in asked:
                    asked.add(type_url)
                    await context.write(self._response(type_url, self._bodies.get(type_url, {})))
        finally:
            pushing.cancel()

    def _response(self, type_url: str, bodies: dict[str, bytes]) -> bytes:
        response = DeltaDiscoveryResponse(type_url=type_url, nonce=str(next(self._numbers)))
        for name, body in bodies.items():
            resource = response.resources.add(name=name, version=response.nonce)
            resource.resource.type_url = type_url
            resource.resource.value = body
        return response.SerializeToString()

    async def _push(self, context: grpc.aio.ServicerContext[bytes, bytes]) -> None:
        while True:
            await self._changed.wait()
            self._changed.clear()
            await context.write(self._response(ROUTE, {self._table_name: self._table.SerializeToString()}))
            self._wrote()

    def _wrote(self) -> None:
        """Take that all of a table is written; whoever wants to know overrides it."""

    async def _stdin(self) -> asyncio.StreamReader:
        commands = asyncio.StreamReader()
        loop = asyncio.get_running_loop()
        await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(commands), sys.stdin)
        return commands

    async def commands(self) -> None:
        """Change a route when told to."""
        commands = await self._stdin()
        print(json.dumps({"ready": True}), flush=True)
        while line := await commands.readline():
            _, number, stamp = line.decode().split()
            route = self._routes[f"HTTPRoute/default/r{number}/rule/0/0"]
            begun = time.monotonic_ns()
            route.request_headers_to_add[0].header.value = stamp
            self._changed.set()
            print(json.dumps({"begun_ns": begun}), flush=True)


async def serve(server: Server, socket: str) -> None:
    """Serve at an address until there are no more commands."""
    serving = grpc.aio.server(options=[("grpc.so_reuseport", 0)])
    handlers = {"DeltaAggregatedResources": grpc.stream_stream_rpc_method_handler(server.serve)}
    serving.add_generic_rpc_handlers((grpc.method_handlers_generic_handler(_SERVICE, handlers),))
    serving.add_insecure_port(socket)
    await serving.start()
    await server.commands()
    await serving.stop(0)


async def main() -> None:
    """Serve until stdin ends."""
    dump, socket, port = sys.argv[1:]
    await serve(Server(Path(dump), int(port)), socket)


if __name__ == "__main__":
    asyncio.run(main())
