"""Our process goes and comes back under load: Envoy serves on, and nothing in it is made anew."""

from __future__ import annotations

import pytest

from tests.live.envoy import running
from tests.live.product import admin, bootstrap, standalone
from tests.live.restarts import Held, check, connected, during, restart_apart, restart_kept, world
from tests.ports import free_port

pytestmark = [pytest.mark.live, pytest.mark.alone]

RESTARTS = pytest.mark.parametrize("how", ["killed", "stopped"])


@RESTARTS
async def test_f6_a_restart_under_load_is_not_noticed_by_an_envoy_of_its_own(load_s: float, how: str) -> None:
    """F6: Envoy kept running or restarted with drain; 0 failed requests in keep mode. A7: 0 listener re-creation."""
    check(await restart_apart(how, load_s))


@RESTARTS
async def test_f6_a_kept_envoy_is_taken_over_under_load(load_s: float, how: str) -> None:
    """F6: Envoy kept running (detached option); 0 failed requests in keep mode."""
    check(await restart_kept(how, load_s))


async def test_f1_a_folder_that_is_gone_at_the_start_deletes_nothing(load_s: float) -> None:
    """F1: start with error status, retry; last good kept; never "delete everything" because a listing failed."""
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
            await product.kill()
            aside = on.home.root / "aside"
            on.home.folder.rename(aside)
            async with standalone(on.home, *options) as second:
                notice = await second.notice("folder")
                assert notice["level"] == "error"
                await connected(envoy)
                await during(load_s, 0.2)
                assert await Held.by(envoy) == before
                aside.rename(on.home.folder)
                on.save(8)
                await on.shows(8)
                await before.unchanged_but_for_one_reload(envoy)
    check(tally)


async def test_f1_a_folder_that_is_gone_while_serving_deletes_nothing(load_s: float) -> None:
    """F1: folder missing/empty/permission lost at start, mid-run: last good kept."""
    async with world() as on, standalone(on.home, "--concurrency", "1") as product:
        await product.notice("Envoy", "ready")
        await on.shows(3)
        async with admin(on.home) as envoy, on.load() as tally:
            before = await Held.by(envoy)
            aside = on.home.root / "aside"
            on.home.folder.rename(aside)
            notice = await product.notice("folder")
            assert notice["level"] == "error"
            await during(load_s, 0.2)
            assert await Held.by(envoy) == before
            aside.rename(on.home.folder)
            on.save(8)
            await on.shows(8)
            await before.unchanged_but_for_one_reload(envoy)
    check(tally)
