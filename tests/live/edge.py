"""A gateway for hostile clients: one hostname with an `/admin` of its own, served by an Envoy that others run."""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from tests.live import manifests as m
from tests.live.backends import Backend, backend
from tests.live.calls import telling
from tests.live.envoy import running
from tests.live.http1 import Ask
from tests.live.product import answers, bootstrap, home, standalone
from tests.ports import free_port

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Mapping

    from tests.live.envoy import Envoy

HOST = "edge.test"
CONNECTIONS = 120
"""How many clients may connect here; few, so that a test can use them up."""


@dataclass(frozen=True, slots=True)
class Edge:
    """Where it is, the Envoy, and its backends: `web` for all but `/admin`, which is `admin`'s; `calls` for gRPC."""

    port: int
    envoy: Envoy
    backends: Mapping[str, Backend]

    def served(self) -> dict[str, int]:
        return {name: one.served for name, one in self.backends.items()}


@dataclass(frozen=True, slots=True)
class Said:
    """What came back on a connection: the bytes, and whether it was closed."""

    data: bytes
    closed: bool

    @property
    def status(self) -> int:
        """The status of the first answer; 0 where there is none."""
        words = self.data.split(b" ", 2)
        return int(words[1]) if words[0] == b"HTTP/1.1" else 0

    def header(self, name: str) -> str:
        """Give a header of the first answer, empty where there is none."""
        lines = self.data.split(b"\r\n\r\n", 1)[0].decode("latin-1").lower().split("\r\n")
        return next((line.partition(": ")[2] for line in lines if line.startswith(f"{name}: ")), "")


def request(*lines: str, path: str = "/", method: str = "GET", host: str | None = HOST, body: bytes = b"") -> bytes:
    """Write a request of HTTP/1.1 just like this, right or wrong."""
    head = [f"{method} {path} HTTP/1.1", *([] if host is None else [f"host: {host}"]), *lines]
    return ("\r\n".join(head) + "\r\n\r\n").encode("latin-1") + body


async def send(port: int, data: bytes, *, quiet_s: float = 0.15, within_s: float = 30.0) -> Said:
    """Send bytes on a connection of their own and read until it is closed, or nothing more comes for a while."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    got = b""
    try:
        writer.write(data)
        while True:
            # Until the first byte comes a busy machine may take its time; after an answer silence is an answer too.
            part = await asyncio.wait_for(reader.read(65_536), quiet_s if got else within_s)
            if not part:
                return Said(got, closed=True)
            got += part
    except TimeoutError:
        return Said(got, closed=False)
    except ConnectionError:
        return Said(got, closed=True)
    finally:
        writer.close()


@asynccontextmanager
async def edge() -> AsyncIterator[Edge]:
    """Serve for the length of a block, by the bootstrap that `xdsserver bootstrap` prints but for fewer connections."""
    async with AsyncExitStack() as stack:
        where = await stack.enter_async_context(home())
        backends = {name: await stack.enter_async_context(backend(name)) for name in ("web", "admin")}
        backends["calls"] = await stack.enter_async_context(telling(Backend("calls")))
        port, xds = free_port(), free_port()
        routes = [
            m.http_route(
                "edge",
                m.rule(m.to("admin"), matches=[m.path("/admin")]),
                m.rule(m.to("web")),
                hostnames=[HOST],
            ),
            m.grpc_route("calls", m.rule(m.to("calls")), hostnames=["calls.test"]),
        ]
        services = [document for name, one in backends.items() for document in m.service(name, one.port)]
        m.write(where.folder / "edge.yaml", [m.gateway_class(), m.gateway(m.listener(port)), *services, *routes])
        await stack.enter_async_context(standalone(where, "--no-envoy", "--xds", f"127.0.0.1:{xds}"))
        envoy = await stack.enter_async_context(running(_fewer_connections(bootstrap(f"127.0.0.1:{xds}"))))
        await answers(port, Ask("/", HOST), lambda answer: answer.status == 200)
        yield Edge(port, envoy, backends)


def _fewer_connections(found: dict[str, Any]) -> dict[str, Any]:
    monitor = found["overload_manager"]["resource_monitors"][0]
    assert monitor["name"] == "envoy.resource_monitors.global_downstream_max_connections"
    monitor["typed_config"]["max_active_downstream_connections"] = CONNECTIONS
    return found
