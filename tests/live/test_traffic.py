"""What requests meet at the gateway: each matching rule, told by which backend answered; one folder, one Envoy."""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias

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

    from tests.live.http1 import Answer
    from tests.live.manifests import Document
    from tests.live.product import Home

pytestmark = [pytest.mark.live, pytest.mark.asyncio(loop_scope="module")]

NAMES = ("a", "b", "c", "d", "e")
Expected: TypeAlias = str | int
"""The backend that answers, or the status where none does."""


def matching(backend_: str, **match: object) -> Document:
    """Give a rule with one match that leads to one backend."""
    return m.rule(m.to(backend_), matches=[match])


def path(value: str, kind: str) -> dict[str, object]:
    return m.path(value, kind)


def header(name: str, value: str, kind: str = "Exact") -> dict[str, str]:
    return {"name": name, "value": value, "type": kind}


def at(document: Document, created: str) -> Document:
    """Give an object its time of creation."""
    return {**document, "metadata": {**document["metadata"], "creationTimestamp": created}}


def routes(external_port: int) -> list[Document]:
    """Give all routes; each case has hostnames of its own, so that none is in the way of another."""
    edits = m.request_headers(set_=[("x-set", "new"), ("x-undone", "no")], add=[("x-add", "more")], remove=["x-gone"])
    per_backend = m.request_headers(set_=[("x-backend", "yes"), ("x-set", "backend")], remove=["x-undone"])
    return [
        m.http_route(
            "paths",
            matching("a", **path("/exact", "Exact")),
            matching("b", **path("/pre", "PathPrefix")),
            matching("c", **path("/pre/deep", "PathPrefix")),
            matching("d", **path("/re/[0-9]+", "RegularExpression")),
            matching("e", **path("/", "PathPrefix")),
            hostnames=["paths.test"],
        ),
        m.http_route(
            "headers",
            matching("a", headers=[header("x-a", "1")]),
            matching("b", headers=[header("x-a", "1"), header("x-b", "2")]),
            matching("c", headers=[header("x-r", "v[0-9]+", "RegularExpression")]),
            hostnames=["headers.test"],
        ),
        m.http_route(
            "query",
            matching("a", queryParams=[header("q", "1")]),
            matching("b", queryParams=[header("q", "[a-z]+", "RegularExpression")]),
            matching("c", queryParams=[header("q", "1"), header("r", "2")]),
            hostnames=["query.test"],
        ),
        m.http_route("method", matching("a", method="POST"), matching("b", method="GET"), hostnames=["method.test"]),
        # Precedence looks at all routes of a hostname: the less specific match stands first, in the older route.
        at(
            m.http_route(
                "rank-old",
                matching("e", **path("/", "PathPrefix")),
                matching("a", **path("/tie", "PathPrefix")),
                matching("a", **path("/x", "PathPrefix")),
                matching("a", **path("/m", "PathPrefix"), headers=[header("x-a", "1"), header("x-b", "2")]),
                matching("a", **path("/h", "PathPrefix"), queryParams=[header("q", "1"), header("r", "2")]),
                matching("a", **path("/q", "PathPrefix")),
                matching("a", **path("/order", "PathPrefix")),
                matching("b", **path("/order", "PathPrefix")),
                hostnames=["rank.test"],
            ),
            "2020-01-01T00:00:00Z",
        ),
        at(
            m.http_route(
                "rank-a-new",
                matching("b", **path("/tie", "PathPrefix")),
                matching("b", **path("/x", "Exact")),
                matching("b", **path("/m", "PathPrefix"), method="GET"),
                matching("b", **path("/h", "PathPrefix"), headers=[header("x-a", "1")]),
                matching("b", **path("/q", "PathPrefix"), queryParams=[header("q", "1")]),
                matching("b", **path("/x/longer", "PathPrefix")),
                hostnames=["rank.test"],
            ),
            "2021-01-01T00:00:00Z",
        ),
        at(m.http_route("same-b", m.rule(m.to("b")), hostnames=["same.test"]), "2020-01-01T00:00:00Z"),
        at(m.http_route("same-a", m.rule(m.to("a")), hostnames=["same.test"]), "2020-01-01T00:00:00Z"),
        m.http_route("exact-host", m.rule(m.to("a")), hostnames=["one.hosts.test"]),
        m.http_route("wild-host", m.rule(m.to("b")), hostnames=["*.hosts.test"]),
        m.http_route("deep-host", m.rule(m.to("c")), hostnames=["*.deep.hosts.test"]),
        m.http_route(
            "partly",
            matching("d", **path("/only-here", "PathPrefix")),
            hostnames=["partly.hosts.test"],
        ),
        # Isolation: `everywhere` is attached to the listener without a hostname only.
        m.http_route("everywhere", matching("a", **path("/everywhere", "Exact")), sectionName="http"),
        m.http_route("inside", matching("b", **path("/inside", "Exact")), sectionName="isolated"),
        m.http_route(
            "weights",
            m.rule(m.to("a", weight=70), m.to("b", weight=20), m.to("c", weight=10), m.to("d", weight=0)),
            hostnames=["weights.test"],
        ),
        m.http_route("share", m.rule(m.to("a", weight=3), m.to("missing", weight=1)), hostnames=["share.test"]),
        m.http_route(
            "answers",
            m.rule(matches=[m.path("/nothing")]),
            m.rule(m.to("missing"), matches=[m.path("/missing")]),
            m.rule(m.to("a", weight=0), matches=[m.path("/zero")]),
            m.rule(m.to("empty"), matches=[m.path("/empty")]),
            m.rule(m.to("a", port=81), matches=[m.path("/port")]),
            hostnames=["answers.test"],
        ),
        m.http_route("far", m.rule(m.to("far", namespace="other")), hostnames=["far.test"]),
        m.http_route(
            "edits",
            m.rule({**m.to("a"), "filters": [per_backend]}, matches=[m.path("/both")], filters=[edits]),
            m.rule(m.to("a"), filters=[edits]),
            hostnames=["edits.test"],
        ),
        m.http_route("name", m.rule(m.to("name", port=external_port)), hostnames=["name.test"]),
        m.http_route("ready", m.rule(m.to("e")), hostnames=["ready.test"]),
    ]


