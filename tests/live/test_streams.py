"""TLSRoute, TCPRoute and UDPRoute through a real Envoy: which backend gets a connection or a datagram; one Envoy."""

from __future__ import annotations

import asyncio
from collections import Counter
from contextlib import AsyncExitStack
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pytest
import pytest_asyncio

from tests.live import manifests as m
from tests.live.backends import backend
from tests.live.product import home, standalone
from tests.live.streams import (
    AUTHORITY,
    LONGEST,
    Line,
    called,
    caller,
    certificate,
    datagram_backend,
    stream_backend,
)
from tests.ports import free_port

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable

    from tests.live.manifests import Document
    from tests.live.product import Home, Product
    from tests.live.streams import (
        Stream,
    )

pytestmark = [pytest.mark.live, pytest.mark.asyncio(loop_scope="module")]

SILENCE_S = 0.5
"""How long nothing comes back from loopback when nothing will."""

TCP = (
    "db",
    "tied",
    "shared",
    "zero",
    "missing",
    "empty",
    "granted",
    "ungranted",
    "everyone",
    "retried",
    "alone",
    "same",
    "guest",
    "kinds",
)
UDP = ("one", "shared", "old", "nobody", "missing", "zero", "granted", "same", "large", "streams", "kinds")
DEFAULT = "127.0.0.2"
"""The address of a Gateway that is one by default."""


@dataclass(frozen=True, slots=True)
class Served:
    """Ports by the names of their listeners."""

    where: Home
    product: Product
    tcp: dict[str, int]
    udp: dict[str, int]
    tls: int
    more_port: int
    backends: dict[str, Stream]


def listeners(served: Served) -> list[Document]:
    tcp = [{"name": f"tcp-{name}", "port": port, "protocol": "TCP"} for name, port in served.tcp.items()]
    udp = [{"name": f"udp-{name}", "port": port, "protocol": "UDP"} for name, port in served.udp.items()]
    http = m.listener(free_port())
    return [*tcp, *udp, *tls_listeners(served.tls), http]


def tls_listeners(port: int) -> list[Document]:
    passthrough = {"mode": "Passthrough"}

    def one(name: str, hostname: str | None, tls: Document, protocol: str = "TLS") -> Document:
        found = {"name": name, "port": port, "protocol": protocol, "hostname": hostname, "tls": tls}
        return {field: value for field, value in found.items() if value is not None}

    inside = {"mode": "Terminate", "certificateRefs": [{"name": "inside"}]}
    return [
        one("any", None, passthrough),
        one("whole", "*.whole.test", passthrough),
        one("abc", "abc.exact.test", passthrough),
        one("wild", "*.x.wild.test", passthrough),
        {
            **one("kinds", "kinds.test", passthrough),
            "allowedRoutes": {"kinds": [{"kind": "TCPRoute"}, {"kind": "TLSRoute"}]},
        },
        one("isolated", "one.any.test", passthrough),
        one("inside", "*.inside.test", inside),
        one("bad", "*.bad.test", {"certificateRefs": [{"name": "missing"}]}),
        one("https", "https.whole.test", {"certificateRefs": [{"name": "inside"}]}, "HTTPS"),
    ]


def tcp_routes(served: Served) -> list[Document]:
    def on(listener: str, name: str, *backends: Document, year: int = 2020) -> Document:
        return m.stream_route("TCPRoute", name, *backends, year=year, sectionName=f"tcp-{listener}")

    return [
        on("db", "a-younger", m.to("b"), year=2021),
        on("db", "older", m.to("a")),
        on("tied", "tied-b", m.to("b")),
        on("tied", "tied-a", m.to("a")),
        on(
            "shared", "shared", m.to("a", weight=6), m.to("b", weight=2), m.to("nothing", weight=2), m.to("c", weight=0)
        ),
        on("zero", "zero", m.to("a", weight=0)),
        on("missing", "missing", m.to("nothing")),
        on("empty", "empty", m.to("empty")),
        on("granted", "granted", m.to("a", namespace="far")),
        on("ungranted", "ungranted", m.to("a", namespace="further")),
        on("retried", "retried", m.to("half")),
        m.stream_route("TCPRoute", "everyone", m.to("c"), year=2025),
        m.stream_route("TCPRoute", "by-port", m.to("b"), year=2020, port=served.tcp["alone"]),
        m.stream_route("TCPRoute", "by-http", m.to("a"), year=2020, sectionName="http"),
        on("same", "same", m.to("a")),
        *far([_of_default_namespace(on("guest", "guest", m.to("a")))]),
        {**on("kinds", "other-kind", m.to("x")), "kind": "UDPRoute"},
    ]


