"""Backends of all kinds through a real Envoy: who answers, in which protocol, and by which name; one Envoy."""

from __future__ import annotations

import asyncio
import json
import socket
from contextlib import AsyncExitStack
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pytest
import pytest_asyncio

from tests.live import manifests as m
from tests.live.http1 import Ask, ask
from tests.live.polyglot import AUTHORITY, Secured, polyglot
from tests.live.product import answers, home, standalone
from tests.ports import free_port

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterable, Mapping

    from tests.live.http1 import Answer
    from tests.live.manifests import Document
    from tests.live.polyglot import Polyglot
    from tests.live.product import Home

pytestmark = [pytest.mark.live, pytest.mark.asyncio(loop_scope="module")]

SERVICE = "kubernetes.io/service-name"
IMPORT = "multicluster.kubernetes.io/service-name"
XBACKEND = {"group": "gateway.networking.x-k8s.io", "kind": "XBackend"}
SERVICE_IMPORT = {"group": "multicluster.x-k8s.io", "kind": "ServiceImport"}


def service(name: str, *ports: Document, **spec: object) -> Document:
    """Give a Service without endpoints, with one port 80 unless others are given."""
    return {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": name},
        "spec": {"ports": list(ports) or [{"port": 80}], **spec},
    }


def member(address: str = "127.0.0.1", **conditions: bool) -> Document:
    return {"addresses": [address], "conditions": conditions}


def endpoints(
    name: str, members: Iterable[Document], ports: Mapping[str, int], label: str = SERVICE, namespace: str = "default"
) -> Document:
    """Give a slice whose first label is the name of its owner, up to the first dash."""
    found = list(members)
    ipv6 = any(":" in one["addresses"][0] for one in found)
    return {
        "apiVersion": "discovery.k8s.io/v1",
        "kind": "EndpointSlice",
        "metadata": {"name": name, "namespace": namespace, "labels": {label: name.partition("-")[0]}},
        "addressType": "IPv6" if ipv6 else "IPv4",
        "ports": [{"name": key, "port": port} for key, port in ports.items()],
        "endpoints": found,
    }


def one_at(name: str, backend: Polyglot, **spec: object) -> list[Document]:
    """Give a Service whose only endpoint is this backend."""
    return [service(name, **spec), endpoints(name, [member()], {"": backend.port})]


def imported(name: str, namespace: str, backend: Polyglot) -> list[Document]:
    return [
        {
            "apiVersion": "multicluster.x-k8s.io/v1alpha1",
            "kind": "ServiceImport",
            "metadata": {"name": name, "namespace": namespace},
            "spec": {"type": "ClusterSetIP", "ports": [{"port": 80}]},
        },
        endpoints(name, [member()], {"": backend.port}, IMPORT, namespace),
    ]


def xbackend(name: str, port: int, hostname: str = "localhost", /, **spec: object) -> Document:
    """Give an XBackend of a hostname; `spec` may make it something else."""
    found: Document = {"type": "ExternalHostname", "externalHostname": {"hostname": hostname}, "port": {"number": port}}
    return {
        "apiVersion": "gateway.networking.x-k8s.io/v1alpha1",
        "kind": "XBackend",
        "metadata": {"name": name},
        "spec": {field: value for field, value in {**found, **spec}.items() if value is not None},
    }


def selecting(name: str, port: int, app: str, **spec: object) -> Document:
    """Give an XBackend of pods with a label."""
    selector = {"matchLabels": {"app": app}}
    return xbackend(name, port, "", type="EndpointSelector", externalHostname=None, endpointSelector=selector, **spec)


def authority() -> Document:
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "authority"}, "data": {"ca.crt": AUTHORITY}}


def tls(hostname: str = "api.test", **validation: object) -> Document:
    """Give TLS that verifies the server, by the authority of the tests unless something else is asked for."""
    ours = {"caCertificateRefs": [{"group": "", "kind": "ConfigMap", "name": "authority"}]}
    given = validation if "wellKnownCACertificates" in validation else {**ours, **validation}
    return {"mode": "ServerOnly", "validation": {"hostname": hostname, **given}}


def grant(namespace: str, group: str, kind: str) -> Document:
    found = m.reference_grant(namespace)
    return {**found, "spec": {**found["spec"], "to": [{"group": group, "kind": kind}]}}


def to(name: str, kind: Mapping[str, str], **more: object) -> Document:
    return {**kind, "name": name, **more}


