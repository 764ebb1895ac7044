"""Session persistence as clients meet it: what they are given, and which endpoints get what they send back."""

from __future__ import annotations

import asyncio
from collections import Counter
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

import grpc
import pytest
import pytest_asyncio

from tests.live import manifests as m
from tests.live.backends import backend, seen
from tests.live.http1 import Ask, ask, connected
from tests.live.product import answers, home, standalone
from tests.ports import free_port

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Mapping
    from pathlib import Path

    from tests.live.http1 import Answer
    from tests.live.manifests import Document

pytestmark = [pytest.mark.live, pytest.mark.asyncio(loop_scope="module")]

METHOD = "/shop.Cart/Get"
COOKIE = {"cookie": {"name": "cart"}}
HEADER = {"type": "Header", "header": {"name": "x-session"}}
BOTH = (m.to("a", weight=70), m.to("b", weight=30))


def lasting(*backends: Document, session: Mapping[str, object]) -> Document:
    """Give a rule that keeps sessions."""
    return {**m.rule(*backends), "sessionPersistence": session}


def grpc_route(name: str, rule: Document) -> Document:
    return {**m.http_route(name, rule, hostnames=[f"{name}.test"]), "kind": "GRPCRoute"}


ROUTES = [
    m.http_route("none", m.rule(m.to("a")), hostnames=["none.test"]),
    m.http_route("cookie", lasting(m.to("a"), session=COOKIE), hostnames=["cookie.test"]),
    m.http_route("unnamed", lasting(m.to("a"), session={"cookie": {}}), hostnames=["unnamed.test"]),
    m.http_route(
        "path", lasting(m.to("a"), session={"cookie": {"name": "cart", "path": "/shop"}}), hostnames=["path.test"]
    ),
    m.http_route(
        "permanent",
        lasting(m.to("a"), session={"absoluteTimeout": "5m", "cookie": {"name": "cart", "lifetimeType": "Permanent"}}),
        hostnames=["permanent.test"],
    ),
    m.http_route("header", lasting(m.to("a"), session=HEADER), hostnames=["header.test"]),
    m.http_route("weights", lasting(*BOTH, session=COOKIE), hostnames=["weights.test"]),
    m.http_route("weights-header", lasting(*BOTH, session=HEADER), hostnames=["weights-header.test"]),
    m.http_route("leaving", lasting(m.to("leaving"), session=COOKIE), hostnames=["leaving.test"]),
    grpc_route("grpc-cookie", lasting(m.to("calls"), session=COOKIE)),
    grpc_route("grpc-header", lasting(m.to("calls"), session=HEADER)),
]


@dataclass(frozen=True, slots=True)
class Served:
    folder: Path
    port: int

    async def ask(self, name: str, *headers: tuple[str, str], path: str = "/") -> Answer:
        return await ask(self.port, Ask(path, f"{name}.test", "GET", headers))

    async def endpoints(self, name: str, *headers: tuple[str, str], requests: int = 20, path: str = "/") -> set[str]:
        """Give the endpoints that answer a number of equal requests."""
        return {seen(await self.ask(name, *headers, path=path)).backend for _ in range(requests)}


def service(name: str, *ports: int) -> list[Document]:
    """Give a Service with an endpoint for each port."""
    found, first = m.service(name, ports[0])
    return [
        found,
        *(
            {
                **first,
                "metadata": {**first["metadata"], "name": f"{name}-{port}"},
                "ports": [{"port": port, "name": ""}],
            }
            for port in ports
        ),
    ]