def _of_default_namespace(route: Document) -> Document:
    (parent,) = route["spec"]["parentRefs"]
    return {**route, "spec": {**route["spec"], "parentRefs": [{**parent, "namespace": "default"}]}}


def elsewhere(served: Served) -> list[Document]:
    """Give a Gateway that is one by default, a ListenerSet of the other, and routes on both."""
    tcp = {"name": "tcp", "port": served.more_port, "protocol": "TCP"}
    udp_ = {**tcp, "name": "udp", "protocol": "UDP"}
    default = m.gateway(tcp, udp_, name="default")
    default["spec"] |= {"defaultScope": "All", "addresses": [{"value": DEFAULT}]}
    set_ = {
        "apiVersion": "gateway.networking.k8s.io/v1",
        "kind": "ListenerSet",
        "metadata": {"name": "more"},
        "spec": {"parentRef": {"name": "edge"}, "listeners": [tcp, udp_]},
    }
    routes = []
    for kind, name in (("TCPRoute", "b"), ("UDPRoute", "y")):
        lost = m.stream_route(kind, f"lost-{name}", m.to(name))
        lost["spec"] |= {"parentRefs": [], "useDefaultGateways": "All"}
        in_set = m.stream_route(kind, f"in-set-{name}", m.to(name))
        in_set["spec"]["parentRefs"] = [{"kind": "ListenerSet", "name": "more"}]
        routes += [lost, in_set]
    return [default, set_, *routes]


def udp_routes() -> list[Document]:
    def on(listener: str, name: str, *backends: Document, year: int = 2020) -> Document:
        return m.stream_route("UDPRoute", name, *backends, year=year, sectionName=f"udp-{listener}")

    missing, empty = m.to("nothing", weight=2), m.to("no-answers", weight=1)
    return [
        on("one", "one", m.to("x")),
        on("shared", "shared", m.to("x", weight=5), m.to("y", weight=2), missing, empty),
        on("old", "a-younger", m.to("y"), year=2021),
        on("old", "older", m.to("x")),
        on("missing", "missing", m.to("nothing")),
        on("zero", "zero", m.to("x", weight=0)),
        on("granted", "granted", m.to("x", namespace="far")),
        on("same", "same", m.to("y")),
        on("large", "large", m.to("x")),
        on("streams", "streams", m.to("a"), m.to("outside")),
        {**on("kinds", "kinds", m.to("x")), "kind": "TCPRoute"},
    ]


def tls_routes() -> list[Document]:
    def on(name: str, hostnames: list[str], *backends: Document, year: int = 2020, **parent: str) -> Document:
        return m.stream_route("TLSRoute", name, *backends, hostnames=hostnames, year=year, **parent)

    return [
        on("exact-old", ["*.exact.test", "*.wild.test"], m.to("tls-b")),
        on("exact-new", ["abc.exact.test", "*.x.wild.test"], m.to("tls-a"), year=2021),
        on("whole-young", ["same.whole.test"], m.to("tls-b"), year=2021),
        on("whole-old", ["same.whole.test"], m.to("tls-a")),
        on("whole-tied-b", ["tied.whole.test"], m.to("tls-b")),
        on("whole-tied-a", ["tied.whole.test"], m.to("tls-a")),
        on("whole-first", ["first.whole.test"], m.to("nothing")),
        on("whole-second", ["first.whole.test"], m.to("tls-a"), year=2021),
        on("shared", ["shared.whole.test"], m.to("tls-a", weight=3), m.to("tls-b"), m.to("nothing")),
        on("names", ["*.whole.test", "https.whole.test"], m.to("tls-b"), year=2022, sectionName="whole"),
        on("inside", ["plain.inside.test"], m.to("a")),
        on("bad", ["a.bad.test"], m.to("a")),
        on("any", ["one.any.test", "two.any.test", "a.whole.test"], m.to("tls-a"), sectionName="any"),
        on("secured", ["secured.whole.test", "secured.inside.test"], m.to("secured")),
        on("elsewhere", ["elsewhere.test"], m.to("tls-a"), sectionName="whole"),
        on("kinds", ["kinds.test"], m.to("tls-a")),
        on("granted", ["granted.whole.test"], m.to("tls-a", namespace="far")),
        on("ungranted", ["ungranted.whole.test"], m.to("tls-a", namespace="further")),
    ]


def far(documents: list[Document], namespace: str = "far") -> list[Document]:
    return [{**one, "metadata": {**one["metadata"], "namespace": namespace}} for one in documents]


