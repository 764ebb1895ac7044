"""HTTPS listeners as clients meet them: certificates by name, protocols inside, 421 for hosts of others, refusals."""

from __future__ import annotations

import datetime as dt
import ssl
from contextlib import AsyncExitStack
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING

import pytest
import pytest_asyncio
from cryptography import x509

from tests.certificates import Certificate, curve_key, rsa_key
from tests.live import http2
from tests.live import manifests as m
from tests.live.backends import backend, seen
from tests.live.http1 import Ask, ask
from tests.live.product import answers, home, standalone
from tests.live.tls_clients import NO_SNI, Tls, failure, handshake
from tests.ports import free_port

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from tests.live.http1 import Answer
    from tests.live.manifests import Document

pytestmark = [pytest.mark.live, pytest.mark.asyncio(loop_scope="module")]

NAMES = ("any", "second-example.org", "*.wildcard.org", "one.wildcard.org", "a.test", "session.test")
"""Listeners that are served, by their hostnames; `any` has none."""


_REDIRECTS: dict[str, dict[str, object]] = {
    "/path": {"path": m.full_path("/new")},
    "/host": {"hostname": "b.test"},
    "/http": {"scheme": "http"},
}


@cache
def certificate(name: str) -> Certificate:
    return Certificate(curve_key(), hostnames=(name,), name=name)


def secret(name: str, shown: Certificate | None = None, *, cut: int | None = None) -> Document:
    one = shown or certificate(name)
    return m.tls_secret(secret_name(name), (one.pem[:cut], one.key_pem))


def secret_name(name: str) -> str:
    return name.replace("*", "all")


def listener(port: int, name: str) -> Document:
    return m.https_listener(
        port, secret_name(name), name=secret_name(name).replace(".", "-"), hostname=None if name == "any" else name
    )


@dataclass(frozen=True, slots=True)
class Served:
    """Ports: `mixed` has a listener for any name, `named` has none; `plain` is HTTP and sends to `named`."""

    mixed: int
    named: int
    plain: int


def documents(ports: Served) -> list[Document]:
    old = Certificate(curve_key(), hostnames=("expired.test",), days=(-30, -1), name="expired")
    weak = Certificate(rsa_key(1024), hostnames=("weak.test",), name="weak")
    foreign = (certificate("a.test").pem, certificate("any").key_pem)
    listeners = [
        *(listener(ports.mixed, name) for name in NAMES[:4]),
        *(listener(ports.named, name) for name in NAMES[4:]),
        *(listener(ports.named, f"{bad}.test") for bad in ("missing", "cut", "weak", "foreign", "expired")),
        m.listener(ports.plain),
    ]
    to_https = m.redirect(scheme="https", port=ports.named, statusCode=301)
    return [
        m.gateway_class(),
        m.gateway(*listeners),
        *(secret(name) for name in NAMES),
        secret("cut.test", cut=200),
        secret("weak.test", weak),
        secret("expired.test", old),
        m.tls_secret("foreign.test", foreign),
        m.http_route("mixed", m.rule(m.to("web")), hostnames=["example.org", "second-example.org", "x.wildcard.org"]),
        m.http_route("one", m.rule(m.to("one")), hostnames=["one.wildcard.org"]),
        m.http_route("named", m.rule(m.to("web")), hostnames=["*.test"]),
        m.http_route(
            "plain", m.rule(matches=[m.path("/to-https")], filters=[to_https]), hostnames=["a.test"], sectionName="http"
        ),
        m.http_route(
            "session", {**m.rule(m.to("web")), "sessionPersistence": {"cookie": {}}}, hostnames=["session.test"]
        ),
        m.http_route(
            "redirects",
            *(m.rule(matches=[m.path(path)], filters=[m.redirect(**to)]) for path, to in _REDIRECTS.items()),
            hostnames=["a.test"],
        ),
    ]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def served() -> AsyncIterator[Served]:
    async with AsyncExitStack() as stack:
        where = await stack.enter_async_context(home())
        ports = Served(free_port(), free_port(), free_port())
        backends = [await stack.enter_async_context(backend(name)) for name in ("web", "one")]
        services = [document for one in backends for document in m.service(one.name, one.port)]
        m.write(where.folder / "all.yaml", [*documents(ports), *services])
        await stack.enter_async_context(standalone(where, "--concurrency", "1"))
        await answers(ports.mixed, Ask("/", "example.org"), lambda one: one.status == 200, tls=Tls("example.org"))
        await answers(ports.named, Ask("/", "a.test"), lambda one: one.status == 200, tls=Tls("a.test"))
        await answers(ports.plain, Ask("/", "a.test"), lambda one: one.status == 200)
        yield ports


