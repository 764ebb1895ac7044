"""Which listener, route and rule a request meets where hostnames, ports, namespaces and Gateways differ; one Envoy.

`test_traffic.py` has the matches and the precedence of one listener.
"""

from __future__ import annotations

from contextlib import AsyncExitStack
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias

import pytest
import pytest_asyncio

from tests.live import manifests as m
from tests.live.backends import backend, seen
from tests.live.http1 import Ask, ask
from tests.live.product import answers, home, standalone
from tests.ports import free_port

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from tests.live.http1 import Answer
    from tests.live.manifests import Document

pytestmark = [pytest.mark.live, pytest.mark.asyncio(loop_scope="module")]

NAMES = ("a", "b")
EDGE, SECOND = "127.0.0.1", "127.0.0.2"
Expected: TypeAlias = str | int
"""The backend that answers, or the status where none does."""


def aged(name: str, year: int, *rules: Document, hostname: str, listener: str) -> Document:
    """Give a route with one hostname on one listener, and a time of creation."""
    route = m.http_route(name, *rules, hostnames=[hostname], sectionName=listener)
    return {**route, "metadata": {"name": name, "creationTimestamp": f"{year}-01-01T00:00:00Z"}}


def within(namespace: str, route: Document) -> Document:
    """Put a route into a namespace; the Gateway stays in its own, and so do the backends."""
    (parent,) = route["spec"]["parentRefs"]
    spec = {**route["spec"], "parentRefs": [{**parent, "namespace": "default"}]}
    return {**route, "metadata": {**route["metadata"], "namespace": namespace}, "spec": spec}


def on_port(port: int, route: Document) -> Document:
    (parent,) = route["spec"]["parentRefs"]
    return {**route, "spec": {**route["spec"], "parentRefs": [{**parent, "port": port}]}}


def headers(**values: str) -> Document:
    return {"headers": [{"name": name.replace("_", "-"), "value": value} for name, value in values.items()]}


def original(name: str, listener: str, older: str, newer: str) -> list[Document]:
    """Give two routes that come to one hostname on a listener: the older asks for more, the newer is more specific."""
    path, header = m.path("/long"), headers(x_a="1")
    asked = {"": None, "-path": path, "-header": header}
    older_rules = {how: m.rule(m.to("a"), matches=[match] if match is not None else []) for how, match in asked.items()}
    ends = {how: f"{name}{how}.test" for how in asked}
    return [
        document
        for how, end in ends.items()
        for document in (
            aged(f"{name}{how}-old", 2020, older_rules[how], hostname=older.format(end), listener=f"{listener}{how}"),
            aged(f"{name}{how}-new", 2021, m.rule(m.to("b")), hostname=newer.format(end), listener=f"{listener}{how}"),
        )
    ]


def listeners(port: int, other_port: int) -> list[Document]:
    exact = [m.listener(port, name=f"exact{how}", hostname=f"abc.exact{how}.test") for how in ("", "-path", "-header")]
    wild = [m.listener(port, name=f"wild{how}", hostname=f"*.x.wild{how}.test") for how in ("", "-path", "-header")]
    red = {"namespaces": {"from": "Selector", "selector": {"matchLabels": {"team": "red"}}}}
    return [
        m.listener(port),
        m.listener(other_port, name="other"),
        *exact,
        *wild,
        m.listener(port, name="partly", hostname="abc.partly.test"),
        m.listener(port, name="meet", hostname="exact.meet.test"),
        m.listener(port, name="wider", hostname="*.wider.test"),
        m.listener(port, name="narrower", hostname="*.in.narrower.test"),
        m.listener(port, name="only", hostname="only.test"),
        m.listener(port, name="two-a", hostname="*.two-a.test"),
        m.listener(port, name="two-b", hostname="*.two-b.test"),
        m.listener(port, name="apart", hostname="*.apart.test"),
        {**m.listener(port, name="selected", hostname="selected.test"), "allowedRoutes": red},
        {**m.listener(port, name="kinds", hostname="kinds.test"), "allowedRoutes": {"kinds": [{"kind": "GRPCRoute"}]}},
    ]