@dataclass(frozen=True, slots=True)
class Served:
    home: Home
    port: int

    async def ask(self, path_: str, host: str, method: str = "GET", *headers: tuple[str, str]) -> Answer:
        return await ask(self.port, Ask(path_, host, method, headers))

    def rate(self, host: str, rate: float) -> Traffic:
        return Traffic([Ask("/", host)], self.port, kept=8, new=0, rate=rate, timeout_s=20)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def served() -> AsyncIterator[Served]:
    async with AsyncExitStack() as stack:
        where = await stack.enter_async_context(home())
        backends = [await stack.enter_async_context(backend(name)) for name in NAMES]
        far = await stack.enter_async_context(backend("far"))
        port = free_port()
        named = zip(NAMES, backends, strict=True)
        services = [document for name, one in named for document in m.service(name, one.port)]
        gateway = m.gateway(
            m.listener(port),
            m.listener(port, name="isolated", hostname="isolated.test"),
            m.listener(port, name="wild", hostname="*.wild.test"),
        )
        m.write(where.folder / "base.yaml", [m.gateway_class(), gateway, *services])
        m.write(
            where.folder / "backends.yaml",
            [
                *m.service("empty", None),
                *m.service("far", far.port, namespace="other"),
                m.external_name("name", "localhost"),
            ],
        )
        m.write(where.folder / "grant.yaml", [m.reference_grant("other")])
        m.write(where.folder / "routes.yaml", routes(backends[0].port))
        await stack.enter_async_context(standalone(where, "--concurrency", "1"))
        await answers(port, Ask("/", "ready.test"), lambda answer: answer.status == 200)
        yield Served(where, port)


