"""Our xDS server and a real Envoy on loopback: the promises that only Envoy itself can confirm."""

from __future__ import annotations

import asyncio
import time
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import aiohttp
import pytest

from tests.live import config
from tests.live.envoy import ads_bootstrap, ready, running
from tests.ports import free_port
from xdsserver.server import XdsOptions, XdsServer
from xdsserver.xds.cache import Cache
from xdsserver.xds.ledger import Acked, Joined, Ledger, Rejected, Sent
from xdsserver.xds.resource import CLUSTER, ENDPOINTS, LISTENER, ROUTE
from xdsserver.xds.rules import Rules

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Iterable
    from pathlib import Path

    from xdsserver.xds.ledger import Event
    from xdsserver.xds.resource import Resource

pytestmark = pytest.mark.live

DIALECTS = pytest.mark.parametrize("delta", [True, False], ids=["delta", "sotw"])


@dataclass
class Plane:
    """A server, and all that Envoys said to it."""

    cache: Cache
    options: XdsOptions
    server: XdsServer = field(init=False)
    ledger: Ledger = field(default_factory=Ledger)
    events: list[Event] = field(default_factory=list)
    overhear: Callable[[Event], None] = lambda _event: None
    """Told of each event before anything follows from it: what was sent is not written yet."""
    _woken: asyncio.Event = field(default_factory=asyncio.Event)

    def __post_init__(self) -> None:
        self.server = XdsServer(self.cache, self.options, self.hear)

    def hear(self, event: Event) -> None:
        self.events.append(event)
        self.ledger.fold(event)
        self.overhear(event)
        self._woken.set()

    async def wait_for(self, condition: Callable[[Event], bool], within_s: float = 30.0) -> Event:
        """Wait until some event, past or to come, is like this."""
        async with asyncio.timeout(within_s):
            while True:
                self._woken.clear()
                for event in self.events:
                    if condition(event):
                        return event
                await self._woken.wait()

    async def acked(self, resource: Resource) -> None:
        """Wait until an Envoy has acknowledged this very version."""

        def matches(event: Event) -> bool:
            return (
                isinstance(event, Acked)
                and event.type_url == resource.type_url
                and (resource.name, resource.version) in event.versions
            )

        await self.wait_for(matches)


@asynccontextmanager
async def plane(address: str, resources: Iterable[Resource] = (), *, ready_now: bool = True) -> AsyncIterator[Plane]:
    """Run a server for the length of a block, as a new process would: with a cache of its own."""
    options = XdsOptions((address,), Rules(fleet_of=lambda node: node.cluster))
    found = Plane(Cache(ready=ready_now), options)
    found.server.publish(config.changes(*resources))
    await found.server.start()
    try:
        yield found
    finally:
        await found.server.stop(1.0)


def _world(name: str, backend: int, port: int, table: Resource) -> list[Resource]:
    """One listener whose table leads to one cluster."""
    return [
        config.cluster(name),
        config.endpoints(name, backend),
        config.listener("l", port, routes=table.name),
        table,
    ]


async def get(port: int, path: str = "/") -> tuple[int, str]:
    async with aiohttp.ClientSession() as session, session.get(f"http://127.0.0.1:{port}{path}") as answer:
        return answer.status, await answer.text()


@DIALECTS
async def test_x2_a_rejected_route_table_leaves_traffic_on_the_last_good_one(tmp_path: Path, *, delta: bool) -> None:
    """X2: invalid regex RDS -> traffic 200 on last good, ledger shows text."""
    address, port = f"unix:{tmp_path}/xds.sock", free_port()
    async with config.backend("blue") as blue:
        good = config.routes("table", ["blue"])
        world = _world("blue", blue, port, good)
        async with plane(address, world) as server, running(ads_bootstrap(address, delta=delta)):
            await server.acked(good)
            assert await get(port) == (200, "blue")
            server.server.publish(config.changes(config.routes("table", ["blue"], regex="(unclosed")))
            rejected = await server.wait_for(lambda event: isinstance(event, Rejected))
            assert isinstance(rejected, Rejected)
            assert "missing ): (unclosed" in rejected.words
            assert await get(port) == (200, "blue")
            record = server.ledger.newest("envoy-1")
            assert record is not None
            assert record.types[ROUTE].acked == {"table": good.version}
            ((blame, said),) = server.server.quarantine.rejections().items()
            assert (blame.type_url, blame.name) == (ROUTE, "table")
            assert "missing ): (unclosed" in said.words
            assert said.nodes == ("envoy-1",)
            mended = config.routes("table", ["blue"], regex="/closed")
            server.server.publish(config.changes(mended))
            await server.acked(mended)
            assert server.server.quarantine.rejections() == {}


