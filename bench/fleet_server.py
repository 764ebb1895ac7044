"""A server with the resources of many routes, ours or a naive one: `python -m bench.fleet_server ours|naive FILE`.

`python -m bench.fleet_server ROUTES` writes such a file to stdout: the process that translated so many routes has
memory to spare from that, which would hide what streams cost.

The naive one is what is written first: each stream has a dictionary of versions, and each response is built from
messages and serialised for the stream that gets it. Commands are lines on stdin, answers JSON lines on stdout:

* `change`: one ClusterLoadAssignment becomes another; answered at once with the time.
* `memory`: what is allocated, once all garbage is collected.
* `processor`: its time so far.
"""

from __future__ import annotations

import asyncio
import gc
import json
import pickle
import sys
import time
from dataclasses import replace
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import grpc
from envoy.config.endpoint.v3.endpoint_pb2 import ClusterLoadAssignment
from envoy.service.discovery.v3.discovery_pb2 import DeltaDiscoveryRequest, DeltaDiscoveryResponse

from bench import worlds
from xdsserver.reconciler import Reconciler
from xdsserver.server import XdsOptions, XdsServer
from xdsserver.xds.cache import Cache
from xdsserver.xds.ledger import Ledger
from xdsserver.xds.resource import ENDPOINTS, ROUTE, Resource
from xdsserver.xds.rules import Rules

if TYPE_CHECKING:
    from collections.abc import Iterable

FLEET: Final = "bench"
_SERVICE: Final = "envoy.service.discovery.v3.AggregatedDiscoveryService"


class Ours:
    """The server as it is, with the ledger that statuses read."""

    def __init__(self, resources: Iterable[Resource]) -> None:
        self._ledger = Ledger()
        options = XdsOptions(("127.0.0.1:0",), Rules(fleet_of=lambda _node: FLEET))
        self._server = XdsServer(Cache(ready=True), options, self._ledger.fold)
        self._server.publish({(FLEET, one.type_url, one.name): one for one in resources})

    async def start(self) -> str:
        """Listen; give the address."""
        await self._server.start()
        return self._server.addresses[0]

    def publish(self, resource: Resource) -> None:
        """Replace a resource."""
        self._server.publish({(FLEET, resource.type_url, resource.name): resource})


class Naive:
    """A dictionary of versions per stream, and a serialisation per response."""

    def __init__(self, resources: Iterable[Resource]) -> None:
        self._types: dict[str, dict[str, Resource]] = {}
        for one in resources:
            self._types.setdefault(one.type_url, {})[one.name] = one
        self._streams: set[_NaiveStream] = set()

    async def start(self) -> str:
        """Listen; give the address."""
        server = grpc.aio.server(options=[("grpc.so_reuseport", 0), ("grpc.max_send_message_length", -1)])
        handlers = {"DeltaAggregatedResources": grpc.stream_stream_rpc_method_handler(self._serve)}
        server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler(_SERVICE, handlers),))
        port = server.add_insecure_port("127.0.0.1:0")
        await server.start()
        self._server = server
        return f"127.0.0.1:{port}"

    def publish(self, resource: Resource) -> None:
        """Replace a resource."""
        self._types[resource.type_url][resource.name] = resource
        for stream in self._streams:
            stream.changed.put_nowait(resource.type_url)

    async def _serve(self, _request: object, context: grpc.aio.ServicerContext[bytes, bytes]) -> None:
        stream = _NaiveStream(self._types, context)
        self._streams.add(stream)
        pushing = asyncio.create_task(stream.push())
        try:
            while isinstance(message := await context.read(), bytes):
                await stream.request(DeltaDiscoveryRequest.FromString(message))
        finally:
            pushing.cancel()
            self._streams.discard(stream)