# By which name a client connects, what it then asks for, and what it gets (HTTPRoute: misdirected requests).
MISDIRECTED: list[tuple[str, str, int]] = [
    ("example.org", "example.org", 200),
    ("example.org", "second-example.org", 421),
    ("example.org", "x.wildcard.org", 421),
    ("example.org", "one.wildcard.org", 421),
    ("example.org", "unknown-example.org", 404),
    ("second-example.org", "second-example.org", 200),
    ("second-example.org", "example.org", 421),
    ("second-example.org", "x.wildcard.org", 421),
    ("second-example.org", "unknown-example.org", 421),
    ("x.wildcard.org", "x.wildcard.org", 200),
    ("x.wildcard.org", "y.wildcard.org", 404),
    ("x.wildcard.org", "one.wildcard.org", 421),
    ("x.wildcard.org", "example.org", 421),
    ("x.wildcard.org", "second-example.org", 421),
    ("x.wildcard.org", "unknown-example.org", 421),
    ("one.wildcard.org", "one.wildcard.org", 200),
    ("one.wildcard.org", "x.wildcard.org", 421),
    ("one.wildcard.org", "example.org", 421),
    ("unknown-example.org", "example.org", 200),
    ("unknown-example.org", "second-example.org", 421),
    (NO_SNI, "example.org", 200),
    (NO_SNI, "x.wildcard.org", 421),
    ("SECOND-Example.org", "Second-Example.ORG:8443", 200),
]


@pytest.mark.parametrize(("name", "host", "expected"), MISDIRECTED)
async def test_a_request_for_the_host_of_another_listener_is_misdirected(
    served: Served, name: str, host: str, expected: int
) -> None:
    assert await http2.status(served.mixed, Tls(name, ("h2",)), host) == expected


async def test_a_misdirected_request_is_told_so_by_http1_too(served: Served) -> None:
    answer = await ask(served.mixed, Ask("/", "second-example.org"), tls=Tls("example.org"))
    assert answer.status == 421


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("second-example.org", "second-example.org"),
        ("x.wildcard.org", "*.wildcard.org"),
        ("x.y.wildcard.org", "*.wildcard.org"),
        ("one.wildcard.org", "one.wildcard.org"),
        ("wildcard.org", "any"),
        ("example.org", "any"),
        (NO_SNI, "any"),
    ],
)
async def test_the_name_in_the_handshake_chooses_the_certificate(served: Served, name: str, shown: str) -> None:
    found = (await handshake(served.mixed, Tls(name))).certificate
    names = found.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert names.get_values_for_type(x509.DNSName) == [shown]


@pytest.mark.parametrize(
    ("offered", "agreed"),
    [(("h2", "http/1.1"), "h2"), (("http/1.1", "h2"), "h2"), (("http/1.1",), "http/1.1"), (("other",), None)],
    ids=["both", "the other way round", "http1", "neither"],
)
async def test_http2_and_http1_are_offered(served: Served, offered: tuple[str, ...], agreed: str | None) -> None:
    assert (await handshake(served.named, Tls("a.test", offered))).protocol == agreed


