"""The least that can be written by hand between an API server and an Envoy: lists and watches HTTPRoutes, sends all.

`python -m bench.handwritten_watch DUMP SOCKET KUBECONFIG NAMESPACE`: of what we served it keeps all but the routes, and
one of these as a pattern. An event of the watch is decoded, its route put into the RouteConfiguration, and that is
serialised and sent whole. It knows nothing of statuses, parents, precedence, references or errors, and ends when a
watch does. The command is `times`: milliseconds from each event being read until what came of it was written.
"""

from __future__ import annotations

import asyncio
import json
import sys
import time
from pathlib import Path

import msgspec
from envoy.config.route.v3.route_components_pb2 import Route
from typing_extensions import override

from bench.handwritten import Server, serve
from xdsserver.kube.access import Kubeconfig
from xdsserver.kube.client import KubeClient
from xdsserver.xds.resource import ROUTE

_ROUTES = "/apis/gateway.networking.k8s.io/v1/namespaces/{namespace}/httproutes"


class _Metadata(msgspec.Struct, rename="camel"):
    name: str = ""
    namespace: str = ""
    resource_version: str = ""


class _Path(msgspec.Struct):
    value: str


class _Match(msgspec.Struct):
    path: _Path


class _Rule(msgspec.Struct):
    matches: list[_Match]


class _Spec(msgspec.Struct):
    rules: list[_Rule]


class _HttpRoute(msgspec.Struct):
    metadata: _Metadata
    spec: _Spec


class _List(msgspec.Struct):
    metadata: _Metadata
    items: list[_HttpRoute]


class _Event(msgspec.Struct):
    type: str
    object: _HttpRoute


class Watching(Server):
    """The server by hand, with routes of an API server."""

    def __init__(self, dump: Path, client: KubeClient, namespace: str) -> None:
        super().__init__(dump, port=None)
        self._client = client
        self._path = _ROUTES.format(namespace=namespace)
        self._times_ms: list[float] = []
        self._read_ns = 0
        (self._host,) = (host for host in self._table.virtual_hosts if host.routes)
        self._pattern = Route()
        self._pattern.CopyFrom(self._host.routes[0])
        for ours in self._host.routes:
            # The same resources as ours, or the two could not be compared.
            assert self._route(ours.name, ours.match.path_separated_prefix) == ours
        del self._host.routes[:]
        self._routes.clear()

    def _route(self, name: str, path: str) -> Route:
        route = Route()
        route.CopyFrom(self._pattern)
        route.name = name
        route.match.path_separated_prefix = path
        return route

    def _take(self, kind: str, found: _HttpRoute) -> None:
        name = f"HTTPRoute/{found.metadata.namespace}/{found.metadata.name}/rule/0/0"
        if kind == "DELETED":
            self._host.routes.remove(self._routes.pop(name))
            return
        if name not in self._routes:
            self._routes[name] = self._host.routes.add()
        self._routes[name].CopyFrom(self._route(name, found.spec.rules[0].matches[0].path.value))

    @override
    def _wrote(self) -> None:
        if self._read_ns:
            self._times_ms.append((time.monotonic_ns() - self._read_ns) / 1e6)

    async def follow(self) -> None:
        """List, and watch from there."""
        listed = msgspec.json.decode(await self._client.get(self._path), type=_List)
        for found in listed.items:
            self._take("ADDED", found)
        self._bodies[ROUTE][self._table_name] = self._table.SerializeToString()
        print(json.dumps({"ready": True}), flush=True)
        decoder = msgspec.json.Decoder(_Event)
        async with self._client.watch(self._path, {"resourceVersion": listed.metadata.resource_version}) as received:
            async for lines in received:
                self._read_ns = time.monotonic_ns()
                for line in lines:
                    event = decoder.decode(line)
                    self._take(event.type, event.object)
                self._changed.set()

    @override
    async def commands(self) -> None:
        """Follow the API server until stdin ends."""
        commands = await self._stdin()
        async with asyncio.TaskGroup() as group:
            following = group.create_task(self.follow())
            while await commands.readline():
                print(json.dumps({"times_ms": self._times_ms}), flush=True)
            following.cancel()


async def main() -> None:
    """Serve until stdin ends."""
    dump, socket, kubeconfig, namespace = sys.argv[1:]
    async with KubeClient(Kubeconfig(kubeconfig)) as client:
        await serve(Watching(Path(dump), client, namespace), socket)


if __name__ == "__main__":
    asyncio.run(main())
