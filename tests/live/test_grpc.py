"""What calls of gRPC meet at the gateway: each rule of GRPCRoute, told by which backend answered; one Envoy."""

from __future__ import annotations

import asyncio
from collections import Counter
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias

import grpc
import pytest
import pytest_asyncio

from tests.live import manifests as m
from tests.live.backends import Backend, backend, seen
from tests.live.calls import Call, call, channel, telling
from tests.live.http1 import Ask, ask
from tests.live.product import answers, home, standalone
from tests.ports import free_port

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Mapping

    from tests.live.calls import Outcome
    from tests.live.manifests import Document

pytestmark = [pytest.mark.live, pytest.mark.asyncio(loop_scope="module")]

NAMES = ("a", "b", "c", "d", "e", "f", "g", "h")
UNIMPLEMENTED = grpc.StatusCode.UNIMPLEMENTED
UNAVAILABLE = grpc.StatusCode.UNAVAILABLE
Expected: TypeAlias = "str | grpc.StatusCode"
"""The backend that answers, or the status where none does."""
MIRROR = {"type": "RequestMirror", "requestMirror": {"backendRef": m.to("h")}}
SECOND = "127.0.0.2"
"""Where the second Gateway is."""


def to(backend_: str, *matches: Document, **fields: object) -> Document:
    """Give a rule that leads to one backend."""
    return {**m.rule(m.to(backend_), matches=matches), **fields}


def headers(**values: str) -> Document:
    return {"headers": [{"name": name, "value": value} for name, value in values.items()]}


def regex(service: str = "", method: str = "") -> Document:
    return m.method(service, method, "RegularExpression")


def at(document: Document, created: str) -> Document:
    """Give an object its time of creation."""
    return {**document, "metadata": {**document["metadata"], "creationTimestamp": created}}


