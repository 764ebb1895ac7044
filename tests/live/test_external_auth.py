"""ExternalAuth through a real Envoy, on rules, backends and listeners: who is asked what, and who is let through."""

from __future__ import annotations

import asyncio
import copy
from contextlib import AsyncExitStack
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import pytest
import pytest_asyncio

from tests.live import manifests as m
from tests.live.authorizers import GRPC, HTTP, authorizers
from tests.live.backends import backend, seen
from tests.live.http1 import Ask, ask, connected
from tests.live.product import answers, home, standalone
from tests.ports import free_port

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from tests.live.authorizers import Authorizers
    from tests.live.backends import Backend
    from tests.live.http1 import Answer
    from tests.live.manifests import Document
    from tests.live.product import Home

pytestmark = [pytest.mark.live, pytest.mark.asyncio(loop_scope="module")]

HOST = "guarded.test"
LARGE = 300_000
"""More bytes than Envoy buffers of a connection by itself."""


@dataclass(frozen=True, slots=True)
class Service:
    """Who is asked, and how large a body goes along."""

    name: str
    body: int | None = None
    namespace: str | None = None

    def filter(self, protocol: str, **settings: object) -> Document:
        """Give an ExternalAuth with these fields of `http` or `grpc`."""
        auth: Document = {
            "protocol": protocol,
            "backendRef": m.to(self.name, namespace=self.namespace),
            protocol.lower(): settings,
        }
        if self.body is not None:
            auth["forwardBody"] = {"maxSize": self.body}
        return {"type": "ExternalAuth", "externalAuth": auth}


def http(**settings: object) -> Document:
    return Service(HTTP).filter("HTTP", **settings)


def grpc(**settings: object) -> Document:
    return Service(GRPC).filter("GRPC", **settings)


def guarded(path: str, *filters: Document) -> Document:
    return m.rule(m.to("a"), matches=[m.path(path)], filters=filters)


EXTENSION = {"type": "ExtensionRef", "extensionRef": {"group": "example.com", "kind": "Auth", "name": "a"}}

CORS = {"type": "CORS", "cors": {"allowOrigins": ["https://foo.com"]}}


def routes() -> list[Document]:
    return [
        m.http_route(
            "guarded",
            guarded("/http", http()),
            guarded("/grpc", grpc()),
            guarded("/open"),
            guarded("/http-path", http(path="check//v1/")),
            guarded("/http-headers", http(allowedHeaders=["X-Tenant", "cookie"], allowedResponseHeaders=["X-User"])),
            guarded("/grpc-headers", grpc(allowedHeaders=["X-Tenant", "Authorization"])),
            guarded("/http-body", Service(HTTP, body=16).filter("HTTP")),
            guarded("/grpc-body", Service(GRPC, body=16).filter("GRPC")),
            guarded("/large-body", Service(HTTP, body=LARGE).filter("HTTP")),
            guarded("/no-body", Service(HTTP, body=0).filter("HTTP")),
            hostnames=[HOST],
        ),
        m.http_route(
            "more",
            guarded("/http-down", Service("down").filter("HTTP")),
            guarded("/grpc-down", Service("down").filter("GRPC")),
            guarded("/http-nobody", Service("empty").filter("HTTP")),
            guarded("/grpc-nobody", Service("empty").filter("GRPC")),
            guarded("/wrong-protocol", Service(GRPC).filter("HTTP")),
            guarded("/missing", Service("missing").filter("HTTP")),
            guarded("/far", Service("far", namespace="far").filter("HTTP")),
            m.rule(matches=[m.path("/redirect")], filters=[m.redirect(hostname="secret.test"), http()]),
            guarded("/cors", CORS, http()),
            m.rule(m.to("a"), m.to("b", grpc()), matches=[m.path("/share")]),
            guarded("/extension", EXTENSION),
            m.rule(
                m.to("a"), m.to("b", m.redirect(hostname="other.test")), matches=[m.path("/split")], filters=[http()]
            ),
            hostnames=[HOST],
        ),
        # All on one listener are asked about first; a role that the service gave leads to a backend of its own.
        m.http_route(
            "listened",
            m.rule(m.to("a"), matches=[m.path("/")]),
            m.rule(m.to("b"), matches=[{**m.path("/"), "headers": [{"name": "x-role", "value": "admin"}]}]),
            guarded("/own", http(path="/own")),
            hostnames=["one.listened.test"],
        ),
        m.http_route("once", guarded("/first", http(path="/own")), hostnames=["once.test"], sectionName="once"),
        m.http_route("everywhere", guarded("/everywhere")),
    ]


