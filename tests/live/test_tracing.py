"""Spans of requests through a real Envoy: what stands in them, which are told, and which are not."""

from __future__ import annotations

from contextlib import AsyncExitStack
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import pytest
import pytest_asyncio

from tests.live import manifests as m
from tests.live.backends import backend
from tests.live.collector import collector
from tests.live.http1 import Ask, ask
from tests.live.load import Traffic, load
from tests.live.product import answers, home, standalone
from tests.ports import free_port

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from tests.live.collector import Collector
    from tests.live.manifests import Document
    from tests.live.product import Home

pytestmark = [pytest.mark.live, pytest.mark.asyncio(loop_scope="module")]

GATEWAYS = ("all", "followed", "anew", "silent")
"""What each of them tells of: everything, what parents decided, nothing though parents decided, nothing at all."""
ATTRIBUTES = [
    {"name": "team", "sourceType": "Literal", "literalValue": "100%PROTOCOL% ours"},
    {"name": "user", "sourceType": "Header", "headerName": "X-User"},
    {"name": "method", "sourceType": "Attribute", "attributeKey": "http.request.method"},
    {"name": "code", "sourceType": "Attribute", "attributeKey": "http.response.status_code"},
    {"name": "moon", "sourceType": "Attribute", "attributeKey": "moon.phase"},
]


def policy(gateway: str, tracing: Document) -> Document:
    target = {"group": "gateway.networking.k8s.io", "kind": "Gateway", "name": gateway}
    return {
        "apiVersion": "gateway.networking.x-k8s.io/v1alpha1",
        "kind": "XTelemetryPolicy",
        "metadata": {"name": gateway},
        "spec": {"targetRefs": [target], "tracing": tracing},
    }


def enabled(share: int, **more: Any) -> Document:  # noqa: ANN401 (any YAML)
    provider = {
        "backendRef": m.to("collector"),
        "headers": [{"name": "Authorization", "value": "Basic%PROTOCOL%"}],
    }
    return {"mode": "Enabled", "provider": provider, "samplingRate": {"numerator": share}, **more}


POLICIES = {
    "all": enabled(100, serviceName="shop", spanName="ingress request", attributes=ATTRIBUTES),
    "followed": enabled(0),
    "anew": enabled(0, parentBasedSampling={"mode": "Disabled"}),
    "silent": {"mode": "Disabled"},
}


@dataclass(frozen=True, slots=True)
class Served:
    home: Home
    collector: Collector
    port: int
    addresses: dict[str, str]

    async def request(self, gateway: str, number: int, *headers: tuple[str, str], decided: bool = False) -> str:
        """Ask by a Gateway; give the id of the trace, which its parent `decided` to tell of if there is one."""
        trace = f"{number:032x}"
        parent = (("traceparent", f"00-{trace}-{number:016x}-01"),) if decided else ()
        answer = await ask(self.port, Ask("/", headers=(*parent, *headers)), self.addresses[gateway])
        assert answer.status == 200
        return trace

    async def everything_is_told(self) -> None:
        """Wait until all has been told that was to be told of requests before.

        Each listener tells all that it has every five seconds; two rounds of one are at least one of each other.
        """
        for number in (1, 2):
            user = f"round {number} after {len(self.collector.spans)} spans"
            await self.request("all", 0, ("x-user", user))
            await self.collector.span(lambda span, user=user: span.attributes.get("user") == user)  # type: ignore[misc]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def served() -> AsyncIterator[Served]:
    async with AsyncExitStack() as stack:
        where = await stack.enter_async_context(home())
        behind = await stack.enter_async_context(backend("web"))
        spans = await stack.enter_async_context(collector())
        port = free_port()
        gateways = [m.gateway(m.listener(port), name=name) for name in GATEWAYS]
        route = m.http_route("web", m.rule(m.to("web")))
        route["spec"]["parentRefs"] = [{"name": name} for name in GATEWAYS]
        services = [*m.service("web", behind.port), *m.service("collector", spans.port)]
        policies = [policy(name, tracing) for name, tracing in POLICIES.items()]
        m.write(where.folder / "base.yaml", [m.gateway_class(), *gateways, route, *services])
        m.write(where.folder / "policies.yaml", policies)
        options = ("--addresses", "127.0.0.1-127.0.0.9", "--concurrency", "1")
        product = await stack.enter_async_context(standalone(where, *options))
        addresses = {}
        for name in GATEWAYS:
            said = await product.notice(f"Gateway default/{name}", "listener http is served")
            addresses[name] = urlsplit(said["url"]).hostname or ""
            await answers(port, Ask("/"), lambda answer: answer.status == 200, ip=addresses[name])
        yield Served(where, spans, port, addresses)


async def test_a_span_carries_what_the_policy_says_and_no_value_is_read_as_a_variable(served: Served) -> None:
    await served.request("all", 0, ("x-user", "ann"))
    span = await served.collector.span(lambda one: one.attributes.get("user") == "ann")

    assert span.service == "shop"
    assert span.name == "ingress request"
    assert span.credentials == "Basic%PROTOCOL%"
    told = {key: span.attributes.get(key) for key in ("team", "user", "method", "code", "moon")}
    assert told == {"team": "100%PROTOCOL% ours", "user": "ann", "method": "GET", "code": "200", "moon": None}


async def test_what_a_parent_decided_is_followed_unless_the_policy_says_otherwise(served: Served) -> None:
    """Where the share is zero no new trace is told, and no client can ask for one."""
    followed = await served.request("followed", 0xF0110, decided=True)
    others = {await served.request(gateway, 0xA2E3, decided=True) for gateway in ("anew", "silent")}
    for gateway in ("followed", "anew", "silent"):
        for forced in (("x-client-trace-id", "me"), ("x-envoy-force-trace", "1")):
            await served.request(gateway, 0, forced)
    span = await served.collector.span(lambda one: one.trace == followed)
    await served.everything_is_told()

    assert span.service == "followed.default"
    assert others & {one.trace for one in served.collector.spans} == set()
    assert {one.service for one in served.collector.spans} == {"shop", "followed.default"}
    assert sum(one.service == "followed.default" for one in served.collector.spans) == 1


async def test_a_policy_that_changes_costs_no_request(served: Served) -> None:
    async with load(Traffic([Ask("/")], served.port, ip=served.addresses["all"])) as tally:
        for name in ("one", "two", "three"):
            changed = POLICIES | {"all": enabled(100, serviceName=name)}
            m.write(served.home.folder / "policies.yaml", [policy(key, tracing) for key, tracing in changed.items()])
            await served.collector.span(lambda one, name=name: one.service == name)  # type: ignore[misc]
    assert not tally.failures, str(tally)
