"""What filters do to requests and responses through a real Envoy: edits of headers, redirects, rewrites; one folder."""

from __future__ import annotations

import asyncio
import os
import socket
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

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Iterator

    from tests.live.backends import Backend, Seen
    from tests.live.http1 import Answer
    from tests.live.load import Tally
    from tests.live.manifests import Document

pytestmark = [pytest.mark.live, pytest.mark.asyncio(loop_scope="module")]

NAMES = ("a", "b", "c")

# What a rule does with a path: what it matches, what it replaces by what.
PATHS: dict[str, tuple[Document, Document]] = {
    "plain": (m.path("/plain"), m.prefix("/xyz")),
    "new-slash": (m.path("/new-slash"), m.prefix("/xyz/")),
    "old-slash": (m.path("/old-slash/"), m.prefix("/xyz")),
    "both-slash": (m.path("/both-slash/"), m.prefix("/xyz/")),
    "nothing": (m.path("/nothing"), m.prefix("")),
    "strip": (m.path("/strip"), m.prefix("/")),
    "dot": (m.path("/do.t"), m.prefix("/")),
    "full": (m.path("/full"), m.full_path("/a/whole%20new")),
    "exact": (m.path("/exact", "Exact"), m.full_path("/xyz")),
    "regex": (m.path("/regex/[0-9]+", "RegularExpression"), m.full_path("/xyz")),
    "empty": (m.path("/empty"), m.full_path("")),
}

# What comes of a path by these rules; the table of HTTPPathModifier.replacePrefixMatch, and more.
MODIFIED = [
    ("/plain/bar", "/xyz/bar"),
    ("/new-slash/bar", "/xyz/bar"),
    ("/old-slash/bar", "/xyz/bar"),
    ("/both-slash/bar", "/xyz/bar"),
    ("/plain", "/xyz"),
    ("/new-slash", "/xyz"),
    ("/old-slash", "/xyz"),
    ("/both-slash", "/xyz"),
    ("/plain/", "/xyz/"),
    ("/new-slash/", "/xyz/"),
    ("/nothing/bar", "/bar"),
    ("/nothing/", "/"),
    ("/nothing", "/"),
    ("/strip/", "/"),
    ("/strip", "/"),
    ("/strip/three", "/three"),
    ("/strip/three/four/", "/three/four/"),
    ("/do.t/three", "/three"),
    ("/plain/bar?q=1&r=/plain", "/xyz/bar?q=1&r=/plain"),
    ("/strip?q=1", "/?q=1"),
    ("/strip/three?q=/strip", "/three?q=/strip"),
    ("/nothing?", "/?"),
    ("/full", "/a/whole%20new"),
    ("/full/and/more?q=1&q=2", "/a/whole%20new?q=1&q=2"),
    ("/exact?q", "/xyz?q"),
    ("/regex/12", "/xyz"),
    ("/empty/any?q", "/?q"),
]
ROOT = [("/", "/under/"), ("/any/path?q", "/under/any/path?q")]

REDIRECTS: dict[str, Document] = {
    "/nothing": m.redirect(),
    "/301": m.redirect(hostname="other.test", statusCode=301),
    "/302": m.redirect(hostname="other.test", statusCode=302),
    "/303": m.redirect(hostname="other.test", statusCode=303),
    "/307": m.redirect(hostname="other.test", statusCode=307),
    "/308": m.redirect(hostname="other.test", statusCode=308),
    "/host": m.redirect(hostname="other.test"),
    "/port-80": m.redirect(port=80),
    "/port-8443": m.redirect(port=8443),
    "/host-port-80": m.redirect(hostname="other.test", port=80),
    "/host-port-8443": m.redirect(hostname="other.test", port=8443),
    "/https": m.redirect(scheme="https"),
    "/http": m.redirect(scheme="http"),
    "/https-443": m.redirect(scheme="https", port=443),
    "/https-8443": m.redirect(scheme="https", port=8443),
    "/https-host": m.redirect(scheme="https", hostname="other.test"),
    "/all": m.redirect(
        scheme="https", hostname="other.test", port=8443, statusCode=308, path=m.full_path("/all-of-it")
    ),
}