def routes() -> list[Document]:
    """Give all routes; each case has hostnames of its own, so that none is in the way of another."""
    edits = [
        m.request_headers(set_=[("x-set", "new")], add=[("x-add", "more")], remove=["x-gone"]),
        m.response_headers(set_=[("x-from", "gateway")], add=[("x-more", "1")], remove=["x-gone"]),
    ]
    return [
        m.grpc_route(
            "methods",
            to("a", m.method("shop.Cart", "Add")),
            to("b", m.method("shop.Cart")),
            to("c", m.method(method="Add")),
            hostnames=["methods.test"],
        ),
        m.grpc_route(
            "regex",
            to("a", regex(r"shop\.(Cart|Order)", "Add|Remove")),
            to("b", regex(".*Admin")),
            to("c", regex(method="List.*")),
            hostnames=["regex.test"],
        ),
        m.grpc_route(
            "headers",
            to("a", {**m.method("shop.Cart"), **headers(version="1")}),
            to("b", {"headers": [{"type": "RegularExpression", "name": "Color", "value": "red|blue"}]}),
            hostnames=["headers.test"],
        ),
        m.grpc_route("any", to("a"), hostnames=["any.test"]),
        m.grpc_route(
            "rank",
            to("h"),
            to("g", headers(h="1")),
            to("f", m.method(method="Add")),
            to("f", m.method(method="Put")),
            to("e", m.method("shop.Cart")),
            to("d", {**m.method("shop.Cart"), **headers(h="1")}),
            to("c", {**m.method("shop.Cart"), **headers(h="1", i="1")}),
            to("b", m.method("shop.Cart", "Add")),
            to("a", m.method("shop.Cart", "Add")),
            hostnames=["rank.test"],
        ),
        m.grpc_route(
            "longer",
            to("b", regex(r"shop\..*")),
            to("a", regex(r"shop\.Ca.*")),
            to("d", regex("other", "A.*")),
            to("c", regex("other", "Ad.*")),
            hostnames=["longer.test"],
        ),
        at(m.grpc_route("tie-a-young", to("a"), hostnames=["tie.test"]), "2026-01-03T00:00:00Z"),
        at(m.grpc_route("tie-c-old", to("c"), hostnames=["tie.test"]), "2026-01-01T00:00:00Z"),
        at(m.grpc_route("tie-b-old", to("b"), hostnames=["tie.test"]), "2026-01-01T00:00:00Z"),
        # Both come to the one hostname of the listener: the one that asked for it goes first, the other takes the rest.
        at(
            m.grpc_route("wide", to("a", m.method(method="Add")), to("b"), hostnames=["*.orig.test"]),
            "2026-01-01T00:00:00Z",
        ),
        at(
            m.grpc_route("narrow", to("c", m.method("shop.Cart")), hostnames=["abc.orig.test"]),
            "2026-01-02T00:00:00Z",
        ),
        at(
            m.http_route("pages", m.rule(m.to("page")), hostnames=["both.test"], sectionName="http"),
            "2026-01-01T00:00:00Z",
        ),
        at(
            m.grpc_route("beside", to("a", m.method("shop.Cart")), hostnames=["both.test"]),
            "2026-01-02T00:00:00Z",
        ),
        m.grpc_route("http-named", to("named"), hostnames=["named.test"]),
        m.grpc_route(
            "weights",
            m.rule(m.to("a", weight=70), m.to("b", weight=30), m.to("c", weight=0)),
            hostnames=["weights.test"],
        ),
        m.grpc_route("share", m.rule(m.to("a", weight=3), m.to("missing", weight=1)), hostnames=["share.test"]),
        m.grpc_route(
            "answers",
            m.rule(matches=[m.method(method="Nothing")]),
            to("missing", m.method(method="Missing")),
            m.rule(m.to("a", weight=0), matches=[m.method(method="Zero")]),
            to("empty", m.method(method="Empty")),
            m.rule({**m.to("a"), "kind": "ConfigMap"}, matches=[m.method(method="Kind")]),
            m.rule(m.to("far", namespace="other"), matches=[m.method(method="Granted")]),
            m.rule(m.to("far", namespace="closed"), matches=[m.method(method="Closed")]),
            hostnames=["answers.test"],
        ),
        m.grpc_route(
            "edits",
            m.rule(
                {**m.to("a"), "filters": [m.request_headers(set_=[("x-backend", "yes")])]},
                matches=[m.method(method="Backend")],
            ),
            m.rule(m.to("a"), matches=[m.method(method="Mirror")], filters=[MIRROR]),
            m.rule(m.to("a"), filters=edits),
            hostnames=["edits.test"],
        ),
        m.grpc_route(
            "names",
            {**to("a", m.method(method="Add")), "name": "adding"},
            {**to("b"), "name": "rest"},
            hostnames=["names.test"],
        ),
        _on_both(m.grpc_route("shared", to("c", m.method("shop.Shared")), hostnames=["several.test"])),
        m.grpc_route("own-edge", to("a", m.method("shop.Own")), hostnames=["several.test"]),
        {
            **(own := m.grpc_route("own-second", to("b", m.method("shop.Own")), hostnames=["several.test"])),
            "spec": {**own["spec"], "parentRefs": [{"name": "second"}]},
        },
    ]


def _on_both(route: Document) -> Document:
    return {**route, "spec": {**route["spec"], "parentRefs": [{"name": "edge"}, {"name": "second"}]}}


@dataclass(frozen=True, slots=True)
class Served:
    port: int
    backends: Mapping[str, Backend]

    async def call(self, host: str, method: str, metadata: Mapping[str, str], ip: str = "127.0.0.1") -> Outcome:
        async with channel(self.port, host, ip) as opened:
            return await call(opened, Call(method, host, tuple(metadata.items())))


@asynccontextmanager
async def _serving(stack: AsyncExitStack) -> AsyncIterator[Served]:
    where = await stack.enter_async_context(home())
    named = {name: await stack.enter_async_context(telling(Backend(name))) for name in NAMES}
    far = await stack.enter_async_context(telling(Backend("far")))
    page = await stack.enter_async_context(backend("page"))
    port = free_port()
    gateways = [
        m.gateway(m.listener(port), m.listener(port, name="orig", hostname="abc.orig.test")),
        m.gateway(m.listener(port), name="second"),
    ]
    http1, slice_ = m.service("named", named["d"].port)
    http1["spec"]["ports"][0]["appProtocol"] = "http"
    services = [
        *(document for name, one in named.items() for document in m.service(name, one.port)),
        *m.service("page", page.port),
        *m.service("empty", None),
        *m.service("far", far.port, namespace="other"),
        *m.service("far", far.port, namespace="closed"),
        *(http1, slice_),
        m.reference_grant("other", kind="GRPCRoute"),
        m.reference_grant("closed", kind="HTTPRoute"),
    ]
    m.write(where.folder / "base.yaml", [m.gateway_class(), *gateways, *services])
    m.write(where.folder / "routes.yaml", routes())
    await stack.enter_async_context(standalone(where, "--concurrency", "1", "--addresses", f"127.0.0.1-{SECOND}"))
    await answers(port, Ask("/", "both.test"), lambda answer: answer.status == 200)
    yield Served(port, named)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def served() -> AsyncIterator[Served]:
    async with AsyncExitStack() as stack:
        yield await stack.enter_async_context(_serving(stack))