@dataclass(frozen=True, slots=True)
class Cast:
    """The backends.

    `twin` has the port of `a` on another address, `six` listens on IPv6, `secure` chooses HTTP/2 over TLS where it may,
    `old` never does.
    """

    a: Polyglot
    twin: Polyglot
    b: Polyglot
    six: Polyglot
    secure: Polyglot
    old: Polyglot


def backends(cast: Cast) -> list[Document]:
    port, other, safe = cast.a.port, cast.b.port, cast.secure.port
    return [
        *one_at("headless", cast.a, clusterIP="None", selector={"app": "a"}),
        *one_at("manual", cast.b, clusterIP="192.0.2.1"),
        service("several"),
        endpoints("several-1", [member()], {"": port}),
        endpoints("several-2", [], {"": 1}),
        endpoints("several-3", [member()], {"": other}),
        service("ipv6"),
        endpoints("ipv6-4", [], {"": 1}),
        endpoints("ipv6-6", [member("::1")], {"": cast.six.port}),
        service("unready"),
        endpoints("unready-1", [member(ready=False)], {"": port}),
        endpoints("unready-2", [member(ready=True, serving=True, terminating=True)], {"": port}),
        endpoints("unready-3", [member(ready=True)], {"": other}),
        service("ending"),
        endpoints("ending-1", [member(ready=False, serving=True, terminating=True)], {"": port}),
        service("named", {"name": "web", "port": 80}, {"name": "admin", "port": 81}),
        endpoints("named-1", [member()], {"admin": other, "web": port}),
        service(
            "protocols",
            *(
                {"name": name, "port": number, "appProtocol": f"kubernetes.io/{name}"}
                for number, name in enumerate(("h2c", "ws", "wss", "future"), 81)
            ),
            {"name": "plain", "port": 80},
        ),
        endpoints("protocols-1", [member()], dict.fromkeys(("plain", "h2c", "ws", "wss", "future"), port)),
        *imported("store", "default", cast.b),
        *imported("store", "closed", cast.b),
        *imported("store", "open", cast.b),
        grant("open", "multicluster.x-k8s.io", "ServiceImport"),
        grant("closed", "", "Service"),
        xbackend("outside", port),
        xbackend("far", port),
        {**xbackend("far", port), "metadata": {"name": "far", "namespace": "open"}},
        xbackend("address", port, "127.0.0.1"),
        selecting("selected", port, "a"),
        selecting("unselected", port, "nobody"),
        service("pair", selector={"app": "pair"}),
        endpoints("pair-1", [member(), member("127.0.0.2")], {"": 1}),
        selecting("pair", port, "pair"),
        selecting("sticky", port, "pair", sessionPersistence={"cookie": {}}),
        xbackend("h2c", port, protocol="H2C"),
        xbackend("mcp", port, protocol="MCP"),
        xbackend("tls", safe, tls=tls()),
        xbackend("tls-auto", safe, protocol="HTTP", tls=tls()),
        xbackend("tls-auto-old", cast.old.port, protocol="HTTP", tls=tls()),
        xbackend("tls-http2", safe, protocol="HTTP2", tls=tls()),
        xbackend("tls-wss", safe, protocol="WSS", tls=tls()),
        xbackend("tls-other-name", safe, tls=tls("wrong.test")),
        xbackend("tls-no-authority", safe, tls=tls(wellKnownCACertificates="System")),
        xbackend("tls-alt", safe, tls=tls("sni.test", subjectAltNames=[{"type": "URI", "uri": "spiffe://test/api"}])),
        xbackend(
            "tls-wild", safe, tls=tls("sni.test", subjectAltNames=[{"type": "Hostname", "hostname": "a.more.test"}])
        ),
    ]


ROUTES: Mapping[str, Document] = {
    "headless": m.to("headless"),
    "manual": m.to("manual"),
    "several": m.to("several"),
    "ipv6": m.to("ipv6"),
    "unready": m.to("unready"),
    "ending": m.to("ending"),
    "named": m.to("named"),
    "admin": m.to("named", port=81),
    "plain": m.to("protocols"),
    "h2c": m.to("protocols", port=81),
    "ws": m.to("protocols", port=82),
    "wss": m.to("protocols", port=83),
    "future": m.to("protocols", port=84),
    "kind": to("headless", {"group": "", "kind": "ConfigMap"}, port=80),
    "import": to("store", SERVICE_IMPORT, port=80),
    "import-open": to("store", SERVICE_IMPORT, port=80, namespace="open"),
    "import-closed": to("store", SERVICE_IMPORT, port=80, namespace="closed"),
    "import-missing": to("missing", SERVICE_IMPORT, port=80),
    **{
        f"x-{name}": to(name, XBACKEND)
        for name in (
            *("outside", "address", "selected", "unselected", "pair", "sticky", "h2c", "mcp", "missing"),
            *("tls", "tls-auto", "tls-auto-old", "tls-http2", "tls-wss"),
            *("tls-other-name", "tls-no-authority", "tls-alt", "tls-wild"),
        )
    },
    "x-far": to("far", XBACKEND, namespace="open"),
}