def routes(port: int) -> list[Document]:
    a, b = m.rule(m.to("a")), m.rule(m.to("b"))
    shared = m.http_route("shared", m.rule(m.to("a"), matches=[m.path("/shared")]), hostnames=["several.test"])
    shared["spec"]["parentRefs"].append({"name": "second"})
    second = m.http_route("own-second", b, hostnames=["several.test"])
    second["spec"]["parentRefs"] = [{"name": "second"}]
    preflight = {"type": "CORS", "cors": {"allowOrigins": ["https://a.test"]}}
    auth = {"protocol": "HTTP", "backendRef": {"name": "nobody", "port": 80}, "http": {}}
    extension = {"group": "example.com", "kind": "Auth", "name": "a"}
    return [
        *original("exact", "exact", "*.{}", "abc.{}"),
        *original("wild", "wild", "*.{}", "*.x.{}"),
        aged("partly-old", 2020, a, hostname="*.partly.test", listener="partly"),
        aged(
            "partly-new", 2021, m.rule(m.to("b"), matches=[m.path("/b")]), hostname="abc.partly.test", listener="partly"
        ),
        m.http_route("meet", a, hostnames=["*.meet.test", "elsewhere.test"], sectionName="meet"),
        m.http_route("wider", a, hostnames=["*.in.wider.test"], sectionName="wider"),
        m.http_route("narrower", a, hostnames=["*.narrower.test"], sectionName="narrower"),
        m.http_route("only", a, sectionName="only"),
        m.http_route("two", a, hostnames=["x.two-a.test", "*.two-b.test"]),
        m.http_route("apart", a, hostnames=["nothing.test"], sectionName="apart"),
        on_port(port, m.http_route("by-port", a, hostnames=["by-port.test"])),
        on_port(1, m.http_route("no-port", a, hostnames=["no-port.test"])),
        m.http_route("no-section", a, hostnames=["no-section.test"], sectionName="missing"),
        m.http_route("everywhere", a, hostnames=["everywhere.test"]),
        within("red", m.http_route("selected", m.rule(m.to("a", namespace="default")), sectionName="selected")),
        within(
            "blue",
            m.http_route("not-selected", m.rule(m.to("b", namespace="default"), matches=[m.path("/blue")])),
        ),
        within(
            "red",
            m.http_route("not-same", m.rule(m.to("a", namespace="default")), hostnames=["not-same.test"]),
        ),
        m.http_route("kinds", a, sectionName="kinds"),
        shared,
        second,
        m.http_route("own-edge", a, hostnames=["several.test"]),
        m.http_route(
            "alike",
            m.rule(m.to("a"), matches=[m.path("/same")]),
            m.rule(m.to("b"), matches=[m.path("/same/")]),
            m.rule(m.to("a"), matches=[{**m.path("/order"), **headers(x_a="1", x_b="2")}]),
            m.rule(m.to("b"), matches=[{**m.path("/order"), **headers(x_b="2", x_a="1")}]),
            m.rule(m.to("missing"), matches=[m.path("/first")]),
            m.rule(m.to("a"), matches=[m.path("/first")]),
            m.rule(m.to("a"), matches=[m.path("/any"), headers(x_any="1")]),
            m.rule(m.to("a"), matches=[{**m.path("/twice"), **headers(x_a="1", X_A="2")}]),
            m.rule(m.to("a"), matches=[{**m.path("/repeated"), **headers(x_a="2")}]),
            m.rule(m.to("a"), matches=[{**m.path("/query"), "queryParams": [{"name": "q", "value": "1"}]}]),
            hostnames=["alike.test"],
        ),
        m.http_route(
            "filters",
            m.rule(m.to("a"), matches=[m.path("/host")], filters=[m.request_headers(remove=["Host"])]),
            m.rule(
                m.to("a"),
                matches=[m.path("/extension")],
                filters=[{"type": "ExtensionRef", "extensionRef": extension}],
            ),
            m.rule(
                m.to("a"),
                matches=[m.path("/cors")],
                filters=[{"type": "ExternalAuth", "externalAuth": auth}, preflight],
            ),
            hostnames=["filters.test"],
        ),
        m.http_route("ready", a, hostnames=["ready.test"]),
    ]