REQUESTS: list[tuple[str, str, str, Mapping[str, str], Expected]] = [
    ("paths.test", "GET", "/exact", {}, "a"),
    ("paths.test", "GET", "/exact?q=1", {}, "a"),
    ("paths.test", "GET", "/exact/", {}, "e"),
    ("paths.test", "GET", "/Exact", {}, "e"),
    ("paths.test", "GET", "/pre", {}, "b"),
    ("paths.test", "GET", "/pre/", {}, "b"),
    ("paths.test", "GET", "/pre/any", {}, "b"),
    ("paths.test", "GET", "/prefix", {}, "e"),
    ("paths.test", "GET", "/pre/deep", {}, "c"),
    ("paths.test", "GET", "/pre/deep/er?q", {}, "c"),
    ("paths.test", "GET", "/pre/deeper", {}, "b"),
    ("paths.test", "GET", "/re/12", {}, "d"),
    ("paths.test", "GET", "/re/12?q", {}, "d"),
    ("paths.test", "GET", "/re/12/more", {}, "e"),
    ("paths.test", "GET", "/re/x", {}, "e"),
    ("paths.test", "GET", "/other/../exact", {}, "a"),
    ("headers.test", "GET", "/", {"x-a": "1"}, "a"),
    ("headers.test", "GET", "/", {"X-A": "1"}, "a"),
    ("headers.test", "GET", "/", {"x-a": "11"}, 404),
    ("headers.test", "GET", "/", {"x-a": "1", "x-b": "2"}, "b"),
    ("headers.test", "GET", "/", {"x-b": "2"}, 404),
    ("headers.test", "GET", "/", {"x-r": "v12"}, "c"),
    ("headers.test", "GET", "/", {"x-r": "v12x"}, 404),
    ("headers.test", "GET", "/", {}, 404),
    ("query.test", "GET", "/?q=1", {}, "a"),
    ("query.test", "GET", "/any?x=y&q=1", {}, "a"),
    ("query.test", "GET", "/?q=abc", {}, "b"),
    ("query.test", "GET", "/?q=abc1", {}, 404),
    ("query.test", "GET", "/?q=1&r=2", {}, "c"),
    ("query.test", "GET", "/?Q=1", {}, 404),
    ("query.test", "GET", "/", {}, 404),
    ("method.test", "POST", "/", {}, "a"),
    ("method.test", "GET", "/", {}, "b"),
    ("method.test", "DELETE", "/", {}, 404),
    ("rank.test", "GET", "/tie", {}, "a"),
    ("rank.test", "GET", "/x", {}, "b"),
    ("rank.test", "GET", "/x/more", {}, "a"),
    ("rank.test", "GET", "/x/longer", {}, "b"),
    ("rank.test", "GET", "/m", {"x-a": "1", "x-b": "2"}, "b"),
    ("rank.test", "POST", "/m", {"x-a": "1", "x-b": "2"}, "a"),
    ("rank.test", "GET", "/h?q=1&r=2", {"x-a": "1"}, "b"),
    ("rank.test", "GET", "/h?q=1&r=2", {}, "a"),
    ("rank.test", "GET", "/q?q=1", {}, "b"),
    ("rank.test", "GET", "/q", {}, "a"),
    ("rank.test", "GET", "/order", {}, "a"),
    ("rank.test", "GET", "/else", {}, "e"),
    ("same.test", "GET", "/", {}, "a"),
    ("one.hosts.test", "GET", "/", {}, "a"),
    ("ONE.hosts.TEST", "GET", "/", {}, "a"),
    ("one.hosts.test:8080", "GET", "/", {}, "a"),
    ("two.hosts.test", "GET", "/", {}, "b"),
    ("a.two.hosts.test", "GET", "/", {}, "b"),
    ("x.deep.hosts.test", "GET", "/", {}, "c"),
    ("hosts.test", "GET", "/", {}, 404),
    ("partly.hosts.test", "GET", "/only-here", {}, "d"),
    ("partly.hosts.test", "GET", "/not-here", {}, "b"),
    ("unknown.test", "GET", "/", {}, 404),
    ("unknown.test", "GET", "/everywhere", {}, "a"),
    ("isolated.test", "GET", "/everywhere", {}, 404),
    ("isolated.test", "GET", "/inside", {}, "b"),
    ("any.wild.test", "GET", "/everywhere", {}, 404),
    ("unknown.test", "GET", "/inside", {}, 404),
    ("answers.test", "GET", "/nothing", {}, 500),
    ("answers.test", "GET", "/missing", {}, 500),
    ("answers.test", "GET", "/zero", {}, 500),
    ("answers.test", "GET", "/port", {}, 500),
    ("answers.test", "GET", "/empty", {}, 503),
    ("name.test", "GET", "/", {}, "a"),
    ("far.test", "GET", "/", {}, "far"),
]


