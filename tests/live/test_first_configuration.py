"""A server that stands still at any point of what it tells: who waits for it answers nothing, and nothing wrong."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from functools import cache
from typing import TYPE_CHECKING, TypeAlias

import pytest

from tests.certificates import Certificate, curve_key
from tests.live import config
from tests.live import manifests as m
from tests.live.http1 import Ask, ask
from tests.live.product import answers
from tests.live.relay import relay
from tests.live.test_pods import pod, status, until
from tests.live.test_xds import plane
from tests.live.tls_clients import Tls
from tests.ports import free_port
from xdsserver.files import Folder
from xdsserver.infrastructure.allocation import Pool
from xdsserver.proxy.bootstrap import TcpAddress
from xdsserver.reconciler import FLEET, Reconciler, Surroundings
from xdsserver.xds.ledger import Sent
from xdsserver.xds.resource import ENDPOINTS, ROUTE, SECRET

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from tests.live.manifests import Document
    from tests.live.relay import Relay
    from tests.live.test_xds import Plane
    from xdsserver.xds.ledger import Event
    from xdsserver.xds.resource import Resource

Resources: TypeAlias = "dict[tuple[str, str, str], Resource | None]"

pytestmark = [pytest.mark.live, pytest.mark.long]

LATE_S = 2.5
"""Longer than the longest wait that has an end, which is that of clusters for their endpoints."""

SHOP = "shop.test"
ASK = Ask(host=SHOP)


@dataclass
class Standstills:
    """A server that lets nothing through from when it is about to tell something of these types for the first time."""

    relay: Relay
    types: list[str] = field(default_factory=list)
    begun: asyncio.Queue[str] = field(default_factory=asyncio.Queue)

    def overhear(self, event: Event) -> None:
        """Hold what is about to be written."""
        if isinstance(event, Sent) and event.type_url in self.types:
            self.types.remove(event.type_url)
            self.relay.hold()
            self.begun.put_nowait(event.type_url)

    async def late(self, type_url: str) -> None:
        """Wait until it stands still at this type, and as long as anybody would wait; it goes on with `relay.flow`."""
        async with asyncio.timeout(30):
            assert await self.begun.get() == type_url
        await asyncio.sleep(LATE_S)


@dataclass(frozen=True)
class World:
    """Ports of one Gateway, of which `later` is added when it is served, and what an Envoy gets for them."""

    probes: int
    http: int
    https: int
    later: int
    first: Resources
    then: Resources


@cache
def certificate() -> Certificate:
    return Certificate(curve_key(), hostnames=(SHOP,))


def translated(folder: Path, documents: list[Document]) -> Resources:
    """Give what a fleet of one address gets for these."""
    folder.mkdir()
    file = folder / "all.yaml"
    m.write(file, documents)
    file.chmod(0o600)
    reconciler = Reconciler(Surroundings(pool=Pool(("127.0.0.1",))))
    reconciler.objects((one.kind, one.name, one.object) for one in Folder(folder).scan().changes)
    return dict(reconciler.pipeline.resources.rows)


def world(folder: Path, backend: int) -> World:
    probes, http, https, later = (free_port() for _ in range(4))
    common = [
        *(m.gateway_class(), *m.service("shop", backend), m.http_route("shop", m.rule(m.to("shop")))),
        m.tls_secret("shop", (certificate().pem, certificate().key_pem)),
    ]
    ports = [m.listener(http), m.https_listener(https, "shop")]
    first = translated(folder / "first", [*common, m.gateway(*ports)])
    then = translated(folder / "then", [*common, m.gateway(*ports, m.listener(later, name="later"))])
    return World(probes, http, https, later, first, then)


@asynccontextmanager
async def started(folder: Path, probes: int) -> AsyncIterator[tuple[Plane, Standstills]]:
    """Start a server, and an Envoy of a pod that reaches it by a way that can be held up."""
    xds = free_port()
    async with relay(f"127.0.0.1:{xds}") as way:
        address = TcpAddress("127.0.0.1", int(way.address.rpartition(":")[2]))
        async with pod(folder, probes, fleet=FLEET, xds=address), plane(f"127.0.0.1:{xds}") as server:
            still = Standstills(way)
            server.overhear = still.overhear
            yield server, still


@pytest.mark.parametrize("types", [(ENDPOINTS, ROUTE), (SECRET,)], ids=["endpoints-and-routes", "certificates"])
async def test_a5_an_envoy_is_not_ready_while_anything_is_late(tmp_path: Path, types: tuple[str, ...]) -> None:
    """A5: ready after the first complete LDS, RDS, CDS and EDS, however slow the server; the first answer is right."""
    async with config.backend("shop") as backend:
        asked = world(tmp_path, backend)
        async with started(tmp_path, asked.probes) as (server, still):
            still.types.extend(types)
            server.server.publish(asked.first)
            for type_url in types:
                await still.late(type_url)
                assert await status(asked.probes) is None
                still.relay.flow()
            await until(asked.probes, 200)
            assert (await ask(asked.http, ASK)).status == 200
            assert (await ask(asked.https, ASK, tls=Tls(SHOP))).status == 200


async def test_a_listener_that_is_added_is_opened_with_its_table_and_not_before(tmp_path: Path) -> None:
    async with config.backend("shop") as backend:
        asked = world(tmp_path, backend)
        async with started(tmp_path, asked.probes) as (server, still):
            server.server.publish(asked.first)
            await until(asked.probes, 200)
            still.types.append(ROUTE)
            server.server.publish(asked.then)
            await still.late(ROUTE)
            assert await status(asked.later, "/") is None
            assert (await ask(asked.http, ASK)).status == 200
            still.relay.flow()
            answer, _ = await answers(asked.later, ASK, lambda _first: True)
            assert answer.status == 200
