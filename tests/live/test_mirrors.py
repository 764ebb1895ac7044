"""Mirrors through a real Envoy: who gets copies, how many, and what they look like; one folder, one Envoy."""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pytest
import pytest_asyncio

from tests.live import manifests as m
from tests.live.backends import backend, seen
from tests.live.http1 import Ask, ask
from tests.live.load import Traffic, load
from tests.live.product import answers, home, standalone
from tests.ports import free_port

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Mapping

    from tests.live.backends import Backend
    from tests.live.http1 import Answer
    from tests.live.load import Tally
    from tests.live.manifests import Document

pytestmark = [pytest.mark.live, pytest.mark.asyncio(loop_scope="module")]

NAMES = ("a", "b", "c", "d")


def copied_to(name: str, namespace: str | None = None, share: Mapping[str, object] | None = None) -> Document:
    """Give a filter that copies to a Service: all requests, or a share of them."""
    reference = m.to(name, namespace=namespace)
    return {"type": "RequestMirror", "requestMirror": {"backendRef": reference, **(share or {})}}


def with_filters(backend_: Document, *filters: Document) -> Document:
    return {**backend_, "filters": list(filters)}


def routes() -> list[Document]:
    edited = m.request_headers(set_=[("x-a", "edited")], remove=["x-gone"])
    return [
        m.http_route(
            "copied",
            m.rule(m.to("a"), matches=[m.path("/one")], filters=[copied_to("b")]),
            m.rule(m.to("a"), matches=[m.path("/several")], filters=[copied_to("b"), copied_to("c")]),
            m.rule(m.to("a"), matches=[m.path("/edited")], filters=[copied_to("b"), edited]),
            m.rule(m.to("a"), matches=[m.path("/missing")], filters=[copied_to("missing"), copied_to("b")]),
            m.rule(m.to("a"), matches=[m.path("/empty")], filters=[copied_to("empty")]),
            m.rule(m.to("a"), matches=[m.path("/forbidden")], filters=[copied_to("far", namespace="closed")]),
            m.rule(m.to("a"), matches=[m.path("/permitted")], filters=[copied_to("far", namespace="open")]),
            hostnames=["copied.test"],
        ),
        *(
            m.http_route(name, m.rule(m.to("a"), filters=[copied_to("b", share=share)]), hostnames=[f"{name}.test"])
            for name, share in SHARES.items()
        ),
        m.http_route(
            "split",
            m.rule(
                with_filters(m.to("a", weight=3), copied_to("c", share={"percent": 50})),
                with_filters(m.to("b", weight=1), copied_to("d", share={"percent": 50})),
            ),
            hostnames=["split.test"],
        ),
    ]


SHARES: Mapping[str, Mapping[str, object]] = {
    "none": {"percent": 0},
    "percent": {"percent": 20},
    "third": {"fraction": {"numerator": 1, "denominator": 3}},
    "all": {"fraction": {"numerator": 7, "denominator": 7}},
}