def listener(port: int, name: str, hostname: str, *filters: Document) -> Document:
    return {**m.listener(port, name=name, hostname=hostname), "filters": {"requests": list(filters)}}


def gateway(port: int, *more: Document) -> Document:
    return m.gateway(
        m.listener(port),
        listener(port, "listened", "*.listened.test", http(path="/first"), grpc()),
        listener(port, "reversed", "*.reversed.test", grpc(), http()),
        listener(port, "once", "once.test", grpc()),
        listener(port, "broken", "broken.test", http(), Service("missing").filter("HTTP"), grpc()),
        listener(port, "extended", "extended.test", http(), EXTENSION),
        listener(port, "far", "far.test", Service("far", namespace="far").filter("HTTP")),
        *more,
    )


def grant(kind: str) -> Document:
    """Let routes or Gateways of namespace `default` use the Services of namespace `far`."""
    found = copy.deepcopy(m.reference_grant("far"))
    found["spec"]["from"][0]["kind"] = kind
    found["metadata"]["name"] = kind.lower()
    return found


@dataclass(frozen=True, slots=True)
class Served:
    home: Home
    port: int
    auth: Authorizers
    behind: dict[str, Backend]

    async def ask(self, request: Ask) -> Answer:
        """Ask once; what came of requests before is forgotten."""
        self.forget()
        return await ask(self.port, request)

    def forget(self) -> None:
        self.auth.asked.clear()
        for one in self.behind.values():
            one.received.clear()

    @property
    def asked(self) -> list[str]:
        """Which services were asked about the last request, in this order."""
        return [one.by for one in self.auth.asked]

    @property
    def reached(self) -> list[str]:
        """Which backends the last request reached."""
        return [name for name, one in self.behind.items() if one.received]


def by(authorization: str, path: str, host: str = HOST, *headers: tuple[str, str]) -> Ask:
    """Give a request of somebody, or of nobody."""
    known = [("authorization", authorization)] if authorization else []
    return Ask(path, host, headers=(*known, *headers))


def post(request: Ask, body: bytes) -> Ask:
    return replace(request, method="POST", body=body)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def served() -> AsyncIterator[Served]:
    async with AsyncExitStack() as stack:
        where = await stack.enter_async_context(home())
        auth = await stack.enter_async_context(authorizers())
        behind = {name: await stack.enter_async_context(backend(name)) for name in ("a", "b")}
        port = free_port()
        services = [
            *m.service("a", behind["a"].port),
            *m.service("b", behind["b"].port),
            *m.service(HTTP, auth.http),
            *m.service(GRPC, auth.grpc),
            *m.service("down", free_port()),
            *m.service("empty", None),
            *m.service("far", auth.http, namespace="far"),
        ]
        m.write(where.folder / "base.yaml", [m.gateway_class(), *services])
        m.write(where.folder / "gateway.yaml", [gateway(port)])
        m.write(where.folder / "routes.yaml", routes())
        await stack.enter_async_context(standalone(where, "--concurrency", "1"))
        await answers(port, Ask("/open", HOST), lambda answer: answer.status == 200)
        yield Served(where, port, auth, behind)


async def test_over_http_a_200_lets_the_request_go_on(served: Served) -> None:
    answer = await served.ask(by("allow", "/http/more?q=1"))
    assert (answer.status, served.asked, served.reached) == (200, [HTTP], ["a"])
    asked = served.auth.asked[0]
    assert (asked.method, asked.path, asked.host) == ("GET", "/http/more?q=1", HOST)