@dataclass(frozen=True, slots=True)
class Redirected:
    """A request to a listener, by the port that its Gateway gives it, and what it is told."""

    port: int
    host: str
    path: str
    location: str
    status: int = 302
    method: str = "GET"

    def __str__(self) -> str:
        return f"{self.port} {self.method} {self.host}{self.path}"


REDIRECTED = [
    Redirected(80, "any.test", "/nothing", "http://any.test/nothing"),
    Redirected(80, "any.test", "/301", "http://other.test/301", 301),
    Redirected(80, "any.test", "/302", "http://other.test/302", 302),
    Redirected(80, "any.test", "/303", "http://other.test/303", 303, "POST"),
    Redirected(80, "any.test", "/307", "http://other.test/307", 307, "POST"),
    Redirected(80, "any.test", "/308", "http://other.test/308", 308, "POST"),
    Redirected(80, "any.test", "/host?q=1", "http://other.test/host?q=1"),
    Redirected(80, "any.test:80", "/host", "http://other.test/host"),
    Redirected(80, "any.test", "/port-80", "http://any.test/port-80"),
    Redirected(80, "any.test", "/port-8443", "http://any.test:8443/port-8443"),
    Redirected(80, "any.test:80", "/port-8443", "http://any.test:8443/port-8443"),
    Redirected(80, "any.test", "/host-port-80", "http://other.test/host-port-80"),
    Redirected(80, "any.test", "/host-port-8443", "http://other.test:8443/host-port-8443"),
    Redirected(80, "any.test", "/https", "https://any.test/https"),
    Redirected(80, "any.test:80", "/https", "https://any.test/https"),
    Redirected(80, "any.test", "/http", "http://any.test/http"),
    Redirected(80, "any.test", "/https-443", "https://any.test/https-443"),
    Redirected(80, "any.test", "/https-8443", "https://any.test:8443/https-8443"),
    Redirected(80, "any.test", "/https-host", "https://other.test/https-host"),
    Redirected(80, "any.test", "/all/of/it", "https://other.test:8443/all-of-it", 308),
    # A client names the port of a listener that has no well-known one; some do not.
    Redirected(9000, "any.test:9000", "/nothing", "http://any.test:9000/nothing"),
    Redirected(9000, "any.test", "/nothing", "http://any.test:9000/nothing"),
    Redirected(9000, "any.test:9000", "/host", "http://other.test:9000/host"),
    Redirected(9000, "any.test:9000", "/port-8443", "http://any.test:8443/port-8443"),
    Redirected(9000, "any.test:9000", "/host-port-80", "http://other.test/host-port-80"),
    Redirected(9000, "any.test:9000", "/https-host", "https://other.test/https-host"),
    Redirected(9000, "any.test:9000", "/https-8443", "https://any.test:8443/https-8443"),
    # What stands there is the right port, and that it is left out can only be had where the hostname is known.
    Redirected(9000, "any.test:9000", "/port-80", "http://any.test:80/port-80"),
    Redirected(9000, "any.test:9000", "/https", "https://any.test:443/https"),
    Redirected(9000, "any.test:9000", "/http", "http://any.test:80/http"),
    Redirected(9000, "known.test:9000", "/https", "https://known.test/https"),
    Redirected(9000, "known.test:9000", "/http", "http://known.test/http"),
    Redirected(9000, "known.test:9000", "/nothing", "http://known.test:9000/nothing"),
    Redirected(80, "known.test:1234", "/https", "https://known.test/https"),
    Redirected(80, "known.test:1234", "/nothing", "http://known.test/nothing"),
]


def path_rules(filter_: Callable[..., Document], *backends: Document) -> list[Document]:
    return [m.rule(*backends, matches=[match], filters=[filter_(path=path)]) for match, path in PATHS.values()]


