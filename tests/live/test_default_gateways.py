"""Default Gateways and names of rules, as requests and Envoy see them."""

from __future__ import annotations

from contextlib import AsyncExitStack
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pytest
import pytest_asyncio

from tests.live import manifests as m
from tests.live.backends import backend
from tests.live.http1 import Ask, ask
from tests.live.product import admin, answers, home, standalone
from tests.ports import free_port

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from tests.live.manifests import Document
    from tests.live.product import Home

pytestmark = [pytest.mark.live, pytest.mark.asyncio(loop_scope="module")]

ADDRESSES = {"first": "127.0.0.1", "second": "127.0.0.2", "none": "127.0.0.3", "unset": "127.0.0.4"}


def gateway(name: str, port: int, scope: str | None) -> Document:
    """Give a Gateway with an address of its own."""
    found = m.gateway(m.listener(port), name=name)
    spec = {**found["spec"], "addresses": [{"value": ADDRESSES[name]}]}
    return {**found, "spec": spec if scope is None else {**spec, "defaultScope": scope}}


def by_default(document: Document) -> Document:
    """Let a route ask for default Gateways, and name none."""
    spec = {field: value for field, value in document["spec"].items() if field != "parentRefs"}
    return {**document, "spec": {**spec, "useDefaultGateways": "All"}}


@dataclass(frozen=True, slots=True)
class Served:
    home: Home
    port: int

    async def statuses(self, host: str) -> dict[str, int]:
        """Give what each Gateway answers for a hostname."""
        return {name: (await ask(self.port, Ask("/", host), ip)).status for name, ip in ADDRESSES.items()}


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def served() -> AsyncIterator[Served]:
    async with AsyncExitStack() as stack:
        where = await stack.enter_async_context(home())
        found = await stack.enter_async_context(backend("a"))
        port = free_port()
        m.write(where.folder / "base.yaml", [m.gateway_class(), *m.service("a", found.port)])
        for name, scope in (("first", "All"), ("second", "All"), ("none", "None"), ("unset", None)):
            m.write(where.folder / f"{name}.yaml", [gateway(name, port, scope)])
        names = [
            {"name": "checkout", **m.rule(m.to("a"), matches=[m.path("/checkout")])},
            m.rule(m.to("a"), matches=[m.path("/rest")]),
        ]
        twice = [{"name": "same", **m.rule(m.to("a"), matches=[m.path(path)])} for path in ("/a", "/b")]
        ready = [m.http_route("ready", m.rule(m.to("a")), hostnames=["ready.test"])]
        ready[0]["spec"]["parentRefs"] = [{"name": name} for name in ADDRESSES]
        m.write(
            where.folder / "routes.yaml",
            [
                *ready,
                by_default(m.http_route("default", m.rule(m.to("a")), hostnames=["default.test"])),
                by_default(m.http_route("names", *names, hostnames=["names.test"])),
                by_default(m.http_route("twice", *twice, hostnames=["twice.test"])),
            ],
        )
        pool = ",".join(ADDRESSES.values())
        await stack.enter_async_context(standalone(where, "--concurrency", "1", "--addresses", pool))
        for ip in ADDRESSES.values():
            await answers(port, Ask("/", "ready.test"), lambda answer: answer.status == 200, ip=ip)
        yield Served(where, port)


async def test_the_name_of_a_rule_is_seen_in_envoy_and_changes_nothing(served: Served) -> None:
    for path in ("/checkout", "/rest"):
        assert (await ask(served.port, Ask(path, "names.test"))).status == 200
    async with admin(served.home) as envoy:
        dump = await envoy.get("/config_dump?resource=dynamic_route_configs")
    assert "HTTPRoute/default/names/rule/0:checkout/0" in dump
    assert "HTTPRoute/default/names/rule/1/0" in dump


async def test_a_route_that_repeats_the_name_of_a_rule_is_refused(served: Served) -> None:
    assert (await ask(served.port, Ask("/a", "twice.test"))).status == 404


async def test_a_route_that_asks_for_them_is_on_all_default_gateways(served: Served) -> None:
    assert await served.statuses("default.test") == {"first": 200, "second": 200, "none": 404, "unset": 404}


async def test_a_gateway_that_is_no_default_any_more_loses_the_route(served: Served) -> None:
    request = Ask("/", "default.test")
    m.write(served.home.folder / "second.yaml", [gateway("second", served.port, None)])
    await answers(served.port, request, lambda answer: answer.status == 404, ip=ADDRESSES["second"])
    m.write(served.home.folder / "unset.yaml", [gateway("unset", served.port, "All")])
    await answers(served.port, request, lambda answer: answer.status == 200, ip=ADDRESSES["unset"])
    assert await served.statuses("default.test") == {"first": 200, "second": 404, "none": 404, "unset": 200}
    assert set((await served.statuses("ready.test")).values()) == {200}