async def test_over_http_the_client_gets_the_answer_that_refuses(served: Served) -> None:
    answer = await served.ask(by("deny", "/http"))
    assert (answer.status, answer.text, answer.headers["www-authenticate"]) == (401, "auth-http says no", "Test")
    assert (served.asked, served.reached) == ([HTTP], [])


@pytest.mark.parametrize("status", [201, 202, 204, 301, 302, 304, 400, 403, 404, 429])
async def test_over_http_every_other_status_refuses(served: Served, status: int) -> None:
    answer = await served.ask(by(f"status {status}", "/http"))
    assert (answer.status, served.asked, served.reached) == (status, [HTTP], [])


async def test_over_http_a_login_page_may_be_named(served: Served) -> None:
    answer = await served.ask(by("status 302", "/http"))
    assert answer.headers["location"] == "http://login.test/"


async def test_over_grpc_ok_lets_the_request_go_on(served: Served) -> None:
    answer = await served.ask(by("allow", "/grpc/more?q=1"))
    assert (answer.status, served.asked, served.reached) == (200, [GRPC], ["a"])
    asked = served.auth.asked[0]
    assert (asked.method, asked.path, asked.host) == ("GET", "/grpc/more?q=1", HOST)
    assert seen(answer).values("x-user") == ["bob"]


async def test_over_grpc_the_client_gets_the_answer_that_refuses(served: Served) -> None:
    answer = await served.ask(by("deny", "/grpc"))
    assert (answer.status, answer.text) == (402, "auth-grpc says no")
    assert (served.asked, served.reached) == ([GRPC], [])


CLOSED = [
    ("error", "/http"),
    ("error", "/grpc"),
    ("late", "/http"),
    ("late", "/grpc"),
    ("allow", "/http-down"),
    ("allow", "/grpc-down"),
    ("allow", "/http-nobody"),
    ("allow", "/grpc-nobody"),
    ("allow", "/wrong-protocol"),
]


@pytest.mark.parametrize(("authorization", "path"), CLOSED, ids=lambda value: value.strip("/"))
async def test_fails_closed(served: Served, authorization: str, path: str) -> None:
    answer = await served.ask(by(authorization, path))
    assert (answer.status, served.reached) == (503, [])


@pytest.mark.parametrize("path", ["/missing", "/far", "/extension"])
async def test_a_service_that_cannot_be_had_lets_nothing_through(served: Served, path: str) -> None:
    answer = await served.ask(by("allow", path))
    assert (answer.status, served.asked, served.reached) == (500, [], [])


async def test_a_grant_opens_and_shuts(served: Served) -> None:
    """For a route and for a listener, each by a grant of its own."""
    file = served.home.folder / "grant.yaml"
    of_route, of_listener = by("allow", "/far"), by("allow", "/everywhere", "far.test")
    for kind, opened, shut in (("HTTPRoute", of_route, of_listener), ("Gateway", of_listener, of_route)):
        m.write(file, [grant(kind)])
        await answers(served.port, opened, lambda answer: answer.status == 200)
        assert (await served.ask(shut)).status == 500
        file.unlink()
        await answers(served.port, opened, lambda answer: answer.status == 500)
        await served.ask(opened)
        assert (served.asked, served.reached) == ([], [])


ALWAYS = {"host", "content-length", "authorization"}
"""Headers that a service over HTTP gets whatever is allowed; method and path are no headers."""

OF_ENVOY = {"x-envoy-internal", "x-envoy-expected-rq-timeout-ms"}
"""Headers that Envoy itself adds to what it asks."""


async def test_over_http_the_service_receives_what_is_allowed(served: Served) -> None:
    sent = (("x-tenant", "t"), ("cookie", "c=1"), ("x-secret", "s"), ("user-agent", "u"))
    await served.ask(by("allow", "/http", HOST, *sent))
    assert served.auth.asked[0].headers.keys() - OF_ENVOY == ALWAYS
    await served.ask(by("allow", "/http-headers", HOST, *sent))
    headers = served.auth.asked[0].headers
    assert headers.keys() - OF_ENVOY == ALWAYS | {"x-tenant", "cookie"}
    assert (headers["x-tenant"], headers["cookie"], headers["authorization"]) == ("t", "c=1", "allow")