def udp(documents: list[Document]) -> list[Document]:
    """Make a Service and its slice ones of UDP."""
    service, slice_ = documents
    ports = [{**port, "protocol": "UDP"} for port in slice_["ports"]]
    return [{**service, "spec": {"ports": [{"port": 80, "protocol": "UDP"}]}}, {**slice_, "ports": ports}]


def services(found: dict[str, Stream], http: int) -> list[Document]:
    tcp = [one for name in ("a", "b", "c", "tls-a", "tls-b") for one in m.service(name, found[name].port)]
    datagrams = [one for name in ("x", "y") for one in udp(m.service(name, found[name].port))]
    half = m.service("half", found["a"].port)
    closed = {**half[1], "metadata": {**half[1]["metadata"], "name": "half-2"}, "ports": [{"port": 1, "name": ""}]}
    guests = ("a", "tls-a", "x")
    others = [
        document
        for space in ("far", "further")
        for name in guests
        for document in far((udp if name == "x" else list)(m.service(name, found[name].port)), space)
    ]
    return [
        *tcp,
        *datagrams,
        *half,
        closed,
        *m.service("http", http),
        *m.service("secured", found["tls-a"].port),
        *policy("secured", "tls-a.test"),
        *m.service("empty", None),
        m.external_name("outside", "localhost"),
        *udp(m.service("no-answers", None)),
        *others,
    ]


def policy(service: str, hostname: str) -> list[Document]:
    """Give a BackendTLSPolicy for a Service, and the authority that it names."""
    validation = {"hostname": hostname, "caCertificateRefs": [{"group": "", "kind": "ConfigMap", "name": "authority"}]}
    spec = {"targetRefs": [{"group": "", "kind": "Service", "name": service}], "validation": validation}
    version = "gateway.networking.k8s.io/v1"
    return [
        {"apiVersion": version, "kind": "BackendTLSPolicy", "metadata": {"name": service}, "spec": spec},
        {
            "apiVersion": "v1",
            "kind": "ConfigMap",
            "metadata": {"name": "authority"},
            "data": {"ca.crt": AUTHORITY.pem.decode()},
        },
    ]


def grants(*kinds: str, namespace: str = "far") -> list[Document]:
    found = [m.reference_grant(namespace, kind=kind) for kind in kinds]
    return [
        {**one, "metadata": {**one["metadata"], "name": f"{one['spec']['from'][0]['kind'].lower()}"}} for one in found
    ]


def secret() -> Document:
    shown = certificate("inside.test")
    data = {"tls.crt": shown.pem.decode(), "tls.key": shown.key_pem.decode()}
    return {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {"name": "inside"},
        "type": "kubernetes.io/tls",
        "stringData": data,
    }


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def served() -> AsyncIterator[Served]:
    async with AsyncExitStack() as stack:
        where = await stack.enter_async_context(home())
        http = await stack.enter_async_context(backend("http"))
        found = {name: await stack.enter_async_context(stream_backend(name)) for name in ("a", "b", "c")}
        for name in ("tls-a", "tls-b"):
            found[name] = await stack.enter_async_context(stream_backend(name, hostname=f"{name}.test"))
        for name in ("x", "y"):
            found[name] = await stack.enter_async_context(datagram_backend(name))
        tcp, datagrams = {name: free_port() for name in TCP}, {name: free_port() for name in UDP}
        datagrams["same"] = tcp["same"]
        options = ("--concurrency", "1", "--addresses", f"127.0.0.1,{DEFAULT}")
        m.write(where.folder / "services.yaml", [m.gateway_class(), secret(), *services(found, http.port)])
        m.write(
            where.folder / "grants.yaml",
            [*grants("TCPRoute", "UDPRoute", "TLSRoute"), *grants("HTTPRoute", namespace="further")],
        )
        product = await stack.enter_async_context(standalone(where, *options))
        made = Served(where, product, tcp, datagrams, free_port(), free_port(), found)
        m.write(where.folder / "routes.yaml", [*tcp_routes(made), *udp_routes(), *tls_routes()])
        edge = m.gateway(*listeners(made))
        edge["spec"] |= {"addresses": [{"value": "127.0.0.1"}], "allowedListeners": {"namespaces": {"from": "Same"}}}
        m.write(where.folder / "gateway.yaml", [edge, *elsewhere(made)])
        for name in (*[f"tcp-{one}" for one in TCP], *[f"udp-{one}" for one in UDP], "any", "inside"):
            await product.notice("Gateway default/edge", f"listener {name} is served at")
        # Envoy has acknowledged a listener a moment before its workers have opened it.
        await eventually(Line(made.tcp["db"]).answered, "a")
        await eventually(Line(made.tls, "abc.exact.test").answered, "tls-a")
        await eventually(lambda: called(made.udp["one"], SILENCE_S), "x")
        yield made


