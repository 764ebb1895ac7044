"""Connections that are ended for their age: Envoy comes back at once, is sent nothing, and serves on meanwhile."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest

from tests.live import config
from tests.live.envoy import ads_bootstrap, running
from tests.live.http1 import Ask
from tests.live.load import Traffic, load
from tests.ports import free_port
from xdsserver.server import XdsOptions, XdsServer
from xdsserver.xds.cache import Cache
from xdsserver.xds.ledger import Acked, Joined, Left, Sent
from xdsserver.xds.resource import ROUTE
from xdsserver.xds.rules import Rules

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from xdsserver.xds.ledger import Event

pytestmark = pytest.mark.live


async def test_x25_an_envoy_whose_connection_ages_is_sent_nothing_again(tmp_path: Path) -> None:
    """X25: the stream ends UNAVAILABLE after age and grace; Envoy opens the next one and announces what it has."""
    events: list[Event] = []
    heard = asyncio.Event()

    def hear(event: Event) -> None:
        events.append(event)
        heard.set()

    async def until(count: int, condition: Callable[[Event], bool]) -> None:
        async with asyncio.timeout(30):
            while sum(map(condition, events)) < count:
                heard.clear()
                await heard.wait()

    rules = Rules(fleet_of=lambda node: node.cluster)
    options = XdsOptions((f"unix:{tmp_path}/xds.sock",), rules, connection_age_s=1.0, connection_grace_s=0.1)
    server, port = XdsServer(Cache(ready=True), options, hear), free_port()
    async with config.backend("blue") as blue:
        world = (
            config.cluster("blue"),
            config.endpoints("blue", blue),
            config.listener("l", port, routes="table"),
            config.routes("table", ["blue"]),
        )
        server.publish(config.changes(*world))
        await server.start()
        try:
            async with running(ads_bootstrap(options.addresses[0])):
                # Envoy is ready a moment before it has said so of its last resource.
                await until(1, lambda event: isinstance(event, Acked) and event.type_url == ROUTE)
                async with load(Traffic([Ask()], port, rate=200)) as tally:
                    await until(3, lambda event: isinstance(event, Left))
                    await until(4, lambda event: isinstance(event, Joined))
        finally:
            await server.stop(1.0)
    assert not tally.failures, str(tally)
    first = next(event.stream for event in events if isinstance(event, Joined))
    assert [event for event in events if isinstance(event, Sent) and event.stream != first] == []
