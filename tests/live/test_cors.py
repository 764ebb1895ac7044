"""CORS through a real Envoy: what browsers are told, and that a preflight never reaches a backend; one Envoy."""

from __future__ import annotations

from contextlib import AsyncExitStack
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pytest
import pytest_asyncio

from tests.live import manifests as m
from tests.live.backends import backend
from tests.live.http1 import Ask, ask
from tests.live.product import answers, home, standalone
from tests.ports import free_port

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Mapping

    from tests.live.backends import Backend
    from tests.live.manifests import Document

pytestmark = [pytest.mark.live, pytest.mark.asyncio(loop_scope="module")]

ORIGIN = "access-control-allow-origin"
METHODS = "access-control-allow-methods"
HEADERS = "access-control-allow-headers"
EXPOSE = "access-control-expose-headers"
CREDENTIALS = "access-control-allow-credentials"
MAX_AGE = "access-control-max-age"


def cors(**policy: object) -> Document:
    return {"type": "CORS", "cors": policy}


def shared(path: str, policy: Document, *backends: Document, method: str | None = None) -> Document:
    """Give a rule with a policy, of backend `a` unless others are given."""
    match = m.path(path) if method is None else {**m.path(path), "method": method}
    return m.rule(*(backends or (m.to("a"),)), matches=[match], filters=[policy])


def routes() -> list[Document]:
    everything = {"allowOrigins": ["*"], "allowMethods": ["*"], "allowHeaders": ["*"], "exposeHeaders": ["*"]}
    return [
        m.http_route(
            "shared",
            shared(
                "/full",
                cors(
                    allowOrigins=["https://www.foo.com", "https://*.bar.com"],
                    allowMethods=["GET", "OPTIONS"],
                    allowHeaders=["x-header-1", "x-header-2"],
                    exposeHeaders=["x-header-3", "x-header-4"],
                    allowCredentials=True,
                    maxAge=3600,
                ),
            ),
            shared("/small", cors(allowOrigins=["https://www.foo.com", "http://foo.com:8080"], allowMethods=["*"])),
            shared("/hosts", cors(allowOrigins=["https://*", "http://*:8080"])),
            shared("/any", cors(allowOrigins=["*"], allowMethods=["PUT"], allowCredentials=False)),
            shared("/wild", cors(**everything)),
            shared("/credentials", cors(**everything, allowCredentials=True)),
            shared("/nobody", cors()),
            shared("/method", cors(allowOrigins=["https://foo.com"], allowMethods=["PUT"]), method="PUT"),
            shared("/missing", cors(allowOrigins=["https://foo.com"]), m.to("missing")),
            m.rule(
                {**m.to("a"), "filters": [cors(allowOrigins=["https://share.com"])]},
                m.to("a", weight=0),
                matches=[m.path("/share")],
            ),
            m.rule(m.to("a")),
        )
    ]


@dataclass(frozen=True, slots=True)
class Served:
    port: int
    backend: Backend


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def served() -> AsyncIterator[Served]:
    async with AsyncExitStack() as stack:
        where = await stack.enter_async_context(home())
        behind = await stack.enter_async_context(backend("a"))
        port = free_port()
        objects = [m.gateway_class(), m.gateway(m.listener(port)), *m.service("a", behind.port)]
        m.write(where.folder / "base.yaml", objects)
        m.write(where.folder / "routes.yaml", routes())
        await stack.enter_async_context(standalone(where, "--concurrency", "1"))
        await answers(port, Ask(), lambda answer: answer.status == 200)
        yield Served(port, behind)


@dataclass(frozen=True, slots=True)
class Case:
    """A request and all CORS headers that its answer has; `asks` makes it a preflight."""

    path: str
    origin: str | None
    expected: Mapping[str, str]
    method: str = "GET"
    asks: str | None = None
    asks_headers: str | None = None
    status: int = 200
    reaches: bool = False

    def __str__(self) -> str:
        what = f"preflight {self.asks}" if self.asks else self.method
        return " ".join((what, self.path, self.origin or "-", self.asks_headers or "")).strip()


def preflight(
    path: str, origin: str, expected: Mapping[str, str], asks: str = "GET", asks_headers: str | None = None
) -> Case:
    return Case(path, origin, expected, "OPTIONS", asks, asks_headers)


def simple(path: str, origin: str | None, expected: Mapping[str, str], method: str = "GET") -> Case:
    return Case(path, origin, expected, method, reaches=True)


FULL = {
    METHODS: "GET, OPTIONS",
    HEADERS: "x-header-1, x-header-2",
    MAX_AGE: "3600",
    CREDENTIALS: "true",
}
FULL_OF = {**FULL, EXPOSE: "x-header-3, x-header-4"}
ANSWERED = {EXPOSE: "x-header-3, x-header-4", CREDENTIALS: "true"}
FIVE = {MAX_AGE: "5"}