def routes() -> Iterator[Document]:
    """Give all routes; each case has hostnames of its own, so that none is in the way of another."""
    a, b, c = (m.to(name) for name in NAMES)
    # Of names that differ in case only the first counts.
    edits = (
        [("x-set", "new"), ("x-undone", "no"), ("X-Set", "second")],
        [("x-add", "100%"), ("x-new", "%REQ(:path)%")],
        ["x-gone"],
    )
    own = m.response_headers([("x-set", "backend"), ("x-own", "yes")], remove=["x-undone"])
    redirects = [m.rule(matches=[m.path(path)], filters=[one]) for path, one in REDIRECTS.items()]
    # In two halves, since a route has at most 16 rules.
    for half, rules in enumerate((redirects[:9], redirects[9:])):
        yield m.http_route(f"redirects-any-{half}", *rules)
        yield m.http_route(f"redirects-known-{half}", *rules, hostnames=["known.test"])
    yield m.http_route("redirect-paths", *path_rules(m.redirect), hostnames=["redirect.paths.test"])
    yield m.http_route(
        "redirect-root", m.rule(filters=[m.redirect(path=m.prefix("/under"))]), hostnames=["redirect.root.test"]
    )
    yield m.http_route("rewrite-paths", *path_rules(m.rewrite, a), hostnames=["rewrite.paths.test"])
    yield m.http_route(
        "rewrite-root", m.rule(a, filters=[m.rewrite(path=m.prefix("/under"))]), hostnames=["rewrite.root.test"]
    )
    yield m.http_route(
        "rewrites",
        m.rule(a, matches=[m.path("/host")], filters=[m.rewrite(hostname="other.test")]),
        m.rule(
            a,
            matches=[m.path("/all")],
            filters=[
                m.request_headers(*edits),
                m.rewrite(hostname="other.test", path=m.prefix("/new")),
                m.response_headers(*edits),
            ],
        ),
        m.rule(matches=[m.path("/redirect")], filters=[m.redirect(hostname="other.test"), m.response_headers(*edits)]),
        hostnames=["rewrites.test"],
    )
    yield m.http_route(
        "responses",
        m.rule(m.to("a", own), matches=[m.path("/both")], filters=[m.response_headers(*edits)]),
        m.rule(m.to("a", own), b, matches=[m.path("/share")], filters=[m.response_headers(*edits)]),
        m.rule(a, filters=[m.response_headers(*edits)]),
        hostnames=["responses.test"],
    )
    yield m.http_route(
        "backends",
        m.rule(m.to("a", m.rewrite(path=m.full_path("/new"))), matches=[m.path("/full")]),
        m.rule(m.to("a", m.rewrite(path=m.prefix("/new"))), matches=[m.path("/prefix")]),
        m.rule(
            m.to("a", m.rewrite(hostname="backend.test")),
            matches=[m.path("/hosts")],
            filters=[m.rewrite(hostname="rule.test", path=m.prefix("/of-rule"))],
        ),
        m.rule(
            m.to("a", m.rewrite(path=m.full_path("/of-backend"))),
            matches=[m.path("/paths")],
            filters=[m.rewrite(hostname="rule.test", path=m.prefix("/of-rule"))],
        ),
        m.rule(
            m.to("a", m.rewrite(hostname="a.test"), m.request_headers(set_=[("x-own", "yes")])),
            b,
            matches=[m.path("/share")],
        ),
        m.rule(
            m.to("a", m.rewrite(hostname="a.test"), m.request_headers(set_=[("x-own", "a")], remove=["x-undone"])),
            b,
            matches=[m.path("/last-word")],
            filters=[
                m.rewrite(hostname="rule.test"),
                m.request_headers(set_=[("x-own", "rule"), ("x-undone", "no")], add=[("x-rule", "yes")]),
            ],
        ),
        m.rule(
            m.to("a", weight=3),
            m.to("b", m.redirect(hostname="other.test"), weight=1),
            matches=[m.path("/share-of-redirect")],
        ),
        hostnames=["backends.test"],
    )
    yield m.http_route(
        "split",
        m.rule(
            m.to("a", m.rewrite(path=m.full_path("/of-a")), weight=50),
            m.to("b", m.rewrite(path=m.full_path("/of-b")), weight=30),
            m.to("c", weight=20),
        ),
        hostnames=["split.test"],
    )
    yield m.http_route("twice", m.rule(a, filters=[m.rewrite(hostname="other.test")] * 2), hostnames=["twice.test"])
    both = [m.rewrite(hostname="other.test"), m.redirect(hostname="other.test")]
    yield m.http_route("both", m.rule(filters=both), hostnames=["both.test"])
    yield m.http_route("apart", m.rule(m.to("a", both[1]), filters=both[:1]), hostnames=["apart.test"])
    exact, new = m.path("/", "Exact"), m.rewrite(path=m.prefix("/new"))
    yield m.http_route("exact", m.rule(m.to("a", new), m.to("b", new), matches=[exact]), hostnames=["exact.test"])
    for name, filter_ in (("redirect", m.redirect), ("rewrite", m.rewrite)):
        rule = m.rule(*([a] if name == "rewrite" else []), matches=[exact], filters=[filter_(path=m.prefix("/new"))])
        yield m.http_route(f"exact-{name}", rule, hostnames=[f"exact-{name}.test"])
    host = m.request_headers(set_=[("host", "other.test")])
    yield m.http_route("edit-host", m.rule(a, filters=[host]), hostnames=["edit-host.test"])
    yield m.http_route("ready", m.rule(c), hostnames=["ready.test"])