@pytest.mark.parametrize("name", ["x.wildcard.org", "one.wildcard.org", "example.org"])
async def test_http2_stays_on_where_listeners_overlap(served: Served, name: str) -> None:
    assert (await handshake(served.mixed, Tls(name, ("h2", "http/1.1")))).protocol == "h2"


@pytest.mark.parametrize("name", ["unknown.example", "x.a.test", NO_SNI])
async def test_a_name_that_no_listener_has_is_refused_before_the_handshake(served: Served, name: str) -> None:
    assert await failure(served.named, Tls(name)) == "reset"


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1, ssl.TLSVersion.TLSv1_1], ids=["1.0", "1.1"])
async def test_versions_before_1_2_are_refused_by_an_alert(served: Served, version: ssl.TLSVersion) -> None:
    old = Tls("a.test", at_least=version, at_most=version)
    assert await failure(served.named, old) == "TLSV1_ALERT_PROTOCOL_VERSION"


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3], ids=["1.2", "1.3"])
async def test_versions_from_1_2_on_are_spoken(served: Served, version: ssl.TLSVersion) -> None:
    found = await handshake(served.named, Tls("a.test", at_least=version, at_most=version))
    assert found.version == {"TLSv1_2": "TLSv1.2", "TLSv1_3": "TLSv1.3"}[version.name]


@pytest.mark.parametrize("name", ["missing.test", "cut.test", "weak.test", "foreign.test"])
async def test_p5_a_bad_certificate_closes_its_listener_and_no_other(served: Served, name: str) -> None:
    """P5: a certificate that Envoy would refuse (cut off, of RSA-1024, with the key of another) or that is missing
    spoils its listener alone: clients that ask for it are reset, its siblings on the port serve."""
    assert await failure(served.named, Tls(name)) == "reset"
    assert (await ask(served.named, Ask("/", "a.test"), tls=Tls("a.test"))).status == 200


async def test_p6_an_expired_certificate_is_shown(served: Served) -> None:
    """P6: Envoy takes a certificate that is expired, so its listener serves on; clients decide what they make of it."""
    found = await handshake(served.named, Tls("expired.test"))
    assert found.certificate.not_valid_after_utc < dt.datetime.now(dt.UTC)
    assert (await ask(served.named, Ask("/", "expired.test"), tls=Tls("expired.test"))).status == 200


async def test_a_listener_of_http_sends_clients_to_https(served: Served) -> None:
    answer = await ask(served.plain, Ask("/to-https/x?y=1", "a.test"))
    assert (answer.status, answer.headers["location"]) == (301, f"https://a.test:{served.named}/to-https/x?y=1")


@pytest.mark.parametrize(
    ("path", "location"),
    [("/path", "https://a.test:{port}/new"), ("/host", "https://b.test:{port}/host"), ("/http", "http://a.test/http")],
)
async def test_redirects_behind_https(served: Served, path: str, location: str) -> None:
    """A redirect keeps the scheme, and with it the port of the listener; with another scheme it has that one's port."""
    answer = await ask(served.named, Ask(path, "a.test"), tls=Tls("a.test"))
    assert (answer.status, answer.headers["location"]) == (302, location.format(port=served.named))


async def test_backends_hear_that_the_client_came_by_https(served: Served) -> None:
    answer = await ask(served.named, Ask("/", "a.test"), tls=Tls("a.test"))
    assert seen(answer).values("x-forwarded-proto") == ["https"]


async def test_a_session_cookie_is_secure(served: Served) -> None:
    def attributes(answer: Answer) -> set[str]:
        return {one.strip().partition("=")[0] for one in answer.headers["set-cookie"].split(";")[1:]}

    over_https = await ask(served.named, Ask("/", "session.test"), tls=Tls("session.test"))
    assert attributes(over_https) == {"HttpOnly", "SameSite", "Path", "Secure"}
    over_http = await ask(served.plain, Ask("/", "session.test"))
    assert attributes(over_http) == {"HttpOnly", "SameSite", "Path"}