CALLS: list[tuple[str, str, Mapping[str, str], Expected]] = [
    ("methods.test", "/shop.Cart/Add", {}, "a"),
    ("methods.test", "/shop.Cart/Remove", {}, "b"),
    ("methods.test", "/shop.Order/Add", {}, "c"),
    ("methods.test", "/shop.CartTwo/Add", {}, "c"),
    ("methods.test", "/shop.CartTwo/Remove", {}, UNIMPLEMENTED),
    ("methods.test", "/shop.Order/AddAll", {}, UNIMPLEMENTED),
    ("methods.test", "/shop.cart/Remove", {}, UNIMPLEMENTED),
    ("regex.test", "/shop.Cart/Add", {}, "a"),
    ("regex.test", "/shop.Order/Remove", {}, "a"),
    ("regex.test", "/shopXCart/Add", {}, UNIMPLEMENTED),
    ("regex.test", "/my.shop.Cart/Add", {}, UNIMPLEMENTED),
    ("regex.test", "/shop.Cart/AddAll", {}, UNIMPLEMENTED),
    ("regex.test", "/any.Admin/Get", {}, "b"),
    ("regex.test", "/any/Admin/Get", {}, UNIMPLEMENTED),
    ("regex.test", "/any.Thing/ListAll", {}, "c"),
    ("regex.test", "/any.Thing/List/All", {}, UNIMPLEMENTED),
    ("headers.test", "/shop.Cart/Add", {"version": "1"}, "a"),
    ("headers.test", "/shop.Cart/Add", {"version": "2"}, UNIMPLEMENTED),
    ("headers.test", "/shop.Order/Add", {"version": "1"}, UNIMPLEMENTED),
    ("headers.test", "/shop.Order/Add", {"color": "blue"}, "b"),
    ("headers.test", "/shop.Order/Add", {"color": "blueish"}, UNIMPLEMENTED),
    ("any.test", "/shop.Cart/Add", {}, "a"),
    ("any.test", "/Any/Thing", {}, "a"),
    ("rank.test", "/shop.Cart/Add", {"h": "1", "i": "1"}, "b"),
    ("rank.test", "/shop.Cart/Remove", {"h": "1", "i": "1"}, "c"),
    ("rank.test", "/shop.Cart/Remove", {"h": "1"}, "d"),
    ("rank.test", "/shop.Cart/Remove", {}, "e"),
    ("rank.test", "/shop.Cart/Put", {}, "e"),
    ("rank.test", "/shop.Order/Add", {"h": "1"}, "f"),
    ("rank.test", "/shop.Order/Remove", {"h": "1"}, "g"),
    ("rank.test", "/shop.Order/Remove", {}, "h"),
    ("longer.test", "/shop.Cart/Add", {}, "a"),
    ("longer.test", "/shop.Order/Add", {}, "b"),
    ("longer.test", "/other/Add", {}, "c"),
    ("longer.test", "/other/Any", {}, "d"),
    ("tie.test", "/shop.Cart/Add", {}, "b"),
    ("abc.orig.test", "/shop.Cart/Add", {}, "c"),
    ("abc.orig.test", "/shop.Order/Add", {}, "a"),
    ("abc.orig.test", "/shop.Order/Remove", {}, "b"),
    ("both.test", "/shop.Cart/Add", {}, "a"),
    ("named.test", "/shop.Cart/Add", {}, "d"),
    ("answers.test", "/shop.Cart/Nothing", {}, UNAVAILABLE),
    ("answers.test", "/shop.Cart/Missing", {}, UNAVAILABLE),
    ("answers.test", "/shop.Cart/Zero", {}, UNAVAILABLE),
    ("answers.test", "/shop.Cart/Empty", {}, UNAVAILABLE),
    ("answers.test", "/shop.Cart/Kind", {}, UNAVAILABLE),
    ("answers.test", "/shop.Cart/Granted", {}, "far"),
    ("answers.test", "/shop.Cart/Closed", {}, UNAVAILABLE),
    ("answers.test", "/shop.Cart/Other", {}, UNIMPLEMENTED),
    ("names.test", "/shop.Cart/Add", {}, "a"),
    ("names.test", "/shop.Cart/Remove", {}, "b"),
    ("unknown.test", "/shop.Cart/Add", {}, UNIMPLEMENTED),
]


