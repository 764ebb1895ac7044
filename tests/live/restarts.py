"""Our process goes and comes back under load, while Envoy serves on: the cases, and what is held against them."""

from __future__ import annotations

import asyncio
import json
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from tests.live import manifests as m
from tests.live.backends import backend, seen
from tests.live.edits import EDIT_HEADER, HIDDEN, HOST, edit
from tests.live.envoy import running
from tests.live.http1 import Ask
from tests.live.load import Traffic, load
from tests.live.product import admin, answers, bootstrap, home, standalone
from tests.ports import free_port

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from contextlib import AbstractAsyncContextManager

    from tests.live.envoy import Admin
    from tests.live.http1 import Answer
    from tests.live.load import Tally
    from tests.live.product import Home, Product

_MADE = (
    "^listener_manager.listener_(added|modified|removed)$|^cluster_manager.cluster_(added|modified|removed)$"
    # Also an update that changes nothing: what Envoy holds already is not sent to it again.
    "|^(listener_manager.lds|cluster_manager.cds).update_success$"
)


@dataclass(frozen=True, slots=True)
class World:
    home: Home
    port: int

    async def shows(self, number: int, within_s: float = 30.0) -> None:
        """Wait for the answer that shows an edit."""
        wanted = edit(number)

        def matches(answer: Answer) -> bool:
            return answer.status == 200 and seen(answer).values(EDIT_HEADER) == [str(number)]

        await answers(self.port, wanted.probe, matches, within_s=within_s)

    def save(self, number: int) -> None:
        m.write(self.home.folder / "route.yaml", [edit(number).route])

    def load(self) -> AbstractAsyncContextManager[Tally]:
        return load(Traffic([Ask("/", HOST)], self.port, rate=700))


@asynccontextmanager
async def world() -> AsyncIterator[World]:
    async with AsyncExitStack() as stack:
        where = await stack.enter_async_context(home())
        blue = await stack.enter_async_context(backend("blue"))
        green = await stack.enter_async_context(backend("green"))
        port = free_port()
        services = [*m.service("blue", blue.port), *m.service("green", green.port)]
        m.write(where.folder / "base.yaml", [m.gateway_class(), m.gateway(m.listener(port)), *services])
        found = World(where, port)
        found.save(3)
        yield found


@dataclass(frozen=True, slots=True)
class Held:
    """What an Envoy has: versions by name, and how often it made, changed or loaded something."""

    versions: frozenset[tuple[str, str]]
    made: tuple[tuple[str, int], ...]
    reloads: int

    @classmethod
    async def by(cls, envoy: Admin) -> Held:
        dump = json.loads(await envoy.get("/config_dump?include_eds"))
        made = await envoy.stats(_MADE)
        reloads = await envoy.stats(r"\.rds\..*config_reload$")
        return cls(frozenset(_versions(dump)), tuple(sorted(made.items())), sum(reloads.values()))

    async def unchanged_but_for_one_reload(self, envoy: Admin) -> None:
        """Check that since then one route table was loaded, by the edit, and nothing else came or was made."""
        now = await Held.by(envoy)
        assert {name for name, _ in now.versions} == {name for name, _ in self.versions}
        assert {name.split(" ")[0] for name, _ in now.versions - self.versions} == {"route_config"}
        assert now.made == self.made
        assert now.reloads == self.reloads + 1
        hidden = {name: value for name, value in (await envoy.stats(HIDDEN)).items() if value}
        # The connection to us may have failed while we were away; it carries no traffic.
        assert {name for name in hidden if not name.startswith("cluster.xdsserver.")} == set()


def _versions(part: Any) -> list[tuple[str, str]]:  # noqa: ANN401 (any JSON)
    match part:
        case {"version_info": str(version), **rest} if version:
            return [(_name(rest), version)]
        case dict():
            return [found for value in part.values() for found in _versions(value)]
        case list():
            return [found for value in part for found in _versions(value)]
        case _:
            return []


def _name(entry: dict[Any, Any]) -> str:
    for kind in ("cluster", "listener", "route_config", "endpoint_config"):
        if kind in entry:
            return f"{kind} {entry[kind].get('name') or entry[kind].get('cluster_name')}"
    message = f"an entry of the config dump that is not known here: {sorted(entry)}"
    raise AssertionError(message)


def check(tally: Tally) -> None:
    assert not tally.failures, str(tally)
    assert tally.dense, str(tally)


async def connected(envoy: Admin, within_s: float = 30.0) -> None:
    """Wait until Envoy says that it has a control plane."""
    name = "control_plane.connected_state"
    async with asyncio.timeout(within_s):
        while (await envoy.stats(f"^{name}$")).get(name) != 1:  # noqa: ASYNC110 (another process)
            await asyncio.sleep(0.02)


async def during(load_s: float, share: float) -> None:
    """Let the load go on for its share of the whole time: nothing is awaited but that nothing happens."""
    await asyncio.sleep(load_s * share)


async def go(product: Product, how: str) -> None:
    """End our process: `killed` without a word, or `stopped` as Ctrl-C does."""
    if how == "killed":
        await product.kill()
    else:
        assert await product.stop() == 0


async def restart_apart(how: str, load_s: float) -> Tally:
    """Restart beside an Envoy that was started with what `xdsserver bootstrap` prints, and connects over TCP."""
    xds = f"127.0.0.1:{free_port()}"
    options = ("--no-envoy", "--xds", xds)
    async with (
        world() as on,
        running(bootstrap(xds), wait=False) as envoy,
        standalone(on.home, *options) as product,
    ):
        await on.shows(3)
        before = await Held.by(envoy)
        async with on.load() as tally:
            await during(load_s, 0.2)
            await go(product, how)
            await during(load_s, 0.2)
            async with standalone(on.home, *options):
                await during(load_s, 0.2)
                on.save(8)
                await on.shows(8)
                await during(load_s, 0.2)
                await before.unchanged_but_for_one_reload(envoy)
    return tally


async def restart_kept(how: str, load_s: float) -> Tally:
    """Restart with `--keep-envoy`, which leaves our own Envoy running, to be taken over."""
    options = ("--keep-envoy", "--concurrency", "1")
    async with world() as on:
        async with standalone(on.home, *options) as product:
            await product.notice("Envoy", "ready")
            await on.shows(3)
            resident = on.home.resident()
            async with admin(on.home) as envoy, on.load() as tally:
                before = await Held.by(envoy)
                await during(load_s, 0.2)
                await go(product, how)
                await during(load_s, 0.2)
                async with standalone(on.home, *options) as second:
                    await second.notice("Envoy", "taken over")
                    await during(load_s, 0.2)
                    on.save(8)
                    await on.shows(8)
                    await before.unchanged_but_for_one_reload(envoy)
                    assert on.home.resident() == resident
                await during(load_s, 0.2)
        return tally
