"""The least that can be written by hand between an API server and an Envoy: lists and watches HTTPRoutes, sends all.

`python -m bench.handwritten_watch DUMP SOCKET PORT KUBECONFIG NAMESPACE`: of what we served it keeps all but the
virtual hosts of routes, and one of these as a pattern. An event of the watch is decoded, its virtual host put into the
RouteConfiguration, and that is serialised and sent whole. It knows nothing of statuses, parents, hostnames that more
than one route has, precedence, references or errors, and ends when a watch does. The command is `times`: milliseconds
from each event being read until what came of it was written.
"""

from __future__ import annotations

import asyncio
import json
import sys
import time
from pathlib import Path

import msgspec
from envoy.config.route.v3.route_components_pb2 import VirtualHost
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
    hostnames: list[str]
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

    def __init__(self, dump: Path, port: int, client: KubeClient, namespace: str) -> None:
        super().__init__(dump, port)
        self._client = client
        self._path = _ROUTES.format(namespace=namespace)
        self._times_ms: list[float] = []
        self._read_ns = 0
        (ours,) = (host for host in self._table.virtual_hosts if host.routes)
        self._pattern = VirtualHost()
        self._pattern.CopyFrom(ours)
        first = ours.routes[0]
        _, served, name, *_ = first.name.split("/")
        # The same resources as ours, or the two could not be compared.
        assert self._host(served, name, ours.name, first.match.path_separated_prefix) == ours
        self._table.virtual_hosts.remove(ours)
        self._hosts: dict[str, VirtualHost] = {}

    def _host(self, namespace: str, name: str, hostname: str, path: str) -> VirtualHost:
        host = VirtualHost()
        host.CopyFrom(self._pattern)
        host.name = host.domains[0] = hostname
        host.routes[0].match.path_separated_prefix = path
        for number, route in enumerate(host.routes):
            route.name = f"HTTPRoute/{namespace}/{name}/rule/{number}/0"
        return host

    def _take(self, kind: str, found: _HttpRoute) -> None:
        metadata, name = found.metadata, found.metadata.name
        if kind == "DELETED":
            self._table.virtual_hosts.remove(self._hosts.pop(name))
            return
        if name not in self._hosts:
            self._hosts[name] = self._table.virtual_hosts.add()
        path = found.spec.rules[0].matches[0].path.value
        self._hosts[name].CopyFrom(self._host(metadata.namespace, name, found.spec.hostnames[0], path))

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
    dump, socket, port, kubeconfig, namespace = sys.argv[1:]
    async with KubeClient(Kubeconfig(kubeconfig)) as client:
        await serve(Watching(Path(dump), int(port), client, namespace), socket)


if __name__ == "__main__":
    asyncio.run(main())