async def test_over_grpc_the_service_receives_what_is_allowed(served: Served) -> None:
    sent = (("x-tenant", "t"), ("x-secret", "s"))
    await served.ask(by("allow", "/grpc-headers", HOST, *sent))
    assert served.auth.asked[0].headers == {"x-tenant": "t", "authorization": "allow"}
    await served.ask(by("allow", "/grpc", HOST, *sent))
    assert served.auth.asked[0].headers.items() >= {*sent, ("authorization", "allow"), (":authority", HOST)}


async def test_over_http_the_path_of_the_service_stands_before_that_of_the_request(served: Served) -> None:
    await served.ask(by("allow", "/http-path/more?q=1"))
    assert served.auth.asked[0].path == "/check/v1/http-path/more?q=1"


async def test_over_http_the_backend_receives_what_is_allowed_of_the_answer(served: Served) -> None:
    sent = (("x-user", "forged"), ("x-other", "mine"))
    got = seen(await served.ask(by("allow", "/http-headers", HOST, *sent)))
    assert (got.values("x-user"), got.values("x-other"), got.values("x-role")) == (["alice"], ["mine"], [])
    got = seen(await served.ask(by("allow", "/http", HOST, *sent)))
    assert (got.values("x-user"), got.values("x-other"), got.values("x-role")) == (["alice"], ["too"], ["user"])


async def test_an_answer_does_not_touch_the_frame_of_the_request(served: Served) -> None:
    """Host stays, and what says how long the answer of the service was does not say how long the request is."""
    got = seen(await served.ask(post(by("touch it", "/http"), b"12345")))
    assert (got.values("host"), got.values("content-length"), got.values("te")) == ([HOST], ["5"], [])
    assert (got.body, got.values("x-user")) == (b"12345", ["alice"])


@pytest.mark.parametrize("name", ["host", ":authority", ":scheme", ":method", "content-length", "transfer-encoding"])
async def test_an_answer_over_grpc_does_not_touch_the_frame_of_the_request(served: Served, name: str) -> None:
    got = seen(await served.ask(post(by(f"touch {name}", "/grpc"), b"12345")))
    assert (got.method, got.path, got.body) == ("POST", "/grpc", b"12345")
    assert (got.values("host"), got.values("content-length"), got.values("transfer-encoding")) == ([HOST], ["5"], [])


@pytest.mark.parametrize("path", ["/http-body", "/grpc-body"])
async def test_a_body_goes_along(served: Served, path: str) -> None:
    answer = await served.ask(post(by("allow", path), b"0123456789"))
    assert served.auth.asked[0].body == b"0123456789"
    assert seen(answer).body == b"0123456789"
    if path == "/http-body":
        assert served.auth.asked[0].headers["content-length"] == "10"


@pytest.mark.parametrize("path", ["/http-body", "/grpc-body"])
async def test_a_body_that_is_too_large_is_refused(served: Served, path: str) -> None:
    answer = await served.ask(post(by("allow", path), b"0123456789abcdefg"))
    assert (answer.status, served.asked, served.reached) == (413, [], [])


async def test_a_large_body_goes_along_where_it_may(served: Served) -> None:
    body = b"x" * (LARGE - 1)
    answer = await served.ask(post(by("allow", "/large-body"), body))
    assert (served.auth.asked[0].body, seen(answer).body) == (body, body)
    assert (await served.ask(post(by("allow", "/large-body"), body + b"xx"))).status == 413


@pytest.mark.parametrize("path", ["/http", "/grpc", "/no-body"])
async def test_no_body_goes_along_unless_asked_for(served: Served, path: str) -> None:
    answer = await served.ask(post(by("allow", path), b"0123456789"))
    assert (served.auth.asked[0].body, seen(answer).body) == (b"", b"0123456789")
    if path != "/grpc":
        assert served.auth.asked[0].headers["content-length"] == "0"


async def test_a_rule_that_redirects_asks_first(served: Served) -> None:
    answer = await served.ask(by("deny", "/redirect"))
    assert (answer.status, served.asked) == (401, [HTTP])
    assert "location" not in answer.headers
    answer = await served.ask(by("allow", "/redirect"))
    assert (answer.status, served.asked) == (302, [HTTP])
    assert "secret.test" in answer.headers["location"]


