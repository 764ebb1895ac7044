"""A saved state under load: another process serves it, and nothing in Envoy is made anew; disks that do not take it."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest

from tests.cli.run import xdsserver
from tests.live.envoy import running
from tests.live.product import admin, bootstrap, limited, serve, standalone
from tests.live.restarts import Held, check, connected, during, world
from tests.ports import free_port
from xdsserver.files.saved import read_saved

if TYPE_CHECKING:
    from pathlib import Path

    from tests.live.restarts import World

pytestmark = pytest.mark.live


def save(on: World, file: Path) -> None:
    assert xdsserver("save", on.home.folder, "--out", file, "--addresses", "127.0.0.1").code == 0


@pytest.mark.alone
async def test_a7_a_server_is_replaced_by_one_with_its_saved_state_and_nothing_is_made_anew(load_s: float) -> None:
    """A7: same input, same resource names and versions; 0 listener re-creation, when servers are swapped under load."""
    xds = f"127.0.0.1:{free_port()}"
    async with world() as on, running(bootstrap(xds), wait=False) as envoy:
        file = on.home.root / "edge.state"
        async with standalone(on.home, "--no-envoy", "--xds", xds, "--save-state", str(file)) as first:
            await on.shows(3)
            before = await Held.by(envoy)
            async with on.load() as tally:
                await during(load_s, 0.1)
                # At the end what is not saved yet is saved.
                assert await first.stop() == 0
                async with serve(file, "--xds", xds):
                    await connected(envoy)
                    await during(load_s, 0.1)
                    assert await Held.by(envoy) == before
                    on.save(8)
                    save(on, file)
                    await on.shows(8)
                    await during(load_s, 0.1)
                    await before.unchanged_but_for_one_reload(envoy)
    check(tally)


async def test_an_envoy_that_holds_nothing_gets_everything_from_a_file() -> None:
    xds = f"127.0.0.1:{free_port()}"
    async with world() as on, running(bootstrap(xds), wait=False):
        file = on.home.root / "edge.state"
        save(on, file)
        async with serve(file, "--xds", xds) as product:
            await on.shows(3)
            start, _ = await product.since(0, "objects, saved")
            product.process.send_signal(1)
            await product.since(start, "objects, saved")
            assert await product.stop() == 0


async def test_a8_a_full_disk_is_warned_of_and_everything_is_served_from_memory() -> None:
    """A8: standalone runs from memory and warns; it never crashes. Here no file may grow at all."""
    xds = f"127.0.0.1:{free_port()}"
    async with world() as on, running(bootstrap(xds), wait=False):
        file = on.home.root / "edge.state"
        save(on, file)
        before = file.read_bytes()
        options = ("--no-envoy", "--xds", xds, "--save-state", str(file))
        async with limited(on.home, "ulimit -f 0", *options) as product:
            for words in ("addresses are kept in memory", "the state is not saved"):
                notice = await product.notice("state", "File too large", words)
                assert notice["level"] == "warning"
            await on.shows(3)
            on.save(8)
            await on.shows(8)
            assert await product.stop() == 0
        assert file.read_bytes() == before
        assert read_saved(file).snapshot.objects
        # Nothing half-written stays either.
        assert [path.name for path in file.parent.glob(f".{file.name}*")] == []


async def test_a8_a_state_folder_that_takes_no_files_is_warned_of_and_everything_is_served() -> None:
    """A8: standalone runs from memory and warns; it never crashes. /proc takes files of nobody, not even of root."""
    nowhere = ("--state-dir", "/proc/xdsserver", "--save-state", "/proc/edge.state")
    async with world() as on, standalone(on.home, "--concurrency", "1", *nowhere) as product:
        for words in ("/proc/xdsserver/allocations.json cannot be written", "/proc/edge.state cannot be written"):
            assert (await product.notice("state", words))["level"] == "warning"
        await on.shows(3)
        on.save(8)
        await on.shows(8)
        async with admin(on.home) as envoy, asyncio.timeout(30):
            await connected(envoy)
        assert await product.stop() == 0
