"""An Envoy that needs no server: one static listener that answers 200, and what tests watch it with."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, TypeVar

from envoy.config.bootstrap.v3.bootstrap_pb2 import Bootstrap
from envoy.extensions.filters.http.router.v3 import router_pb2 as router_pb2  # noqa: PLC0414 (registers the type)
from envoy.extensions.filters.network.http_connection_manager.v3 import (
    http_connection_manager_pb2 as http_connection_manager_pb2,  # noqa: PLC0414 (registers the type)
)
from google.protobuf import json_format

from xdsserver.proxy.envoy import find_envoy
from xdsserver.proxy.local_envoy import LocalEnvoy

if TYPE_CHECKING:
    from pathlib import Path

    from xdsserver.proxy.states import State

S = TypeVar("S")
PATIENCE_S = 60.0
"""Bound of every wait: generous, because the machine may be busy; nothing waits for so long unless it fails."""


def static_bootstrap(runtime_dir: Path, port: int, upstream_port: int) -> Bootstrap:
    types = "type.googleapis.com/envoy.extensions.filters"
    manager = {
        "@type": f"{types}.network.http_connection_manager.v3.HttpConnectionManager",
        "stat_prefix": "static",
        "route_config": {
            "virtual_hosts": [
                {
                    "name": "all",
                    "domains": ["*"],
                    "routes": [
                        {"match": {"prefix": "/upstream"}, "route": {"cluster": "upstream"}},
                        {"match": {"prefix": "/"}, "direct_response": {"status": 200}},
                    ],
                }
            ]
        },
        "http_filters": [{"name": "router", "typed_config": {"@type": f"{types}.http.router.v3.Router"}}],
    }
    listener = {
        "name": "static",
        "address": {"socket_address": {"address": "127.0.0.1", "port_value": port}},
        # Off, or a second Envoy would share the port in silence, and no test here could tell.
        "enable_reuse_port": False,
        "filter_chains": [{"filters": [{"name": "manager", "typed_config": manager}]}],
    }
    endpoint = {"address": {"socket_address": {"address": "127.0.0.1", "port_value": upstream_port}}}
    cluster = {
        "name": "upstream",
        "load_assignment": {
            "cluster_name": "upstream",
            "endpoints": [{"lb_endpoints": [{"endpoint": endpoint}]}],
        },
    }
    return json_format.ParseDict(
        {
            "node": {"id": "test", "cluster": "test"},
            "admin": {"address": {"pipe": {"path": str(runtime_dir / "admin.sock"), "mode": 0o600}}},
            "static_resources": {"listeners": [listener], "clusters": [cluster]},
        },
        Bootstrap(),
    )


def local_envoy(
    runtime_dir: Path, port: int, *, upstream_port: int = 9, keep: bool = False, hang_s: float = 10.0
) -> LocalEnvoy:
    """An Envoy that answers 200 itself, and hands /upstream on (to the discard port, where nobody listens)."""
    return LocalEnvoy(
        binary=find_envoy(),
        bootstrap=static_bootstrap(runtime_dir, port, upstream_port),
        runtime_dir=runtime_dir,
        concurrency=1,
        drain_s=5,
        hang_s=hang_s,
        keep=keep,
    )


class States:
    """Collects what a supervisor says, and waits for what it is to say next."""

    def __init__(self) -> None:
        self.seen: list[State] = []
        self._queue: asyncio.Queue[State] = asyncio.Queue()

    def __call__(self, state: State) -> None:
        self.seen.append(state)
        self._queue.put_nowait(state)

    async def until(self, kind: type[S]) -> S:
        """The next state of a kind, those before it passed over."""
        async with asyncio.timeout(PATIENCE_S):
            while True:
                state = await self._queue.get()
                if isinstance(state, kind):
                    return state


async def status_of(port: int) -> int | None:
    """The status of one request on a connection of its own; None when nobody answers."""
    try:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
    except OSError:
        return None
    try:
        writer.write(b"GET / HTTP/1.1\r\nhost: test\r\nconnection: close\r\n\r\n")
        words = (await reader.readline()).split()
        return int(words[1]) if words else None
    except OSError:
        return None
    finally:
        writer.close()