@pytest.mark.alone
async def test_x9_reconnect_sends_only_differences(tmp_path: Path) -> None:
    """X9: restart server with 5,000 routes: 0 removals, <=1 response/type, bytes sent < 1 % of full state.

    Neither is any cluster left warming a second after the Envoy has come back.
    """
    address, port = f"unix:{tmp_path}/xds.sock", free_port()
    async with config.backend("c") as backend:
        names = [f"c{number}" for number in range(500)]
        # 5,000 routes in 10 tables of 500: one listener per table.
        tables = [config.routes(f"t{table}", names) for table in range(10)]
        world = [
            *(config.cluster(name) for name in names),
            *(config.endpoints(name, backend) for name in names),
            *(
                config.listener(f"l{table}", port if table == 0 else free_port(), routes=f"t{table}")
                for table in range(10)
            ),
            *tables,
        ]
        bootstrap = ads_bootstrap(address)
        async with running(bootstrap, wait=False) as envoy:
            async with plane(address, world) as first:
                await ready(envoy)
                for table in tables:
                    await first.acked(table)
                full = sum(len(resource.body) for resource in world)
            changed = config.endpoints("c7", backend + 1)
            async with plane(address, [*world[:507], changed, *world[508:]]) as second:
                await second.wait_for(lambda event: isinstance(event, Joined))
                joined = time.monotonic()
                await second.acked(changed)
                assert await envoy.stat("cluster_manager.warming_clusters") == 0
                assert time.monotonic() - joined < 1
                assert await get(port) == (200, "c")
                later = config.endpoints("c8", backend + 1)
                second.server.publish(config.changes(later))
                await second.acked(later)
                sent = [event for event in second.events if isinstance(event, Sent)]
                assert [(event.type_url, event.versions) for event in sent] == [
                    (ENDPOINTS, (("c7", changed.version),)),
                    (ENDPOINTS, (("c8", later.version),)),
                ]
                assert not any(event.removed for event in sent)
                assert len(changed.body) + len(later.body) < full / 100
                (record,) = second.ledger.streams()
                for kind, count in ((CLUSTER, 500), (ENDPOINTS, 500), (LISTENER, 10), (ROUTE, 10)):
                    delivery = record.types[kind]
                    assert len(delivery.acked) == count, "what it announced counts as acknowledged"
                    assert delivery.acked.exceptions == delivery.held.exceptions == 0
            assert await envoy.stat("cluster_manager.cluster_removed") == 0
            assert await envoy.stat("cluster_manager.cluster_modified") == 0


async def test_x10_an_envoy_keeps_all_it_has_while_a_restarted_server_is_not_ready(tmp_path: Path) -> None:
    """X10: no stream is answered until all informers synced; 0 removals, 0 failed requests (here 2 s of delay)."""
    address, port = f"unix:{tmp_path}/xds.sock", free_port()
    async with config.backend("blue") as blue:
        table = config.routes("table", ["blue"])
        world = _world("blue", blue, port, table)
        async with running(ads_bootstrap(address), wait=False) as envoy:
            async with plane(address, world) as first:
                await first.acked(table)
                assert await get(port) == (200, "blue")
            async with plane(address, ready_now=False) as second:
                await second.wait_for(lambda event: isinstance(event, Joined))
                answers = []
                end = time.monotonic() + 2
                while time.monotonic() < end:
                    answers.append(await get(port))
                assert set(answers) == {(200, "blue")}
                assert not any(isinstance(event, Sent) for event in second.events)
                second.server.publish(config.changes(*world))
                second.server.ready()
                later = config.endpoints("blue", blue)
                assert second.cache.resources(config.FLEET, ENDPOINTS)["blue"] == later
                changed = config.routes("table", ["blue"], regex="/x")
                second.server.publish(config.changes(changed))
                await second.acked(changed)
                sent = [event for event in second.events if isinstance(event, Sent)]
                assert [event.type_url for event in sent] == [ROUTE]
            assert await envoy.stat("cluster_manager.cluster_removed") == 0
            assert await envoy.stat("listener_manager.listener_removed") == 0


