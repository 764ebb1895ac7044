"""`xdsserver standalone` as a command: who else may run it, and how it says that it cannot."""

from __future__ import annotations

import pytest

from tests.cli.folders import GATEWAY, ROUTE, SHOP, folder
from tests.live.envoy import free_port
from tests.live.product import home, standalone

pytestmark = pytest.mark.live


async def test_a_listener_that_is_served_has_its_url_in_a_field() -> None:
    async with home() as found:
        port = free_port()
        folder(found.folder, a=GATEWAY.replace("8080", str(port)), b=ROUTE, c=SHOP)
        async with standalone(found) as run:
            notice = await run.notice("listener http is served at")
            assert notice["url"] == f"http://127.0.0.1:{port}"
            assert notice["level"] == "ok"
            assert await run.stop() == 0


async def test_a_second_process_for_one_folder_ends_with_a_word_and_harms_nobody() -> None:
    async with home() as found:
        folder(found.folder, a=GATEWAY.replace("8080", str(free_port())), b=ROUTE, c=SHOP)
        async with standalone(found) as first:
            await first.notice("listener http is served at")
            async with standalone(found) as second:
                await second.notice("another process serves", str(found.folder))
                assert await second.process.wait() == 1
            assert first.process.returncode is None
            assert await first.stop() == 0


async def test_an_xds_address_that_others_can_reach_is_refused() -> None:
    async with home() as found, standalone(found, "--no-envoy", "--xds", "0.0.0.0:0") as run:
        assert await run.process.wait() == 1
        await run.notice("can be reached from other machines")
