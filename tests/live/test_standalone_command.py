"""`xdsserver standalone` as a command: who else may run it, and how it says that it cannot."""

from __future__ import annotations

import asyncio
import re

import aiohttp
import pytest

from tests.cli.folders import GATEWAY, ROUTE, SHOP, folder
from tests.live.product import home, standalone
from tests.ports import free_port

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


async def test_probes_and_metrics_of_a_run() -> None:
    async with home() as found:
        port = free_port()
        gateway = GATEWAY.replace("8080", str(port))
        folder(found.folder, a=gateway, b=ROUTE, c=SHOP)
        async with standalone(found, "--health", "127.0.0.1:0") as run, aiohttp.ClientSession() as session:
            where = (await run.notice("/readyz"))["message"].rpartition(" ")[2]
            await run.notice("listener http is served at")
            ready = await session.get(f"{where}/readyz")
            assert (ready.status, await ready.json()) == (200, {"ready": True, "streams": 1})

            before = await _acknowledged(session, where)
            folder(found.folder, b=ROUTE.replace("name: shop}", "name: store}"))
            async with asyncio.timeout(30):
                while await _acknowledged(session, where) <= before:  # noqa: ASYNC110 (another process)
                    await asyncio.sleep(0.05)
            assert await run.stop() == 0


async def _acknowledged(session: aiohttp.ClientSession, where: str) -> float:
    """Scrape how many changes of routes an Envoy acknowledged."""
    scraped = await (await session.get(f"{where}/metrics")).text()
    counts = re.findall(
        r'^xdsserver_object_to_ack_seconds_count\{type="RouteConfiguration"\} ([0-9.]+)$', scraped, re.MULTILINE
    )
    assert "process_resident_memory_bytes" in scraped
    return float(counts[0]) if counts else 0.0
