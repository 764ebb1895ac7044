"""Probes and scrapes over HTTP."""

from __future__ import annotations

import asyncio
import time
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

import aiohttp
import pytest
from prometheus_client import CollectorRegistry

from xdsserver.observe.condition import Condition, EndpointError
from xdsserver.observe.endpoints import Endpoints
from xdsserver.observe.lag import lag_measured
from xdsserver.observe.metrics import Metrics

if TYPE_CHECKING:
    from collections.abc import AsyncIterator


class Server:
    """Endpoints of a process whose condition the test sets."""

    def __init__(self) -> None:
        self.condition = Condition(ready=False, detail={})
        self.registry = CollectorRegistry()
        self.endpoints = Endpoints("127.0.0.1", 0, lambda: self.condition, self.registry)

    @asynccontextmanager
    async def asked(self, path: str, accept: str = "*/*") -> AsyncIterator[aiohttp.ClientResponse]:
        async with (
            aiohttp.ClientSession() as session,
            session.get(f"http://{self.endpoints.address}{path}", headers={"Accept": accept}) as response,
        ):
            yield response


async def test_readiness_follows_the_condition_and_liveness_does_not() -> None:
    server = Server()
    async with server.endpoints.serving():
        async with server.asked("/readyz") as response:
            assert response.status == 503
        async with server.asked("/healthz") as response:
            assert response.status == 200
        server.condition = Condition(ready=True, detail={"streams": 2})
        async with server.asked("/readyz") as response:
            assert response.status == 200
        async with server.asked("/healthz") as response:
            assert await response.json() == {"alive": True, "ready": True, "streams": 2}
    assert not server.endpoints.address


@pytest.mark.parametrize(
    ("accept", "content_type"),
    [("*/*", "text/plain"), ("application/openmetrics-text; version=1.0.0", "application/openmetrics-text")],
)
async def test_a_scrape_gets_the_form_that_it_asks_for(accept: str, content_type: str) -> None:
    server = Server()
    Metrics(server.registry).joined("infra/fleet")
    async with server.endpoints.serving(), server.asked("/metrics", accept) as response:
        assert response.status == 200
        assert response.content_type == content_type
        assert 'xdsserver_xds_streams{fleet="infra/fleet"} 1.0' in await response.text()


async def test_nothing_else_is_answered() -> None:
    server = Server()
    async with server.endpoints.serving():
        async with server.asked("/") as response:
            assert response.status == 404
        async with aiohttp.ClientSession() as session:
            answer = await session.post(f"http://{server.endpoints.address}/healthz", data=b"x")
            assert answer.status == 405


async def test_an_address_that_is_taken_is_named() -> None:
    server = Server()
    async with server.endpoints.serving():
        host, _, port = server.endpoints.address.rpartition(":")
        second = Endpoints(host, int(port), lambda: server.condition, CollectorRegistry())
        with pytest.raises(EndpointError, match=rf"--health 127\.0\.0\.1:{port} cannot be listened on: it is in use"):
            async with second.serving():
                pass


async def test_what_blocks_the_event_loop_is_told_with_how_long() -> None:
    told: asyncio.Queue[float] = asyncio.Queue()
    with lag_measured(told.put_nowait, period_s=0.01):
        async with asyncio.timeout(20):
            await told.get()
            time.sleep(0.1)  # noqa: ASYNC251 (what is to be found)
            assert max([await told.get() for _ in range(2)]) > 0.05