@dataclass(frozen=True, slots=True)
class Served:
    """A gateway with two listeners; `ports` are where they are open, by the port that the Gateway gives them."""

    ip: str
    ports: dict[int, int]
    backends: tuple[Backend, ...]

    @property
    def requests(self) -> int:
        return sum(one.served for one in self.backends)

    async def ask(self, path: str, host: str, *headers: tuple[str, str]) -> Answer:
        return await ask(self.ports[80], Ask(path, host, headers=headers), self.ip)

    async def count(self, requests: int, request: Ask, label: Callable[[Answer], str]) -> Tally:
        traffic = Traffic([request], self.ports[80], self.ip, kept=8, new=0, rate=4000, timeout_s=20)
        async with load(traffic, label) as tally:
            while sum(tally.answers.values()) < requests:  # noqa: ASYNC110 (the load counts by itself)
                await asyncio.sleep(0.02)
        return tally


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def served() -> AsyncIterator[Served]:
    # An address of its own, since the port of a listener is in what is tested.
    ip = f"127.80.{os.getpid() >> 8 & 255}.{os.getpid() & 255}"
    async with AsyncExitStack() as stack:
        where = await stack.enter_async_context(home())
        backends = tuple([await stack.enter_async_context(backend(name)) for name in NAMES])
        gateway = m.gateway(m.listener(80), m.listener(9000, name="other"))
        services = [document for one in backends for document in m.service(one.name, one.port)]
        m.write(where.folder / "base.yaml", [m.gateway_class(), gateway, *services])
        m.write(where.folder / "routes.yaml", routes())
        ports = {port: _opened(ip, port) for port in (80, 9000)}
        await stack.enter_async_context(standalone(where, "--addresses", ip, "--concurrency", "1"))
        await answers(ports[80], Ask("/", "ready.test"), lambda answer: answer.status == 200, ip=ip)
        yield Served(ip, ports, backends)


def _opened(ip: str, port: int) -> int:
    """Give the port that is opened for a listener: 8000 higher where the system keeps low ones for itself."""
    with socket.socket() as probe:
        try:
            probe.bind((ip, port))
        except PermissionError:
            return port + 8000
    return port


def reached(answer: Answer) -> Seen:
    assert answer.status == 200, answer
    return seen(answer)