async def test_on_a_backend_its_share_asks(served: Served) -> None:
    """Of two shares one asks: what the service refuses never reaches the backend behind it, the others never ask."""
    found = set()
    for _ in range(60):
        answer = await served.ask(by("deny", "/share"))
        found.add((answer.status, *served.asked, *served.reached))
    assert found == {(200, "a"), (402, GRPC)}
    found = set()
    for _ in range(60):
        answer = await served.ask(by("allow", "/share"))
        found.add((answer.status, *served.asked, *served.reached))
    assert found == {(200, "a"), (200, GRPC, "b")}


async def test_a_rule_that_is_split_asks_for_each_share(served: Served) -> None:
    for authorization, expected in (("deny", {(401, HTTP)}), ("allow", {(200, HTTP, "a"), (302, HTTP)})):
        found = set()
        for _ in range(60):
            answer = await served.ask(by(authorization, "/split"))
            found.add((answer.status, *served.asked, *served.reached))
        assert found == expected


async def test_a_preflight_is_answered_before_anybody_is_asked(served: Served) -> None:
    browser = (("origin", "https://foo.com"), ("access-control-request-method", "GET"))
    preflight = replace(by("", "/cors", HOST, *browser), method="OPTIONS")
    answer = await served.ask(preflight)
    assert (answer.status, served.asked, served.reached) == (200, [], [])
    answer = await served.ask(by("deny", "/cors", HOST, browser[0]))
    assert (answer.status, served.asked, served.reached) == (401, [HTTP], [])


async def test_routes_without_it_ask_nobody(served: Served) -> None:
    answer = await served.ask(by("deny", "/open"))
    assert (answer.status, served.asked, served.reached) == (200, [], ["a"])


DENIED = "authorization: deny"

TRICKS = [
    "GET //http HTTP/1.1",
    "GET /./http HTTP/1.1",
    "GET /open/../http HTTP/1.1",
    "GET /open/%2e%2e/http HTTP/1.1",
    "GET /%68ttp HTTP/1.1",
    "GET /open/..%2fhttp HTTP/1.1",
    "GET /open\\..\\http HTTP/1.1",
    "GET /open/..%5chttp HTTP/1.1",
    "GET /http/ HTTP/1.1",
    "GET /http? HTTP/1.1",
    "GET /http?/open HTTP/1.1",
    "GET /http#/open HTTP/1.1",
    "GET /http%00/open HTTP/1.1",
    "GET http://guarded.test/http HTTP/1.1",
    "GET http://other.test/http HTTP/1.1",
    "GET /http HTTP/1.0",
    "HEAD /http HTTP/1.1",
    "OPTIONS /http HTTP/1.1",
    "TRACE /http HTTP/1.1",
    "CONNECT guarded.test:80 HTTP/1.1",
    "CONNECT /http HTTP/1.1",
    "PRI /http HTTP/1.1",
    "GET /http HTTP/1.1|origin: https://foo.com|access-control-request-method: GET",
    "OPTIONS /http HTTP/1.1|origin: https://foo.com|access-control-request-method: GET",
    "GET /http HTTP/1.1|connection: upgrade|upgrade: websocket|sec-websocket-version: 13|sec-websocket-key: x",
    "GET /http HTTP/1.1|connection: upgrade, http2-settings|upgrade: h2c|http2-settings: AAMAAABkAAQAAP__",
    "GET /http HTTP/1.1|connection: authorization",
    "GET /http HTTP/1.1|connection: close, host",
    "GET /http HTTP/1.1|authorization: allow",
    "GET /http HTTP/1.1|x-original-url: /open|x-rewrite-url: /open",
    "GET /http HTTP/1.1|x-envoy-original-path: /open|x-envoy-original-url: /open",
    "GET /http HTTP/1.1|x-envoy-internal: true|x-forwarded-for: 127.0.0.1",
    "GET /http HTTP/1.1|x-envoy-auth-partial-body: false|x-envoy-auth-failure-mode-allowed: true",
    "GET /http HTTP/1.1|x-envoy-upstream-alt-stat-name: x|x-envoy-decorator-operation: x",
    "GET /http HTTP/1.1|x-http-method-override: OPTIONS",
    "GET /http HTTP/1.1|x-user: alice|x-role: admin",
    "GET /http HTTP/1.1|host: other.test",
    "GET /http HTTP/1.1|expect: 100-continue",
    "POST /http HTTP/1.1|content-length: 5|transfer-encoding: chunked",
    "POST /http HTTP/1.1|transfer-encoding: chunked|x: y",
    "GET /http HTTP/1.1|te: trailers",
    "GET /grpc HTTP/1.1|connection: upgrade|upgrade: websocket|sec-websocket-version: 13|sec-websocket-key: x",
    "POST /http-body HTTP/1.1|content-length: 5|expect: 100-continue",
    "GET /http-body HTTP/1.1|connection: upgrade|upgrade: websocket|sec-websocket-version: 13|sec-websocket-key: x",
]


