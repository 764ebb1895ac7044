"""Five hundred HTTPS listeners on one port: what a change of one costs those who are connected to the others."""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack, suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pytest
import pytest_asyncio
from cryptography import x509

from tests.live.backends import backend
from tests.live.envoy import ads_bootstrap, running
from tests.live.http1 import Ask, connected
from tests.live.many_listeners import LISTENERS, Listeners, Plane, host, parent_of, secret
from tests.live.product import answers
from tests.live.tls_clients import Tls, handshake
from tests.ports import free_port
from xdsserver.reconciler import FLEET
from xdsserver.xds.resource import LISTENER, SECRET

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from tests.live.envoy import Envoy
    from tests.live.http1 import Connection

pytestmark = [pytest.mark.live, pytest.mark.asyncio(loop_scope="module")]

DRAIN_S = 5
"""Long enough to see it, on a busy machine too."""
EVERY = 10
"""A connection is held to every tenth listener."""
UPDATES_PER_S = 50
FOR_S = 2
_CHANGES = "^listener_manager.listener_(added|modified|in_place_updated|removed)$"
_DRAINING = "listener_manager.total_filter_chains_draining"


@dataclass
class Stage:
    """An Envoy that serves all of them, and what it was sent."""

    port: int
    listeners: Listeners
    plane: Plane
    envoy: Envoy

    def show(self, number: int, secret_of: int) -> None:
        """Let a listener show the certificate of another."""
        self.listeners.shows[number] = secret_of
        self.plane.put(self.listeners.parent(parent_of(number)))

    async def shown(self, number: int) -> str:
        """Give the name in the certificate that a client is shown."""
        found = (await handshake(self.port, Tls(host(number)))).certificate
        (name,) = found.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
        return str(name.value)

    async def until_shown(self, number: int, wanted: int) -> None:
        async with asyncio.timeout(30):
            while await self.shown(number) != host(wanted):  # noqa: ASYNC110 # another process, nothing to await
                await asyncio.sleep(0.005)

    async def drained(self) -> None:
        """Wait until no filter chain drains any more."""
        await self.envoy.wait_for_stat(_DRAINING, 0, within_s=DRAIN_S + 10)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def on(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Stage]:
    folder: Path = tmp_path_factory.mktemp("xds")
    async with AsyncExitStack() as stack:
        port, xds = free_port(), f"unix:{folder}/xds.sock"
        web = await stack.enter_async_context(backend("web"))
        plane = Plane(xds)
        await stack.enter_async_context(plane.serving())
        listeners = Listeners(port)
        plane.put(*listeners.documents(web.port))
        plane.server.ready()
        options = ("--drain-time-s", str(DRAIN_S), "--drain-strategy", "immediate")
        envoy = await stack.enter_async_context(running(ads_bootstrap(xds, fleet=FLEET), options=options))
        for number in (0, LISTENERS - 1):
            one = Tls(host(number))
            await answers(port, Ask("/", host(number)), lambda answer: answer.status == 200, tls=one)
        yield Stage(port, listeners, plane, envoy)


async def works(connection: Connection, number: int) -> bool:
    """Tell whether a connection still answers, and means to go on."""
    with suppress(OSError, EOFError):
        return (await connection.exchange(Ask("/", host(number)))).status == 200 and not connection.closing
    return False


async def test_a_change_of_one_of_500_listeners_drains_its_filter_chain_and_no_other(on: Stage) -> None:
    async with AsyncExitStack() as stack:
        held = {
            number: await stack.enter_async_context(connected("127.0.0.1", on.port, Tls(host(number))))
            for number in range(0, LISTENERS, EVERY)
        }
        assert all([await works(one, number) for number, one in held.items()])
        before = await on.envoy.stats(_CHANGES)
        on.plane.sent.clear()
        on.show(0, 1)
        await on.until_shown(0, 1)
        assert await on.envoy.stat(_DRAINING) == 1
        await on.drained()
        assert [number for number, one in held.items() if not await works(one, number)] == [0]
    after = await on.envoy.stats(_CHANGES)
    counts = {name.rpartition("_")[2]: count - before[name] for name, count in after.items() if count != before[name]}
    assert counts == {"modified": 1, "updated": 1}, "one update, in place"
    assert on.plane.sent[LISTENER] == 1


async def test_a_rotated_secret_among_500_is_all_that_is_sent(on: Stage) -> None:
    before = await on.envoy.stats(_CHANGES)
    old = (await handshake(on.port, Tls(host(7)))).certificate
    on.plane.sent.clear()
    on.plane.put(secret(7))
    async with asyncio.timeout(20):
        while (await handshake(on.port, Tls(host(7)))).certificate == old:  # noqa: ASYNC110 # the same
            await asyncio.sleep(0.005)
    assert on.plane.sent == {SECRET: 1}
    assert await on.envoy.stats(_CHANGES) == before


async def test_fifty_updates_a_second_of_500_listeners_are_batched_and_memory_stays(on: Stage) -> None:
    """What changes while an update is under way goes with the next one, and what drained is given back.

    Two things see to the first: a version that is not acknowledged holds back later ones, and while Envoy does not read
    nothing more is written.
    """
    await on.drained()
    loop = asyncio.get_running_loop()
    memory = await on.envoy.memory()
    on.plane.sent.clear()
    start, updates = loop.time(), UPDATES_PER_S * FOR_S
    async with connected("127.0.0.1", on.port, Tls(host(499))) as held:
        for turn in range(updates):
            # A clock, not a condition: this is the pace of the changes.
            await asyncio.sleep(max(0.0, start + turn / UPDATES_PER_S - loop.time()))
            number = 10 + turn % 100
            on.show(number, number + 100 if turn < updates // 2 else number)
        await on.until_shown(10 + (updates - 1) % 100, 10 + (updates - 1) % 100)
        assert await works(held, 499)
    sent = on.plane.sent[LISTENER]
    await on.drained()
    grown = await on.envoy.memory() - memory
    assert sent <= updates / 2
    assert grown < 20_000_000