def _title(request: tuple[str, str, str, Mapping[str, str], Expected]) -> str:
    host, method, path_, headers, _ = request
    return " ".join([method, host + path_, *(f"{name}:{value}" for name, value in headers.items())])


@pytest.mark.parametrize("request_", REQUESTS, ids=_title)
async def test_request(served: Served, request_: tuple[str, str, str, Mapping[str, str], Expected]) -> None:
    host, method, path_, headers, expected = request_
    answer = await served.ask(path_, host, method, *headers.items())
    assert (seen(answer).backend if answer.status == 200 else answer.status) == expected


async def test_weights_hold_within_two_points_over_ten_thousand_requests(served: Served) -> None:
    wanted = {"a": 70, "b": 20, "c": 10}
    async with load(served.rate("weights.test", 4000), lambda answer: seen(answer).backend) as tally:
        while sum(tally.answers.values()) < 10_000:  # noqa: ASYNC110 (the load counts by itself)
            await asyncio.sleep(0.02)
    assert not tally.failures, str(tally)
    shares = {name: 100 * count / tally.requests for name, count in tally.answers.items()}
    assert shares.keys() == wanted.keys()
    assert all(abs(shares[name] - wanted[name]) <= 2 for name in wanted), shares


async def test_the_share_of_a_backend_that_is_not_there_is_answered_with_500(served: Served) -> None:
    async with load(served.rate("share.test", 2000)) as tally:
        while tally.requests < 4000:  # noqa: ASYNC110 (the load counts by itself)
            await asyncio.sleep(0.02)
    assert tally.answers.keys() == {"200", "500"}
    assert abs(100 * tally.answers["500"] / tally.requests - 25) <= 4, tally.answers


async def test_header_edits_are_as_the_backend_receives_them(served: Served) -> None:
    sent = (("x-set", "old"), ("x-add", "one"), ("x-gone", "secret"), ("x-other", "kept"))
    got = seen(await served.ask("/", "edits.test", "GET", *sent))
    assert got.values("x-set") == ["new"]
    assert ",".join(got.values("x-add")) == "one,more"
    assert got.values("x-gone") == []
    assert got.values("x-other") == ["kept"]
    assert got.values("x-backend") == []


async def test_header_edits_of_a_backend_come_after_those_of_its_rule(served: Served) -> None:
    got = seen(await served.ask("/both", "edits.test", "GET", ("x-set", "old"), ("x-gone", "secret")))
    assert got.values("x-set") == ["backend"]
    assert got.values("x-backend") == ["yes"]
    assert got.values("x-undone") == []
    assert got.values("x-add") == ["more"]
    assert got.values("x-gone") == []


async def test_a_name_with_an_address_that_refuses_is_reached_at_its_other_one(served: Served) -> None:
    """`localhost` is 127.0.0.1 and ::1, and the backend listens on the first only: every connection must find it."""
    async with load(Traffic([Ask("/", "name.test")], served.port, kept=0, new=4, rate=400)) as tally:
        while tally.requests < 200:  # noqa: ASYNC110 (the load counts by itself)
            await asyncio.sleep(0.02)
    assert not tally.failures, str(tally)


async def test_p13_a_grant_that_is_taken_away_stops_traffic_within_five_seconds(served: Served) -> None:
    """P13: on grant deletion traffic stops within 5 s; it comes back with the grant."""
    request = Ask("/", "far.test")
    grant = served.home.folder / "grant.yaml"
    text = grant.read_text()
    assert (await ask(served.port, request)).status == 200
    grant.unlink()
    await answers(served.port, request, lambda answer: answer.status == 500, within_s=5)
    grant.write_text(text)
    await answers(served.port, request, lambda answer: answer.status == 200)