def routes() -> list[Document]:
    found = [m.http_route(name, m.rule(one), hostnames=[f"{name}.test"]) for name, one in ROUTES.items()]
    return [
        *found,
        m.http_route("unweighted", m.rule(m.to("headless"), m.to("manual", weight=1)), hostnames=["unweighted.test"]),
        m.grpc_route("calls", m.rule(m.to("protocols")), hostnames=["calls.test"]),
        m.http_route(
            "rewritten",
            m.rule(
                to("outside", XBACKEND),
                filters=[{"type": "URLRewrite", "urlRewrite": {"hostname": "chosen.test"}}],
            ),
            hostnames=["rewritten.test"],
        ),
    ]


def has_ipv6() -> bool:
    try:
        with socket.socket(socket.AF_INET6) as probe:
            probe.bind(("::1", 0))
    except OSError:
        return False
    return True


@dataclass(frozen=True, slots=True)
class Served:
    home: Home
    port: int
    cast: Cast

    async def ask(self, name: str) -> Answer:
        return await ask(self.port, Ask("/", f"{name}.test"))

    async def told(self, name: str) -> dict[str, Any]:
        """Ask, and give what the backend says."""
        answer = await self.ask(name)
        assert answer.status == 200, answer.text
        found: dict[str, Any] = json.loads(answer.body)
        return found

    async def who(self, name: str, times: int) -> list[str]:
        return [(await self.told(name))["backend"] for _ in range(times)]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def served() -> AsyncIterator[Served]:
    async with AsyncExitStack() as stack:
        where = await stack.enter_async_context(home())
        cast = Cast(
            a := await stack.enter_async_context(polyglot("a")),
            await stack.enter_async_context(polyglot("twin", "127.0.0.2", a.port)),
            await stack.enter_async_context(polyglot("b")),
            await stack.enter_async_context(polyglot("six", "::1" if has_ipv6() else "127.0.0.1")),
            await stack.enter_async_context(polyglot("secure", secured=Secured())),
            await stack.enter_async_context(polyglot("old", secured=Secured(("http/1.1",)))),
        )
        port = free_port()
        m.write(where.folder / "base.yaml", [m.gateway_class(), m.gateway(m.listener(port)), *backends(cast)])
        m.write(where.folder / "authority.yaml", [authority()])
        m.write(where.folder / "routes.yaml", routes())
        await stack.enter_async_context(standalone(where, "--concurrency", "1"))
        await answers(port, Ask("/", "headless.test"), lambda answer: answer.status == 200)
        yield Served(where, port, cast)


EXPECTED: Mapping[str, tuple[str, str] | int] = {
    "headless": ("a", "HTTP/1.1"),
    "manual": ("b", "HTTP/1.1"),
    "ending": ("a", "HTTP/1.1"),
    "named": ("a", "HTTP/1.1"),
    "admin": ("b", "HTTP/1.1"),
    "plain": ("a", "HTTP/1.1"),
    "h2c": ("a", "HTTP/2"),
    "ws": ("a", "HTTP/1.1"),
    "wss": 500,
    "future": 500,
    "kind": 500,
    "import": ("b", "HTTP/1.1"),
    "import-open": ("b", "HTTP/1.1"),
    "import-closed": 500,
    "import-missing": 500,
    "x-outside": ("a", "HTTP/1.1"),
    "x-selected": ("a", "HTTP/1.1"),
    "x-unselected": 500,
    "x-address": 500,
    "x-missing": 500,
    "x-far": 500,
    "x-mcp": 500,
    "x-h2c": ("a", "HTTP/2"),
    "x-tls": ("secure", "HTTP/1.1"),
    "x-tls-auto": ("secure", "HTTP/2"),
    "x-tls-auto-old": ("old", "HTTP/1.1"),
    "x-tls-http2": ("secure", "HTTP/2"),
    "x-tls-wss": ("secure", "HTTP/1.1"),
    "x-tls-alt": ("secure", "HTTP/1.1"),
    "x-tls-wild": ("secure", "HTTP/1.1"),
    # Nobody vouches for the certificate, or it is another's: no request is sent.
    "x-tls-other-name": 503,
    "x-tls-no-authority": 503,
}