@dataclass(frozen=True, slots=True)
class Served:
    port: int
    backends: Mapping[str, Backend]

    async def ask(self, path: str, host: str, *headers: tuple[str, str]) -> Answer:
        return await ask(self.port, Ask(path, host, "GET", headers))

    def counts(self) -> dict[str, int]:
        return {name: one.served for name, one in self.backends.items()}

    async def copied(self, path: str, expected: Mapping[str, int]) -> dict[str, int]:
        """Ask once and say how many requests each backend got for it: wait for those that must come, then for more."""
        before = self.counts()
        assert seen(await self.ask(path, "copied.test")).backend == "a"
        for name, count in expected.items():
            await self.backends[name].has_served(before[name] + count)
        await self.settled()
        return {name: count - before[name] for name, count in self.counts().items() if count > before[name]}

    async def settled(self) -> None:
        """Wait until later requests were copied: what was copied before them is there too."""
        counts = self.counts()
        for _ in range(3):
            await self.ask("/several", "copied.test")
        await self.backends["b"].has_served(counts["b"] + 3)
        await self.backends["c"].has_served(counts["c"] + 3)
        for name, count in (("a", 3), ("b", 3), ("c", 3)):
            self.backends[name].served -= count

    async def loaded(self, host: str, requests: int, every: str = "") -> tuple[Tally, dict[str, int]]:
        """Ask so often, and count what each backend got; wait for all copies of the one that gets every request."""
        before = self.counts()
        traffic = Traffic([Ask("/", host)], self.port, kept=8, new=0, rate=3000, timeout_s=20)
        async with load(traffic, lambda answer: seen(answer).backend) as tally:
            while tally.requests < requests:  # noqa: ASYNC110 (the load counts by itself)
                await asyncio.sleep(0.02)
        assert not tally.failures, str(tally)
        if every:
            await self.backends[every].has_served(before[every] + tally.requests)
        await self.settled()
        return tally, {name: count - before[name] for name, count in self.counts().items()}


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def served() -> AsyncIterator[Served]:
    async with AsyncExitStack() as stack:
        where = await stack.enter_async_context(home())
        backends = {name: await stack.enter_async_context(backend(name)) for name in (*NAMES, "far")}
        port = free_port()
        services = [document for name in NAMES for document in m.service(name, backends[name].port)]
        far = backends["far"].port
        closed, opened = m.service("far", far, namespace="closed"), m.service("far", far, namespace="open")
        gateway = m.gateway(m.listener(port))
        objects = [m.gateway_class(), gateway, *services, *m.service("empty", None), *closed, *opened]
        m.write(where.folder / "base.yaml", [*objects, m.reference_grant("open")])
        m.write(where.folder / "routes.yaml", routes())
        await stack.enter_async_context(standalone(where, "--concurrency", "1"))
        await answers(port, Ask("/one", "copied.test"), lambda answer: answer.status == 200)
        yield Served(port, backends)


CASES: list[tuple[str, dict[str, int]]] = [
    ("/one", {"a": 1, "b": 1}),
    ("/several", {"a": 1, "b": 1, "c": 1}),
    ("/missing", {"a": 1, "b": 1}),
    ("/empty", {"a": 1}),
    ("/forbidden", {"a": 1}),
    ("/permitted", {"a": 1, "far": 1}),
]


@pytest.mark.parametrize(("path", "expected"), CASES, ids=[path for path, _ in CASES])
async def test_copies_go_to(served: Served, path: str, expected: dict[str, int]) -> None:
    assert await served.copied(path, expected) == expected


async def test_a_copy_has_the_host_the_path_and_the_edited_headers_of_the_request(served: Served) -> None:
    before = served.backends["b"].served
    answer = await served.ask("/edited?q=1", "copied.test", ("x-a", "sent"), ("x-gone", "yes"))
    await served.backends["b"].has_served(before + 1)
    sent, copy = seen(answer), served.backends["b"].received[-1]
    assert (copy.method, copy.path) == ("GET", "/edited?q=1")
    assert copy.values("host") == sent.values("host") == ["copied.test"]
    assert copy.values("x-a") == ["edited"]
    assert copy.values("x-gone") == []


@pytest.mark.parametrize(("name", "percent"), [("none", 0), ("percent", 20), ("third", 33.3), ("all", 100)])
async def test_the_share_that_is_copied(served: Served, name: str, percent: float) -> None:
    every = "b" if percent == 100 else ""
    tally, counts = await served.loaded(f"{name}.test", 5000 if 0 < percent < 100 else 2000, every)
    assert counts["a"] == tally.requests
    assert abs(100 * counts["b"] / tally.requests - percent) <= (3 if 0 < percent < 100 else 0)


async def test_a_mirror_of_a_backend_copies_its_share_of_that_backends_requests(served: Served) -> None:
    """Envoy draws one number for a request, by which it chooses a backend and whether to copy: both must hold."""
    tally, counts = await served.loaded("split.test", 6000)
    assert abs(100 * tally.answers["b"] / tally.requests - 25) <= 3
    assert abs(100 * counts["c"] / tally.answers["a"] - 50) <= 4
    assert abs(100 * counts["d"] / tally.answers["b"] - 50) <= 6