@asynccontextmanager
async def grpc_backend(name: str) -> AsyncIterator[int]:
    """Serve one method that answers with the name, on a loopback port."""

    async def answer(_request: bytes, _context: grpc.aio.ServicerContext[bytes, bytes]) -> bytes:
        return name.encode()

    server = grpc.aio.server()
    package, _, method = METHOD[1:].partition("/")
    handler = grpc.method_handlers_generic_handler(package, {method: grpc.unary_unary_rpc_method_handler(answer)})
    server.add_generic_rpc_handlers((handler,))
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    try:
        yield port
    finally:
        await server.stop(None)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def served() -> AsyncIterator[Served]:
    async with AsyncExitStack() as stack:
        where = await stack.enter_async_context(home())
        ports = {
            name: (await stack.enter_async_context(backend(name))).port
            for name in ("a1", "a2", "b1", "b2", "leaving1", "leaving2")
        }
        calls = [await stack.enter_async_context(grpc_backend(f"calls{number}")) for number in (1, 2)]
        port = free_port()
        m.write(where.folder / "base.yaml", [m.gateway_class(), m.gateway(m.listener(port))])
        m.write(
            where.folder / "backends.yaml",
            [
                *service("a", ports["a1"], ports["a2"]),
                *service("b", ports["b1"], ports["b2"]),
                *service("calls", *calls),
            ],
        )
        leaving = service("leaving", ports["leaving1"], ports["leaving2"])
        for number, document in enumerate(leaving):
            m.write(where.folder / f"leaving-{number}.yaml", [document])
        m.write(where.folder / "routes.yaml", ROUTES)
        await stack.enter_async_context(standalone(where, "--concurrency", "1"))
        await answers(port, Ask("/", "none.test"), lambda answer: answer.status == 200)
        yield Served(where.folder, port)


def cookie(answer: Answer) -> tuple[str, str]:
    """Give the header with which a client sends a cookie back."""
    return ("cookie", answer.headers["set-cookie"].partition(";")[0])


def attributes(answer: Answer) -> dict[str, str]:
    """Give the attributes of a cookie, their names in lower case."""
    parts = (part.strip().partition("=") for part in answer.headers["set-cookie"].split(";")[1:])
    return {name.lower(): value for name, _, value in parts}


async def test_without_sessions_all_endpoints_answer_and_nothing_is_given(served: Served) -> None:
    assert await served.endpoints("none") == {"a1", "a2"}
    answer = await served.ask("none", ("cookie", "cart=x"))
    assert "set-cookie" not in answer.headers
    assert "x-session" not in answer.headers


async def test_a_cookie_leads_to_the_endpoint_that_gave_it(served: Served) -> None:
    assert await served.endpoints("cookie") == {"a1", "a2"}, "without the cookie there is no session"
    for _ in range(4):
        first = await served.ask("cookie")
        assert first.headers["set-cookie"].startswith("cart=")
        assert await served.endpoints("cookie", cookie(first)) == {seen(first).backend}


async def test_a_session_that_holds_is_not_given_again_and_reaches_the_backend(served: Served) -> None:
    first = await served.ask("cookie")
    again = await served.ask("cookie", ("cookie", f"other=1; {cookie(first)[1]}; more=2"))
    assert seen(again).backend == seen(first).backend
    assert "set-cookie" not in again.headers
    assert cookie(first)[1] in seen(again).values("cookie")[0]


async def test_a_cookie_of_the_session_says_no_end(served: Served) -> None:
    assert attributes(await served.ask("cookie")) == {"path": "/", "httponly": "", "samesite": "Strict"}


async def test_a_permanent_cookie_says_its_end(served: Served) -> None:
    first = await served.ask("permanent")
    assert attributes(first)["max-age"] == "300"
    assert await served.endpoints("permanent", cookie(first)) == {seen(first).backend}


async def test_a_cookie_has_a_path_of_its_own(served: Served) -> None:
    first = await served.ask("path", path="/shop/cart")
    assert attributes(first)["path"] == "/shop"
    assert await served.endpoints("path", cookie(first), path="/shop") == {seen(first).backend}


async def test_a_cookie_without_a_name_gets_one(served: Served) -> None:
    first = await served.ask("unnamed")
    assert cookie(first)[1].startswith("session-")
    assert await served.endpoints("unnamed", cookie(first)) == {seen(first).backend}