async def eventually(ask: Callable[[], Awaitable[str | None]], expected: str | None, within_s: float = 30.0) -> None:
    """Ask again until the answer is this one."""
    async with asyncio.timeout(within_s):
        while await ask() != expected:  # noqa: ASYNC110 (another process, nothing to await)
            await asyncio.sleep(0.02)


async def everyone_of(port: int) -> str | None:
    """Give who answers many sockets, None where several do."""
    found = set(await asyncio.gather(*(called(port, 1.0) for _ in range(20))))
    return found.pop() if len(found) == 1 else None


# TCPRoute.


@pytest.mark.parametrize(
    ("listener", "expected"),
    [
        ("db", "a"),
        ("tied", "a"),
        ("zero", None),
        ("missing", None),
        ("empty", None),
        ("granted", "a"),
        ("ungranted", None),
        ("everyone", "c"),
        ("alone", "b"),
        ("guest", "c"),
        ("kinds", "c"),
    ],
)
async def test_a_connection_of_tcp(served: Served, listener: str, expected: str | None) -> None:
    assert await Line(served.tcp[listener]).answered() == expected


async def test_connections_are_shared_by_weight_and_the_share_of_nobody_is_reset(served: Served) -> None:
    counts = Counter([await Line(served.tcp["shared"]).answered() for _ in range(800)])
    assert set(counts) == {"a", "b", None}
    assert 400 <= counts["a"] <= 560
    assert 100 <= counts["b"] <= 220
    assert 100 <= counts[None] <= 220


async def test_the_oldest_route_gets_every_connection(served: Served) -> None:
    assert {await Line(served.tcp["db"]).answered() for _ in range(100)} == {"a"}


async def test_an_endpoint_that_refuses_is_passed_over(served: Served) -> None:
    assert [await Line(served.tcp["retried"]).answered() for _ in range(20)] == ["a"] * 20


async def test_a_grant_that_goes_stops_new_connections_and_one_that_comes_lets_them_in(served: Served) -> None:
    path = served.where.folder / "grants.yaml"
    before = path.read_text()
    asks = {
        "tcp": Line(served.tcp["granted"]).answered,
        "tls": Line(served.tls, "granted.whole.test").answered,
        "udp": lambda: called(served.udp["granted"], SILENCE_S),
    }
    answers = {"tcp": "a", "tls": "tls-a", "udp": "x"}
    for kind, ask in asks.items():
        await eventually(ask, answers[kind])
    path.write_text("")
    for ask in asks.values():
        await eventually(ask, None)
    path.write_text(before)
    for kind, ask in asks.items():
        await eventually(ask, answers[kind])


async def test_listeners_of_a_set_take_connections_and_datagrams(served: Served) -> None:
    await eventually(Line(served.more_port).answered, "b")
    await eventually(lambda: called(served.more_port, SILENCE_S), "y")


async def test_a_default_gateway_takes_connections_and_datagrams(served: Served) -> None:
    await eventually(Line(served.more_port, ip=DEFAULT).answered, "b")
    await eventually(lambda: called(served.more_port, SILENCE_S, DEFAULT), "y")


async def test_a_run_says_where_connections_and_datagrams_are_taken(served: Served) -> None:
    for name, scheme, port in (("tcp-db", "tcp", served.tcp["db"]), ("udp-one", "udp", served.udp["one"])):
        notice = await served.product.notice(f"listener {name} is served at {scheme}://127.0.0.1:{port}")
        assert notice["url"] == f"{scheme}://127.0.0.1:{port}"
    await served.product.notice(f"listener inside is served at tls://127.0.0.1:{served.tls}")


# UDPRoute.


@pytest.mark.parametrize(("listener", "expected"), [("one", "x"), ("old", "x"), ("granted", "x"), ("same", "y")])
async def test_a_datagram(served: Served, listener: str, expected: str) -> None:
    assert await called(served.udp[listener]) == expected


@pytest.mark.parametrize("listener", ["nobody", "missing", "zero", "streams", "kinds"])
async def test_a_datagram_for_nobody_is_dropped(served: Served, listener: str) -> None:
    assert await called(served.udp[listener], SILENCE_S) is None