@dataclass(frozen=True, slots=True)
class Served:
    port: int
    other_port: int


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def served() -> AsyncIterator[Served]:
    async with AsyncExitStack() as stack:
        where = await stack.enter_async_context(home())
        port, other_port = free_port(), free_port()
        second = m.gateway(m.listener(port), name="second")
        second["spec"]["addresses"] = [{"value": SECOND}]
        edge = m.gateway(*listeners(port, other_port))
        edge["spec"]["addresses"] = [{"value": EDGE}]
        backends = [await stack.enter_async_context(backend(name)) for name in NAMES]
        services = [document for one in backends for document in m.service(one.name, one.port)]
        spaces = [
            {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": team, "labels": {"team": team}}}
            for team in ("red", "blue")
        ]
        grants = [m.reference_grant("default", team) for team in ("red", "blue")]
        for grant, team in zip(grants, ("red", "blue"), strict=True):
            grant["metadata"] = {"name": team, "namespace": "default"}
        nobody = m.service("nobody", None)
        m.write(where.folder / "base.yaml", [m.gateway_class(), edge, second, *spaces, *grants, *services, *nobody])
        m.write(where.folder / "routes.yaml", routes(port))
        await stack.enter_async_context(standalone(where, "--concurrency", "1", "--addresses", f"{EDGE},{SECOND}"))
        await answers(port, Ask("/", "ready.test"), lambda answer: answer.status == 200)
        await answers(other_port, Ask("/", "ready.test"), lambda answer: answer.status == 200)
        await answers(port, Ask("/shared", "several.test"), lambda answer: answer.status == 200, ip=SECOND)
        yield Served(port, other_port)


def met(answer: Answer) -> Expected:
    return seen(answer).backend if answer.status == 200 else answer.status


REQUESTS: list[tuple[str, str, tuple[tuple[str, str], ...], Expected]] = [
    ("abc.exact.test", "/", (), "b"),
    ("abc.exact-path.test", "/long", (), "b"),
    ("abc.exact-header.test", "/", (("x-a", "1"),), "b"),
    ("y.x.wild.test", "/", (), "b"),
    ("y.x.wild-path.test", "/long", (), "b"),
    ("y.x.wild-header.test", "/", (("x-a", "1"),), "b"),
    ("abc.partly.test", "/b", (), "b"),
    ("abc.partly.test", "/else", (), "a"),
    ("exact.meet.test", "/", (), "a"),
    ("other.meet.test", "/", (), 404),
    ("elsewhere.test", "/", (), 404),
    ("x.in.wider.test", "/", (), "a"),
    ("x.wider.test", "/", (), 404),
    ("x.in.narrower.test", "/", (), "a"),
    ("x.narrower.test", "/", (), 404),
    ("only.test", "/", (), "a"),
    ("x.two-a.test", "/", (), "a"),
    ("y.two-a.test", "/", (), 404),
    ("y.two-b.test", "/", (), "a"),
    ("nothing.test", "/", (), 404),
    ("no-port.test", "/", (), 404),
    ("no-section.test", "/", (), 404),
    ("selected.test", "/", (), "a"),
    ("selected.test", "/blue", (), "a"),
    ("not-same.test", "/", (), 404),
    ("kinds.test", "/", (), 404),
    ("alike.test", "/same/x", (), "a"),
    ("alike.test", "/same", (), "a"),
    ("alike.test", "/order", (("x-a", "1"), ("x-b", "2")), "a"),
    ("alike.test", "/first", (), 500),
    ("alike.test", "/any", (), "a"),
    ("alike.test", "/", (("x-any", "1"),), "a"),
    ("alike.test", "/twice", (("x-a", "1"),), "a"),
    ("alike.test", "/twice", (("x-a", "2"),), 404),
    ("alike.test", "/repeated", (("x-a", "1"), ("x-a", "2")), "a"),
    ("alike.test", "/repeated", (("x-a", "1, 2"),), 404),
    ("alike.test", "/query?q=1&q=2", (), "a"),
    ("alike.test", "/query?q=2&q=1", (), 404),
    ("filters.test", "/host", (), 404),
    ("filters.test", "/extension", (), 500),
    ("filters.test", "/cors", (("origin", "https://a.test"),), 503),
]


def _title(request: tuple[str, str, tuple[tuple[str, str], ...], Expected]) -> str:
    host, path, headers_, _ = request
    return " ".join([f"{host}{path}", *(f"{name}:{value}" for name, value in headers_)])


@pytest.mark.parametrize("request_", REQUESTS, ids=_title)
async def test_request(served: Served, request_: tuple[str, str, tuple[tuple[str, str], ...], Expected]) -> None:
    host, path, headers_, expected = request_
    assert met(await ask(served.port, Ask(path, host, "GET", headers_))) == expected


async def test_a_port_chooses_the_listeners_of_that_port(served: Served) -> None:
    request = Ask("/", "by-port.test")
    assert met(await ask(served.port, request)) == "a"
    assert met(await ask(served.other_port, request)) == 404


async def test_a_route_that_names_no_listener_is_on_all(served: Served) -> None:
    request = Ask("/", "everywhere.test")
    assert met(await ask(served.port, request)) == "a"
    assert met(await ask(served.other_port, request)) == "a"


async def test_gateways_have_addresses_and_routes_of_their_own(served: Served) -> None:
    found = {
        (ip, path): met(await ask(served.port, Ask(path, "several.test"), ip))
        for ip in (EDGE, SECOND)
        for path in ("/", "/shared")
    }
    assert found == {(EDGE, "/"): "a", (EDGE, "/shared"): "a", (SECOND, "/"): "b", (SECOND, "/shared"): "a"}


async def test_host_reaches_the_backend_with_its_port(served: Served) -> None:
    answer = await ask(served.port, Ask("/", "ready.test:1234"))
    assert seen(answer).values("host") == ["ready.test:1234"]


async def test_a_preflight_is_answered_before_anybody_is_asked_for_credentials(served: Served) -> None:
    asked = (("origin", "https://a.test"), ("access-control-request-method", "GET"))
    answer = await ask(served.port, Ask("/cors", "filters.test", "OPTIONS", asked))
    assert answer.status == 200
    assert answer.headers["access-control-allow-origin"] == "https://a.test"