@pytest.mark.parametrize("value", ["", "nonsense", "MTI3LjAuMC4xOjE=", "%%%"])
async def test_a_cookie_that_names_no_endpoint_is_replaced(served: Served, value: str) -> None:
    """What a client makes up leads nowhere but to an endpoint of the backend (the third is base64 of 127.0.0.1:1)."""
    answer = await served.ask("cookie", ("cookie", f"cart={value}"))
    assert seen(answer).backend in {"a1", "a2"}
    assert "set-cookie" in answer.headers


async def test_a_header_leads_to_the_endpoint_that_gave_it(served: Served) -> None:
    for _ in range(4):
        first = await served.ask("header")
        assert "set-cookie" not in first.headers
        again = ("x-session", first.headers["x-session"])
        assert await served.endpoints("header", again) == {seen(first).backend}


async def test_a_session_stays_in_the_backend_that_weights_chose(served: Served) -> None:
    """70 to 30 within four points over 3,000 requests of one client, and one endpoint of each of the two backends."""
    jar: dict[str, str] = {}
    endpoints: Counter[str] = Counter()
    async with connected("127.0.0.1", served.port) as connection:
        for _ in range(3000):
            headers = (("cookie", "; ".join(f"{name}={value}" for name, value in jar.items())),) if jar else ()
            answer = await connection.exchange(Ask("/", "weights.test", "GET", headers))
            endpoints[seen(answer).backend] += 1
            if "set-cookie" in answer.headers:
                name, _, value = cookie(answer)[1].partition("=")
                jar[name] = value
    assert sorted(name[0] for name in endpoints) == ["a", "b"], endpoints
    assert len(jar) == 2
    share = next(count for name, count in endpoints.items() if name[0] == "a") / 3000
    assert abs(share - 0.70) <= 0.04, endpoints


async def test_a_session_in_a_header_does_not_weigh_either(served: Served) -> None:
    backends: Counter[str] = Counter()
    headers: tuple[tuple[str, str], ...] = ()
    async with connected("127.0.0.1", served.port) as connection:
        for _ in range(3000):
            answer = await connection.exchange(Ask("/", "weights-header.test", "GET", headers))
            backends[seen(answer).backend[0]] += 1
            if "x-session" in answer.headers:
                headers = (("x-session", answer.headers["x-session"]),)
    assert abs(backends["a"] / 3000 - 0.70) <= 0.04, backends


async def test_a_session_whose_endpoint_is_gone_goes_to_another(served: Served) -> None:
    while seen(first := await served.ask("leaving")).backend != "leaving2":
        pass
    (served.folder / "leaving-2.yaml").unlink()
    moved, _ = await answers(
        served.port,
        Ask("/", "leaving.test", "GET", (cookie(first),)),
        lambda answer: seen(answer).backend != "leaving2",
    )
    assert seen(moved).backend == "leaving1"
    assert await served.endpoints("leaving", cookie(moved)) == {"leaving1"}
    assert "set-cookie" not in (await served.ask("leaving", cookie(moved))).headers


@pytest.mark.parametrize("name", ["grpc-cookie", "grpc-header"])
async def test_calls_have_sessions_too(served: Served, name: str) -> None:
    async with grpc.aio.insecure_channel(
        f"127.0.0.1:{served.port}", options=[("grpc.default_authority", f"{name}.test")]
    ) as channel:
        method = channel.unary_unary(METHOD, None, None)

        async def call(*metadata: tuple[str, str]) -> tuple[str, dict[str, str]]:
            running = method(b"", metadata=metadata, timeout=5)
            given = {str(key): str(value) for key, value in await running.initial_metadata()}
            return (await running).decode(), given

        assert {(await call())[0] for _ in range(20)} == {"calls1", "calls2"}
        endpoint, given = await call()
        if name == "grpc-cookie":
            again = ("cookie", given["set-cookie"].partition(";")[0])
        else:
            again = ("x-session", given["x-session"])
        assert {one for one, _ in await asyncio.gather(*(call(again) for _ in range(50)))} == {endpoint}