@pytest.mark.alone
@DIALECTS
async def test_x12_changed_clusters_do_not_stay_warming(tmp_path: Path, *, delta: bool) -> None:
    """X12: change `connect_timeout` of 500 clusters: `cluster_manager.warming_clusters` back to 0 in <1 s.

    Without the endpoints it would take Envoy 15 s to give up.
    """
    address = f"unix:{tmp_path}/xds.sock"
    names = [f"c{number}" for number in range(500)]
    world = [*(config.cluster(name) for name in names), *(config.endpoints(name, 9) for name in names)]
    async with plane(address, world) as server, running(ads_bootstrap(address, delta=delta)) as envoy:
        await envoy.wait_for_stat("cluster_manager.active_clusters", 501)
        start = time.monotonic()
        changed = [config.cluster(name, connect_timeout_s=2.0) for name in names]
        server.server.publish(config.changes(*changed))
        await envoy.wait_for_stat("cluster_manager.cluster_modified", 500)
        await envoy.wait_for_stat("cluster_manager.warming_clusters", 0)
        await server.acked(changed[-1])
        assert time.monotonic() - start < 1
        sent = [event for event in server.events if isinstance(event, Sent)]
        assert [event.type_url for event in sent[-2:]] == [CLUSTER, ENDPOINTS]


@DIALECTS
async def test_a_route_that_moves_to_a_new_backend_fails_no_request(tmp_path: Path, *, delta: bool) -> None:
    """Make before break, seen from a client: twenty swaps, each to a cluster that Envoy did not know."""
    address, port = f"unix:{tmp_path}/xds.sock", free_port()
    async with config.backend("b") as backend:
        table = config.routes("table", ["c0"])
        world = _world("c0", backend, port, table)
        async with plane(address, world) as server, running(ads_bootstrap(address, delta=delta)):
            await server.acked(table)
            answers: set[tuple[int, str]] = set()
            swapped = asyncio.Event()

            async def load() -> None:
                async with aiohttp.ClientSession() as session:
                    while not swapped.is_set():
                        async with session.get(f"http://127.0.0.1:{port}/") as answer:
                            answers.add((answer.status, await answer.text()))

            async with asyncio.TaskGroup() as group:
                group.create_task(load())
                for number in range(1, 21):
                    old = f"c{number - 1}"
                    table = config.routes("table", [f"c{number}"])
                    new = [config.cluster(f"c{number}"), config.endpoints(f"c{number}", backend), table]
                    gone = {(config.FLEET, CLUSTER, old): None, (config.FLEET, ENDPOINTS, old): None}
                    server.server.publish({**config.changes(*new), **gone})
                    await server.acked(table)
                await server.wait_for(
                    lambda event: isinstance(event, Sent) and "c19" in event.removed
                ) if delta else None
                swapped.set()
            assert answers == {(200, "b")}


async def test_removed_listeners_and_clusters_are_gone_from_envoy(tmp_path: Path) -> None:
    address, port = f"unix:{tmp_path}/xds.sock", free_port()
    table = config.routes("table", ["c"])
    world = _world("c", 9, port, table)
    async with plane(address, world) as server, running(ads_bootstrap(address)) as envoy:
        await server.acked(table)
        assert await envoy.names("dynamic_listeners") == ["l"]
        assert await envoy.names("dynamic_active_clusters") == ["c"]
        server.server.publish(config.removals(*world))
        await envoy.wait_for_stat("listener_manager.total_listeners_active", 0)
        await envoy.wait_for_stat("cluster_manager.active_clusters", 1)
        assert await envoy.names("dynamic_listeners") == []
        assert await envoy.names("dynamic_active_clusters") == []
        assert [event.type_url for event in server.events if isinstance(event, Sent) and event.removed][:2] == [
            LISTENER,
            ROUTE,
        ]