@pytest.mark.parametrize("trick", TRICKS)
async def test_nothing_that_a_client_sends_gets_it_past_the_service(served: Served, trick: str) -> None:
    """The service refuses, whatever else is in the request; no backend sees it, nor what a client puts behind it."""
    served.forget()
    request, *headers = trick.split("|")
    lines = [request, f"host: {HOST}", DENIED, *headers, "", "0", ""]
    # A last chunk, five bytes of a body, or rubbish; then a request after which the connection ends.
    lines += ["", "GET /nowhere HTTP/1.1", f"host: {HOST}", "connection: close", "", ""]
    reader, writer = await asyncio.open_connection("127.0.0.1", served.port)
    try:
        writer.write("\r\n".join(lines).encode("latin-1"))
        said = b""
        async with asyncio.timeout(30):
            # Envoy says that it closes, and waits a second for a client that does.
            while b"connection: close" not in said and (some := await reader.read(65536)):
                said += some
    finally:
        writer.close()
    statuses = [line.split(b" ")[1] for line in said.split(b"\r\n") if line.startswith(b"HTTP/1.1 ")]
    assert statuses
    assert all(status not in {b"101", b"200"} for status in statuses), said
    assert served.reached == []


async def test_a_grpc_client_is_told_in_its_own_terms(served: Served) -> None:
    answer = await served.ask(by("deny", "/grpc", HOST, ("content-type", "application/grpc")))
    assert (answer.status, answer.headers["grpc-message"], served.reached) == (200, "auth-grpc says no", [])
    assert answer.headers["grpc-status"] != "0"


async def test_a_listener_asks_in_order_about_every_request(served: Served) -> None:
    host = "one.listened.test"
    answer = await served.ask(by("allow", "/any?q=1", host))
    assert (answer.status, served.asked, served.reached) == (200, [HTTP, GRPC], ["a"])
    assert [one.path for one in served.auth.asked] == ["/first/any?q=1", "/any?q=1"]
    # The second is asked about what the first made of the request.
    assert served.auth.asked[1].headers["x-other"] == "too"
    await served.ask(by("allow", "/any", "any.reversed.test"))
    assert served.asked == [GRPC, HTTP]


@pytest.mark.parametrize(("path", "method"), [("/nowhere", "GET"), ("/", "DELETE"), ("/everywhere/x?y", "POST")])
async def test_a_listener_asks_also_where_no_route_matches(served: Served, path: str, method: str) -> None:
    host = "nowhere.reversed.test"
    answer = await served.ask(replace(by("allow", path, host), method=method))
    assert (answer.status, served.asked) == (200 if "everywhere" in path else 404, [GRPC, HTTP])
    answer = await served.ask(replace(by("deny", path, host), method=method))
    assert (answer.status, served.asked, served.reached) == (402, [GRPC], [])


async def test_who_answers_a_listener_has_the_last_word(served: Served) -> None:
    answer = await served.ask(by("deny", "/own", "one.listened.test"))
    assert (answer.status, served.asked, served.reached) == (401, [HTTP], [])