class _NaiveStream:
    def __init__(self, types: dict[str, dict[str, Resource]], context: grpc.aio.ServicerContext[bytes, bytes]) -> None:
        self.changed: asyncio.Queue[str] = asyncio.Queue()
        self._types = types
        self._context = context
        self._subscribed: dict[str, set[str]] = {}
        self._sent: dict[str, dict[str, str]] = {}
        self._acked: dict[str, dict[str, str]] = {}
        self._open: dict[str, dict[str, str]] = {}
        self._numbers = count(1)

    async def request(self, request: DeltaDiscoveryRequest) -> None:
        """Take an acknowledgement, or a subscription."""
        type_url = request.type_url
        if request.response_nonce:
            self._acked.setdefault(type_url, {}).update(self._open.pop(request.response_nonce))
            return
        self._subscribed.setdefault(type_url, set()).update(request.resource_names_subscribe)
        await self._send(type_url)

    async def push(self) -> None:
        """Send what changes."""
        while True:
            await self._send(await self.changed.get())

    async def _send(self, type_url: str) -> None:
        names, sent = self._subscribed[type_url], self._sent.setdefault(type_url, {})
        response = DeltaDiscoveryResponse(type_url=type_url, nonce=str(next(self._numbers)))
        told = self._open[response.nonce] = {}
        for name, resource in self._types[type_url].items():
            if (names and name not in names) or sent.get(name) == resource.version:
                continue
            entry = response.resources.add(name=name, version=resource.version)
            entry.resource.type_url, entry.resource.value = type_url, resource.body
            sent[name] = told[name] = resource.version
        await self._context.write(response.SerializeToString())


def _resources(routes: int) -> list[Resource]:
    """Translate a world in which each route has a Service of its own: there is no larger one of so many routes."""
    outcome = Reconciler().objects(worlds.changes(worlds.with_services(routes)))
    # The parts that a rejected one is tried again without are functions, and nothing is rejected here.
    return [replace(resource, parts=None) for resource in outcome.resources.values() if resource is not None]


def _read(file: Path) -> list[Resource]:
    found: list[Resource] = pickle.loads(file.read_bytes())  # noqa: S301 (this module wrote it)
    return found


def _changed(resource: Resource, number: int) -> Resource:
    message = ClusterLoadAssignment.FromString(resource.body)
    address = message.endpoints[0].lb_endpoints[0].endpoint.address.socket_address
    address.port_value = 10_000 + number
    return Resource.of(message, resource.name)


def _memory() -> dict[str, float]:
    gc.collect()
    fields = dict(line.split(":", 1) for line in Path("/proc/self/status").read_text().splitlines())
    return {"anonymous_kib": int(fields["RssAnon"].split()[0])}


async def main() -> None:
    """Serve until stdin ends."""
    kind, file = sys.argv[1:]
    resources = _read(Path(file))
    server = Ours(resources) if kind == "ours" else Naive(resources)
    endpoints = [one for one in resources if one.type_url == ENDPOINTS]
    tables = [one.name for one in resources if one.type_url == ROUTE]
    gc.collect()
    gc.freeze()
    commands = asyncio.StreamReader()
    loop = asyncio.get_running_loop()
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(commands), sys.stdin)
    names = [one.name for one in endpoints]
    _say({"address": await server.start(), "endpoints": names, "tables": tables, "bytes": sum(map(_size, resources))})
    for number in count(1):
        match (await commands.readline()).decode().split():
            case ["change"]:
                begun = time.monotonic_ns()
                server.publish(_changed(endpoints[number * 7919 % len(endpoints)], number))
                _say({"begun_ns": begun})
            case ["memory"]:
                _say(_memory())
            case ["processor"]:
                _say({"cpu_s": time.process_time()})
            case []:
                return


def _size(resource: Resource) -> int:
    return len(resource.body)


def _say(fields: dict[str, Any]) -> None:
    print(json.dumps(fields), flush=True)


if __name__ == "__main__":
    if len(sys.argv) == 2:
        sys.stdout.buffer.write(pickle.dumps(_resources(int(sys.argv[1]))))
    else:
        asyncio.run(main())