async def test_tcp_and_udp_share_the_number_of_a_port(served: Served) -> None:
    assert served.udp["same"] == served.tcp["same"]
    assert await Line(served.tcp["same"]).answered() == "a"
    assert await called(served.udp["same"]) == "y"


async def test_sockets_are_shared_by_weight_and_the_share_of_nobody_is_dropped(served: Served) -> None:
    counts = Counter(await asyncio.gather(*(called(served.udp["shared"], 2.0) for _ in range(200))))
    assert set(counts) == {"x", "y", None}
    assert 90 <= counts["x"] <= 110
    assert 30 <= counts["y"] <= 50
    assert 50 <= counts[None] <= 70


async def test_what_one_socket_sends_goes_to_one_endpoint_also_after_the_weights_have_changed(served: Served) -> None:
    path = served.where.folder / "routes.yaml"
    before = path.read_text()
    async with AsyncExitStack() as stack:
        callers = [await stack.enter_async_context(caller(served.udp["shared"])) for _ in range(30)]
        firsts = await asyncio.gather(*(one.answered(1.0) for one in callers))
        assert set(firsts) >= {"x", "y"}
        changed = {"x": 1, "y": 1_000_000}
        route = m.stream_route(
            "UDPRoute",
            "shared",
            *(m.to(name, weight=weight) for name, weight in changed.items()),
            year=2020,
            sectionName="udp-shared",
        )
        others = [one for one in udp_routes() if one["metadata"]["name"] != "shared"]
        m.write(path, [*tcp_routes(served), *others, route, *tls_routes()])
        await eventually(lambda: everyone_of(served.udp["shared"]), "y")
        again = await asyncio.gather(*(one.answered(1.0) for one in callers))
        assert [(now, then) for now, then in zip(again, firsts, strict=True) if then and now != then] == []
    path.write_text(before)


async def test_a_datagram_of_any_size_goes_there_and_back(served: Served) -> None:
    async with caller(served.udp["large"]) as one:
        for size in (1, 1_500, 4_096, 9_001, LONGEST):
            sent = b"d" * size
            got = await one.exchange(sent)
            assert got is not None, size
            assert len(got) - len(sent) in (0, 2), size


# TLSRoute.


@pytest.mark.parametrize(
    ("sni", "expected"),
    [
        ("abc.exact.test", "tls-a"),
        ("y.x.wild.test", "tls-a"),
        ("same.whole.test", "tls-a"),
        ("SAME.whole.test", "tls-a"),
        ("tied.whole.test", "tls-a"),
        ("first.whole.test", None),
        ("a.whole.test", "tls-b"),
        ("a.b.whole.test", "tls-b"),
        ("whole.test", None),
        ("plain.inside.test", "a"),
        ("other.inside.test", None),
        ("a.bad.test", None),
        ("one.any.test", None),
        ("two.any.test", "tls-a"),
        ("three.any.test", None),
        ("granted.whole.test", "tls-a"),
        ("ungranted.whole.test", None),
        ("-", None),
        ("elsewhere.test", None),
        ("kinds.test", "tls-a"),
        ("secured.whole.test", "tls-a"),
        ("secured.inside.test", "tls-a"),
    ],
)
async def test_a_name(served: Served, sni: str, expected: str | None) -> None:
    assert await Line(served.tls, sni).answered() == expected


async def test_names_are_shared_by_weight_and_the_share_of_nobody_is_reset(served: Served) -> None:
    counts = Counter([await Line(served.tls, "shared.whole.test").answered() for _ in range(300)])
    assert set(counts) == {"tls-a", "tls-b", None}
    assert 140 <= counts["tls-a"] <= 220
    assert 30 <= counts["tls-b"] <= 94
    assert 30 <= counts[None] <= 94


async def test_who_ends_the_tls_shows_the_certificate(served: Served) -> None:
    """The backend's own where connections are passed on whole, the listener's where TLS ends there."""
    whole, again = [await Line(served.tls, "same.whole.test").shown() for _ in range(2)]
    inside = await Line(served.tls, "plain.inside.test").shown()
    assert whole == again != inside
    assert b"tls-a.test" in whole
    assert b"inside.test" in inside
    assert b"inside.test" in await Line(served.tls, "https.whole.test").shown()


async def test_what_is_no_tls_reaches_nobody(served: Served) -> None:
    """It has no name, and a TLSRoute asks for names only: not even a listener for any of them passes it on."""
    before = {name: one.taken for name, one in served.backends.items()}
    assert await Line(served.tls).answered() is None
    assert {name: one.taken for name, one in served.backends.items()} == before