async def test_a_listener_chooses_the_route_after_it_has_asked(served: Served) -> None:
    host = "one.listened.test"
    assert seen(await served.ask(by("as admin", "/", host))).backend == "b"
    assert (served.asked, served.reached) == ([HTTP, GRPC], ["b"])
    # What the client says of itself is gone when the route is chosen.
    forged = await served.ask(by("allow", "/", host, ("x-role", "admin")))
    assert (seen(forged).backend, seen(forged).values("x-role")) == ("a", ["user"])


async def test_other_listeners_of_the_port_ask_nobody(served: Served) -> None:
    for host in (HOST, "listened.test", "unknown.test"):
        answer = await served.ask(by("deny", "/everywhere", host))
        assert (answer.status, served.asked) == (200, [])


async def test_a_route_asks_besides_its_listener(served: Served) -> None:
    answer = await served.ask(by("allow", "/own", "one.listened.test"))
    assert (answer.status, served.asked) == (200, [HTTP, GRPC, HTTP])
    assert [one.path for one in served.auth.asked] == ["/first/own", "/own", "/own/own"]


@pytest.mark.parametrize("name", ["host", ":authority"])
async def test_a_listener_that_asks_keeps_the_host(served: Served, name: str) -> None:
    """Neither the route nor what the backend receives goes by a host that a filter made up."""
    got = seen(await served.ask(by(f"touch {name}", "/everywhere", "once.test")))
    assert (got.backend, got.values("host")) == ("a", ["once.test"])


async def test_a_listener_with_a_filter_that_leads_nowhere_lets_nothing_through(served: Served) -> None:
    answer = await served.ask(by("allow", "/everywhere", "broken.test"))
    assert (answer.status, served.asked, served.reached) == (500, [HTTP], [])
    answer = await served.ask(by("deny", "/everywhere", "broken.test"))
    assert (answer.status, served.asked, served.reached) == (401, [HTTP], [])
    answer = await served.ask(by("allow", "/everywhere", "far.test"))
    assert (answer.status, served.asked, served.reached) == (500, [], [])


async def test_a_listener_with_a_filter_of_another_type_lets_nothing_through(served: Served) -> None:
    answer = await served.ask(by("allow", "/everywhere", "extended.test"))
    assert (answer.status, served.asked, served.reached) == (500, [HTTP], [])


async def test_a_filter_that_a_listener_gets_holds_for_connections_that_are_open(served: Served) -> None:
    """On a port that had none, where it changes no Listener."""
    file = served.home.folder / "gateway.yaml"
    port = free_port()
    request = by("deny", "/everywhere", "late.test")
    try:
        m.write(file, [gateway(served.port, m.listener(port, name="late"))])
        await answers(port, request, lambda answer: answer.status == 200)
        async with connected("127.0.0.1", port) as kept:
            assert (await kept.exchange(request)).status == 200
            late = {**m.listener(port, name="late"), "filters": {"requests": [http()]}}
            m.write(file, [gateway(served.port, late)])
            await answers(port, request, lambda answer: answer.status == 401)
            served.forget()
            assert (await kept.exchange(request)).status == 401
            assert (served.asked, served.reached) == ([HTTP], [])
    finally:
        m.write(file, [gateway(served.port)])


async def test_where_a_listener_gets_more_filters_connections_from_before_end(served: Served) -> None:
    """A chain with a further position is for new connections; those that are open have the filters that there were."""
    file = served.home.folder / "gateway.yaml"
    port = free_port()
    request = by("allow", "/everywhere", "late.test")
    try:
        m.write(file, [gateway(served.port, m.listener(port, name="late"))])
        await answers(port, request, lambda answer: answer.status == 200)
        async with connected("127.0.0.1", port) as kept:
            assert (await kept.exchange(request)).status == 200
            more = {**m.listener(port, name="late"), "filters": {"requests": [http(), grpc()]}}
            m.write(file, [gateway(served.port, more)])
            served.forget()
            await answers(port, request, lambda _answer: GRPC in served.asked)
            served.forget()
            await kept.exchange(request)
            assert (served.asked, kept.closing) == ([HTTP], True)
    finally:
        m.write(file, [gateway(served.port)])