@pytest.mark.parametrize("case", REDIRECTED, ids=str)
async def test_redirect(served: Served, case: Redirected) -> None:
    before = served.requests
    answer = await ask(served.ports[case.port], Ask(case.path, case.host, case.method), served.ip)
    assert (answer.status, answer.headers.get("location")) == (case.status, case.location)
    assert served.requests == before, "a redirected request must not reach a backend"


@pytest.mark.parametrize(("asked", "modified"), MODIFIED)
async def test_path_of_a_redirect(served: Served, asked: str, modified: str) -> None:
    answer = await served.ask(asked, "redirect.paths.test")
    assert (answer.status, answer.headers["location"]) == (302, f"http://redirect.paths.test{modified}")


@pytest.mark.parametrize(("asked", "modified"), ROOT)
async def test_path_of_a_redirect_of_the_root(served: Served, asked: str, modified: str) -> None:
    answer = await served.ask(asked, "redirect.root.test")
    assert (answer.status, answer.headers["location"]) == (302, f"http://redirect.root.test{modified}")


@pytest.mark.parametrize(("asked", "modified"), MODIFIED)
async def test_path_of_a_rewrite(served: Served, asked: str, modified: str) -> None:
    got = reached(await served.ask(asked, "rewrite.paths.test"))
    assert (got.path, got.values("host")) == (modified, ["rewrite.paths.test"])


@pytest.mark.parametrize(("asked", "modified"), ROOT)
async def test_path_of_a_rewrite_of_the_root(served: Served, asked: str, modified: str) -> None:
    assert reached(await served.ask(asked, "rewrite.root.test")).path == modified


@pytest.mark.parametrize("path", ["/plainer", "/striptease", "/doxt"])
async def test_a_path_that_is_longer_within_an_element_is_not_modified(served: Served, path: str) -> None:
    assert (await served.ask(path, "rewrite.paths.test")).status == 404


async def test_rewritten_hostname_is_what_the_backend_receives(served: Served) -> None:
    got = reached(await served.ask("/host/any?q=1", "rewrites.test:80"))
    assert (got.values("host"), got.path) == (["other.test"], "/host/any?q=1")
    assert not [name for name, _ in got.headers if name.startswith("x-envoy-original")]


def echoed(*headers: str) -> tuple[str, str]:
    """Ask the backend to answer with these headers."""
    return "x-echo-set-header", ", ".join(headers)


async def test_filters_of_one_rule_all_take_effect(served: Served) -> None:
    asked = (
        ("x-set", "old"),
        ("x-add", "one"),
        ("x-gone", "secret"),
        echoed("x-set:old", "x-add:one", "x-gone:secret"),
    )
    answer = await served.ask("/all/any?q=1", "rewrites.test", *asked)
    got = reached(answer)
    assert (got.values("host"), got.path) == (["other.test"], "/new/any?q=1")
    assert (got.values("x-set"), ",".join(got.values("x-add")), got.values("x-gone")) == (["new"], "one,100%", [])
    assert got.values("x-new") == ["%REQ(:path)%"]
    headers = answer.headers
    assert (headers["x-set"], headers["x-add"], headers.get("x-gone")) == ("new", "one, 100%", None)
    assert headers["x-new"] == "%REQ(:path)%"


async def test_response_headers_of_a_redirect_are_edited_too(served: Served) -> None:
    answer = await served.ask("/redirect", "rewrites.test")
    assert (answer.status, answer.headers["location"]) == (302, "http://other.test/redirect")
    assert (answer.headers["x-set"], answer.headers["x-add"]) == ("new", "100%")


async def test_response_headers_are_edited_as_the_client_receives_them(served: Served) -> None:
    answer = await served.ask("/", "responses.test", echoed("X-Set:old", "x-set:older", "x-gone:secret", "x-kept:yes"))
    assert (answer.headers["x-set"], answer.headers.get("x-gone"), answer.headers["x-kept"]) == ("new", None, "yes")
    assert (answer.headers["x-add"], answer.headers["x-new"]) == ("100%", "%REQ(:path)%")
    assert reached(answer).values("x-set") == [], "edits of the response are not for the request"


