"""The least that can be written by hand for many HTTPS listeners on a port: one Listener, sent whole when it changes.

`python -m bench.handwritten_https DUMP SOCKET PORT`: it holds the Listener as a message, lets one filter chain of it
show another certificate, serialises and sends. It knows nothing of acknowledgement, order, versions or errors. The
command is that of `bench.plane`: `show LISTENER CERTIFICATE`.
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
from envoy.extensions.transport_sockets.tls.v3.tls_pb2 import DownstreamTlsContext
from envoy.service.discovery.v3.discovery_pb2 import DeltaDiscoveryRequest, DeltaDiscoveryResponse

from tests.live.many_listeners import host
from xdsserver.xds.resource import LISTENER

_SERVICE = "envoy.service.discovery.v3.AggregatedDiscoveryService"


class Server:
    """All of it."""

    def __init__(self, dump: Path, port: int) -> None:
        self._bodies: dict[str, dict[str, bytes]] = {}
        for type_url, name, body in json.loads(dump.read_text()):
            self._bodies.setdefault(type_url, {})[name] = bytes.fromhex(body)
        ((self._name, body),) = self._bodies[LISTENER].items()
        self._listener = Listener.FromString(body)
        self._listener.address.socket_address.port_value = port
        self._bodies[LISTENER][self._name] = self._listener.SerializeToString()
        chains = self._listener.filter_chains
        self._chains = {chain.filter_chain_match.server_names[0]: chain for chain in chains}
        self._numbers = count(1)
        self._changed = asyncio.Event()

    async def serve(self, _request: object, context: grpc.aio.ServicerContext[bytes, bytes]) -> None:
        """Send what is asked for: everything of a type, or what is named; and the Listener when it changed."""
        pushing = asyncio.create_task(self._push(context))
        try:
            while isinstance(message := await context.read(), bytes):
                request = DeltaDiscoveryRequest.FromString(message)
                bodies = self._bodies.get(request.type_url, {})
                if names := request.resource_names_subscribe:
                    await context.write(self._response(request.type_url, {one: bodies[one] for one in names}))
                elif not (request.response_nonce or request.resource_names_unsubscribe):
                    await context.write(self._response(request.type_url, bodies))
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
            await context.write(self._response(LISTENER, {self._name: self._listener.SerializeToString()}))

    async def commands(self) -> None:
        """Change a filter chain when told to."""
        commands = asyncio.StreamReader()
        loop = asyncio.get_running_loop()
        await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(commands), sys.stdin)
        print(json.dumps({"ready": True}), flush=True)
        while line := await commands.readline():
            _, number, shown = line.decode().split()
            begun = time.monotonic_ns()
            self._show(int(number), int(shown))
            self._changed.set()
            print(json.dumps({"begun_ns": begun}), flush=True)

    def _show(self, number: int, shown: int) -> None:
        socket = self._chains[host(number)].transport_socket
        context = DownstreamTlsContext.FromString(socket.typed_config.value)
        context.common_tls_context.tls_certificate_sds_secret_configs[0].name = f"certificate/default/c{shown}"
        socket.typed_config.Pack(context)


async def main() -> None:
    """Serve until stdin ends."""
    dump, socket, port = sys.argv[1:]
    server = Server(Path(dump), int(port))
    serving = grpc.aio.server(options=[("grpc.so_reuseport", 0)])
    handlers = {"DeltaAggregatedResources": grpc.stream_stream_rpc_method_handler(server.serve)}
    serving.add_generic_rpc_handlers((grpc.method_handlers_generic_handler(_SERVICE, handlers),))
    serving.add_insecure_port(socket)
    await serving.start()
    await server.commands()
    await serving.stop(0)


if __name__ == "__main__":
    asyncio.run(main())