def _title(one: tuple[str, str, Mapping[str, str], Expected]) -> str:
    host, method, metadata, _ = one
    return " ".join([host + method, *(f"{name}:{value}" for name, value in metadata.items())])


@pytest.mark.parametrize("one", CALLS, ids=_title)
async def test_call(served: Served, one: tuple[str, str, Mapping[str, str], Expected]) -> None:
    host, method, metadata, expected = one
    outcome = await served.call(host, method, metadata)
    assert (outcome.backend or outcome.status) == expected
    assert outcome.method in {method, ""}


async def test_what_is_no_call_is_left_to_the_http_route_of_the_hostname(served: Served) -> None:
    answer = await ask(served.port, Ask("/shop.Cart/Add", "both.test", "POST"))
    assert (answer.status, seen(answer).backend) == (200, "page")


async def test_what_is_no_call_does_not_reach_a_grpc_route(served: Served) -> None:
    answer = await ask(served.port, Ask("/shop.Cart/Add", "any.test", "POST"))
    assert answer.status == 404


async def test_each_gateway_goes_by_its_own_table(served: Served) -> None:
    found = {
        (ip, method): (await served.call("several.test", method, {}, ip)).backend
        for ip in ("127.0.0.1", SECOND)
        for method in ("/shop.Shared/Get", "/shop.Own/Get")
    }
    assert found == {
        ("127.0.0.1", "/shop.Shared/Get"): "c",
        (SECOND, "/shop.Shared/Get"): "c",
        ("127.0.0.1", "/shop.Own/Get"): "a",
        (SECOND, "/shop.Own/Get"): "b",
    }


async def test_header_edits_are_as_the_backend_and_the_client_receive_them(served: Served) -> None:
    outcome = await served.call("edits.test", "/shop.Cart/Add", {"x-set": "old", "x-add": "one", "x-gone": "secret"})
    assert outcome.values("x-set") == ["new"]
    assert ",".join(outcome.values("x-add")) == "one,more"
    assert outcome.values("x-gone") == []
    initial = dict(outcome.initial)
    assert (initial["x-from"], initial["x-more"]) == ("gateway", "1")
    assert "x-gone" not in initial


async def test_header_edits_of_a_backend_are_as_it_receives_them(served: Served) -> None:
    outcome = await served.call("edits.test", "/shop.Cart/Backend", {"x-gone": "kept"})
    assert (outcome.values("x-backend"), outcome.values("x-gone")) == (["yes"], ["kept"])


async def test_a_mirror_gets_a_copy_and_the_answer_is_that_of_the_backend(served: Served) -> None:
    before = served.backends["h"].served
    outcome = await served.call("edits.test", "/shop.Cart/Mirror", {})
    assert outcome.backend == "a"
    await served.backends["h"].has_served(before + 1)


async def _tally(served: Served, host: str, calls: int) -> Counter[str]:
    """Count who answered so many calls, of which some are under way together."""
    async with channel(served.port, host) as opened:

        async def some() -> list[str]:
            found = [await call(opened, Call("/shop.Cart/Add", host)) for _ in range(calls // 20)]
            return [one.backend or one.status.name for one in found]

        return Counter(name for names in await asyncio.gather(*(some() for _ in range(20))) for name in names)


async def test_weights_hold(served: Served) -> None:
    tally = await _tally(served, "weights.test", 3000)
    assert tally.keys() == {"a", "b"}
    # Four standard deviations of 3,000 draws are 3.3 points.
    assert abs(100 * tally["a"] / tally.total() - 70) <= 3.5, tally


async def test_the_share_of_a_backend_that_is_not_there_ends_unavailable(served: Served) -> None:
    tally = await _tally(served, "share.test", 2000)
    assert tally.keys() == {"a", "UNAVAILABLE"}
    assert abs(100 * tally["UNAVAILABLE"] / tally.total() - 25) <= 4, tally