async def test_response_edits_of_a_backend_come_after_those_of_its_rule(served: Served) -> None:
    headers = (await served.ask("/both", "responses.test", echoed("x-gone:secret", "x-undone:old"))).headers
    assert (headers["x-set"], headers["x-own"], headers["x-add"]) == ("backend", "yes", "100%")
    assert (headers.get("x-undone"), headers.get("x-gone")) == (None, None)


async def test_response_edits_of_a_backend_touch_its_share_only(served: Served) -> None:
    def label(answer: Answer) -> str:
        return f"{seen(answer).backend}: {answer.headers['x-set']}, {answer.headers.get('x-own')}"

    tally = await served.count(400, Ask("/share", "responses.test"), label)
    assert tally.answers.keys() == {"a: backend, yes", "b: new, None"}
    assert not tally.failures, str(tally)


@pytest.mark.parametrize(
    ("asked", "path", "host"),
    [
        ("/full/any?q", "/new?q", "backends.test"),
        ("/prefix/any?q", "/new/any?q", "backends.test"),
        ("/hosts/any", "/of-rule/any", "backend.test"),
        ("/paths/any", "/of-backend", "rule.test"),
    ],
)
async def test_rewrite_on_the_only_backend(served: Served, asked: str, path: str, host: str) -> None:
    got = reached(await served.ask(asked, "backends.test"))
    assert (got.path, got.values("host")) == (path, [host])


async def test_hostname_and_header_edits_of_one_of_two_backends_touch_its_share_only(served: Served) -> None:
    def label(answer: Answer) -> str:
        got = seen(answer)
        return f"{got.backend}: {got.values('host')}, {got.values('x-own')}"

    tally = await served.count(400, Ask("/share", "backends.test"), label)
    assert tally.answers.keys() == {"a: ['a.test'], ['yes']", "b: ['backends.test'], []"}
    assert not tally.failures, str(tally)


async def test_one_of_two_backends_has_the_last_word_over_its_rule(served: Served) -> None:
    def label(answer: Answer) -> str:
        got = seen(answer)
        return " ".join(
            [got.backend, *(",".join(got.values(name)) for name in ("host", "x-own", "x-undone", "x-rule"))]
        )

    tally = await served.count(400, Ask("/last-word", "backends.test"), label)
    assert tally.answers.keys() == {"a a.test a  yes", "b rule.test rule no yes"}
    assert not tally.failures, str(tally)


async def test_redirect_on_one_of_two_backends_answers_its_share(served: Served) -> None:
    (_, b, _), before = served.backends, served.backends[1].served
    tally = await served.count(
        4000,
        Ask("/share-of-redirect", "backends.test"),
        lambda answer: f"{answer.status} {answer.headers.get('location')}",
    )
    redirected = "302 http://other.test/share-of-redirect"
    assert tally.answers.keys() == {"200 None", redirected}
    assert abs(100 * tally.answers[redirected] / tally.requests - 25) <= 4, tally.answers
    assert b.served == before


async def test_a_rule_that_is_split_keeps_its_weights_within_two_points_over_ten_thousand_requests(
    served: Served,
) -> None:
    wanted = {"a /of-a": 50, "b /of-b": 30, "c /": 20}
    tally = await served.count(
        10_000, Ask("/", "split.test"), lambda answer: f"{seen(answer).backend} {seen(answer).path}"
    )
    assert not tally.failures, str(tally)
    shares = {name: 100 * count / tally.requests for name, count in tally.answers.items()}
    assert shares.keys() == wanted.keys()
    assert all(abs(shares[name] - wanted[name]) <= 2 for name in wanted), shares


@pytest.mark.parametrize("name", ["twice", "both", "apart", "exact", "exact-redirect", "exact-rewrite", "edit-host"])
async def test_a_rule_that_is_refused_serves_nothing(served: Served, name: str) -> None:
    before = served.requests
    assert (await served.ask("/", f"{name}.test")).status == 404
    assert served.requests == before
