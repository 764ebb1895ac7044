"""What is removed while requests run is removed for new requests only."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

import pytest

from tests.live import manifests as m
from tests.live.http1 import Ask, ask
from tests.live.product import answers, home, standalone
from tests.ports import free_port

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

pytestmark = [pytest.mark.live, pytest.mark.alone]

_TAKES_S = 3.0
_EACH = 20


class Slow:
    """A backend that thinks for three seconds about every request but that for `/quick`."""

    def __init__(self) -> None:
        self.port = 0
        self.under_way = 0

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while request := await reader.readuntil(b"\r\n\r\n"):
                if b" /quick " not in request:
                    self.under_way += 1
                    await asyncio.sleep(_TAKES_S)
                writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok")
        except (asyncio.IncompleteReadError, ConnectionError):
            writer.close()


@asynccontextmanager
async def slow_backend() -> AsyncIterator[Slow]:
    found = Slow()
    server = await asyncio.start_server(found.serve, "127.0.0.1", 0)
    found.port = server.sockets[0].getsockname()[1]
    try:
        yield found
    finally:
        server.close()


async def refused(port: int, within_s: float = 30.0) -> None:
    """Wait until nobody listens on a port."""
    async with asyncio.timeout(within_s):
        while True:
            try:
                await ask(port, Ask("/quick"))
            except OSError:
                return
            except EOFError:
                pass
            await asyncio.sleep(0.01)


async def test_x18_requests_under_way_outlive_their_route_their_backend_and_their_listener() -> None:
    """X18: listener removed while requests run: drain, no reset of in-flight requests.

    20 slow requests (3 s) across a route delete, and 20 across a listener delete: all ok. The Services go as well, so
    clusters and endpoints leave Envoy before the answers come.
    """
    async with home() as where, slow_backend() as slow:
        stays, goes = free_port(), free_port()
        listeners = [m.listener(stays), m.listener(goes, name="goes")]
        services = [*m.service("one", slow.port), *m.service("two", slow.port), *m.service("three", slow.port)]
        routes = [
            m.http_route("deleted", m.rule(m.to("one")), hostnames=["deleted.test"], sectionName="http"),
            m.http_route("orphan", m.rule(m.to("two")), sectionName="goes"),
            m.http_route("stays", m.rule(m.to("three")), hostnames=["gateway.test"], sectionName="http"),
        ]
        file = where.folder / "all.yaml"
        m.write(file, [m.gateway_class(), m.gateway(*listeners), *services, *routes])
        async with standalone(where, "--concurrency", "1") as product:
            await product.notice("Envoy", "ready")
            await answers(stays, Ask("/quick", "deleted.test"), lambda answer: answer.status == 200)
            await answers(goes, Ask("/quick"), lambda answer: answer.status == 200)
            asked = [asyncio.create_task(ask(stays, Ask("/", "deleted.test"))) for _ in range(_EACH)]
            asked += [asyncio.create_task(ask(goes, Ask())) for _ in range(_EACH)]
            async with asyncio.timeout(30):
                while slow.under_way < 2 * _EACH:  # noqa: ASYNC110 (Envoy sends them)
                    await asyncio.sleep(0.005)
            m.write(file, [m.gateway_class(), m.gateway(listeners[0]), *services[4:], routes[2]])
            await answers(stays, Ask("/quick", "deleted.test"), lambda answer: answer.status == 404)
            await refused(goes)
            assert not any(task.done() for task in asked), "the change must come while they run"
            assert [answer.status for answer in await asyncio.gather(*asked)] == [200] * (2 * _EACH)
            assert (await ask(stays, Ask("/quick"))).status == 200