CASES = [
    preflight("/full", "https://www.foo.com", {ORIGIN: "https://www.foo.com", **FULL_OF}),
    preflight("/full", "https://www.bar.com", {ORIGIN: "https://www.bar.com", **FULL_OF}),
    preflight("/full", "https://xpto.www.bar.com", {ORIGIN: "https://xpto.www.bar.com", **FULL_OF}),
    preflight("/full", "https://xpto.www.bar.com:443", {ORIGIN: "https://xpto.www.bar.com:443", **FULL_OF}),
    preflight("/full", "https://foobar.com", FULL),
    preflight("/full", "https://bar.com", FULL),
    preflight("/full", "https://www.bar.com.evil.com", FULL),
    preflight("/full", "https://evil.com/.bar.com", FULL),
    preflight("/full", "http://www.bar.com", FULL),
    preflight("/full", "https://www.bar.com:8443", FULL),
    preflight("/full", "https://www-foo.com", FULL),
    simple("/full", "https://www.foo.com", {ORIGIN: "https://www.foo.com", **ANSWERED}),
    simple("/full", "https://www.bar.com", {ORIGIN: "https://www.bar.com", **ANSWERED}),
    simple("/full", "https://foobar.com", {}),
    simple("/full", None, {}),
    # No preflight: a browser always asks about a method.
    simple("/full", "https://www.foo.com", {ORIGIN: "https://www.foo.com", **ANSWERED}, method="OPTIONS"),
    preflight("/small", "https://www.foo.com", {ORIGIN: "https://www.foo.com", METHODS: "POST", **FIVE}, "POST"),
    preflight("/small", "http://foo.com:8080", {ORIGIN: "http://foo.com:8080", METHODS: "PUT", **FIVE}, "PUT"),
    preflight("/small", "http://foo.com", {METHODS: "PUT", **FIVE}, "PUT"),
    preflight("/hosts", "https://foo.com", {ORIGIN: "https://foo.com", **FIVE}),
    preflight("/hosts", "https://[::1]", {ORIGIN: "https://[::1]", **FIVE}),
    preflight("/hosts", "http://a.foo.com:8080", {ORIGIN: "http://a.foo.com:8080", **FIVE}),
    preflight("/hosts", "http://foo.com", FIVE),
    preflight("/any", "https://foobar.com", {ORIGIN: "https://foobar.com", METHODS: "PUT", **FIVE}, "PUT"),
    preflight("/any", "https://foobar.com:12345", {ORIGIN: "https://foobar.com:12345", METHODS: "PUT", **FIVE}, "PUT"),
    preflight("/any", "null", {ORIGIN: "null", METHODS: "PUT", **FIVE}, "PUT"),
    simple("/any", "https://foobar.com:12345", {ORIGIN: "https://foobar.com:12345"}, method="PUT"),
    preflight(
        "/wild",
        "https://foo.com",
        {ORIGIN: "https://foo.com", METHODS: "PUT", HEADERS: "x-1, x-2", EXPOSE: "*", **FIVE},
        "PUT",
        "x-1, x-2",
    ),
    simple("/wild", "https://foo.com", {ORIGIN: "https://foo.com", EXPOSE: "*"}),
    preflight(
        "/credentials",
        "https://foo.com",
        {ORIGIN: "https://foo.com", METHODS: "PUT", HEADERS: "x-1, x-2", CREDENTIALS: "true", **FIVE},
        "PUT",
        "x-1, x-2",
    ),
    # What is echoed is nothing where nothing was asked about; a browser reads an empty list as none.
    preflight(
        "/credentials",
        "https://foo.com",
        {ORIGIN: "https://foo.com", METHODS: "PUT", HEADERS: "", CREDENTIALS: "true", **FIVE},
        "PUT",
    ),
    simple("/credentials", "https://foo.com", {ORIGIN: "https://foo.com", CREDENTIALS: "true"}),
    preflight("/nobody", "https://foo.com", FIVE),
    # The rule is for PUT and the rest of the path goes to a rule without a policy.
    preflight("/method", "https://foo.com", {ORIGIN: "https://foo.com", METHODS: "PUT", **FIVE}, "PUT"),
    simple("/method", "https://foo.com", {ORIGIN: "https://foo.com"}, method="PUT"),
    simple("/method", "https://foo.com", {}, method="GET"),
    preflight("/share", "https://share.com", {ORIGIN: "https://share.com", **FIVE}),
    simple("/share", "https://share.com", {ORIGIN: "https://share.com"}),
    preflight("/missing", "https://foo.com", {ORIGIN: "https://foo.com", **FIVE}),
    Case("/missing", "https://foo.com", {ORIGIN: "https://foo.com"}, status=500),
]


@pytest.mark.parametrize("case", CASES, ids=str)
async def test_cors(served: Served, case: Case) -> None:
    before = served.backend.served
    sent = {
        "origin": case.origin,
        "access-control-request-method": case.asks,
        "access-control-request-headers": case.asks_headers,
    }
    headers = tuple((name, value) for name, value in sent.items() if value is not None)
    answer = await ask(served.port, Ask(case.path, method=case.method, headers=headers))
    found = {name: value for name, value in answer.headers.items() if name.startswith("access-control-")}
    assert (answer.status, found) == (case.status, case.expected)
    assert served.backend.served - before == case.reaches