@pytest.mark.parametrize("name", EXPECTED)
async def test_backend(served: Served, name: str) -> None:
    answer = await served.ask(name)
    if answer.status != 200:
        assert answer.status == EXPECTED[name]
        return
    told = json.loads(answer.body)
    assert (told["backend"], told["protocol"]) == EXPECTED[name]


async def test_one_port_is_reached_by_each_kind_of_route_in_its_own_version(served: Served) -> None:
    call = Ask("/a.Service/Call", "calls.test", "POST", (("content-type", "application/grpc"), ("te", "trailers")))
    assert json.loads((await ask(served.port, call)).body)["protocol"] == "HTTP/2"
    assert (await served.told("plain"))["protocol"] == "HTTP/1.1"


async def test_all_slices_count(served: Served) -> None:
    assert set(await served.who("several", 20)) == {"a", "b"}


@pytest.mark.skipif(not has_ipv6(), reason="this machine has no IPv6 on loopback")
async def test_an_endpoint_has_an_ipv6_address(served: Served) -> None:
    assert set(await served.who("ipv6", 5)) == {"six"}


async def test_those_that_are_not_ready_or_end_get_nothing(served: Served) -> None:
    assert set(await served.who("unready", 20)) == {"b"}


async def test_no_weight_is_a_weight_of_one(served: Served) -> None:
    found = await served.who("unweighted", 400)
    assert abs(found.count("a") - 200) <= 50


@pytest.mark.parametrize("name", ["ws", "plain", "x-tls-wss"])
async def test_websocket(served: Served, name: str) -> None:
    head = [
        f"GET /chat HTTP/1.1\r\nhost: {name}.test",
        "upgrade: websocket\r\nconnection: Upgrade",
        "sec-websocket-version: 13\r\nsec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==",
    ]
    async with asyncio.timeout(20):
        reader, writer = await asyncio.open_connection("127.0.0.1", served.port)
        writer.write("\r\n".join((*head, "\r\n")).encode())
        assert (await reader.readuntil(b"\r\n\r\n")).startswith(b"HTTP/1.1 101")
        # A frame with the text "ping", masked as those of clients are; the backend sends back what it gets.
        frame = b"\x81\x84abcd" + bytes(one ^ key for one, key in zip(b"ping", b"abcd", strict=True))
        for _ in range(3):
            writer.write(frame)
            assert await reader.readexactly(len(frame)) == frame
        writer.close()


async def test_pods_are_found_at_the_port_of_the_xbackend(served: Served) -> None:
    """The slices know them by another port."""
    assert set(await served.who("x-pair", 20)) == {"a", "twin"}


async def test_an_xbackend_has_sessions_of_its_own(served: Served) -> None:
    first = await served.ask("x-sticky")
    cookie = first.headers["set-cookie"].partition(";")[0]
    repeated = Ask("/", "x-sticky.test", headers=(("cookie", cookie),))
    found = [json.loads((await ask(served.port, repeated)).body) for _ in range(20)]
    assert found == [json.loads(first.body)] * 20
    assert set(await served.who("x-sticky", 20)) == {"a", "twin"}


async def test_a_name_outside_is_asked_by_its_name_and_port(served: Served) -> None:
    await served.told("x-outside")
    assert served.cast.a.hosts[-1] == f"localhost:{served.cast.a.port}"


async def test_a_rewrite_of_the_hostname_goes_before_that_name(served: Served) -> None:
    await served.told("rewritten")
    assert served.cast.a.hosts[-1] == "chosen.test"


async def test_tls_asks_for_the_name_that_is_verified(served: Served) -> None:
    assert served.cast.secure.names
    assert set(served.cast.secure.names) <= {"api.test", "wrong.test", "sni.test"}


async def test_an_authority_that_is_taken_away_ends_in_500(served: Served) -> None:
    """Never in plain text, and never without being verified."""
    file = served.home.folder / "authority.yaml"
    request = Ask("/", "x-tls.test")
    assert (await served.ask("x-tls")).status == 200
    file.unlink()
    await answers(served.port, request, lambda answer: answer.status == 500)
    m.write(file, [authority()])
    await answers(served.port, request, lambda answer: answer.status == 200)
