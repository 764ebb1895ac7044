"""Certificates of clients: who gets in where they are asked for, with which alert others are refused, and new CAs."""

from __future__ import annotations

import asyncio
import ssl
from contextlib import AsyncExitStack
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pytest
import pytest_asyncio

from tests.certificates import Certificate, authority, curve_key
from tests.live import manifests as m
from tests.live.backends import backend
from tests.live.http1 import Ask, ask, connected
from tests.live.product import admin, answers, home, standalone
from tests.live.tls_clients import Tls, failure, resume
from tests.ports import free_port

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from tests.live.envoy import Admin
    from tests.live.manifests import Document
    from tests.live.product import Home, Product

pytestmark = [pytest.mark.live, pytest.mark.asyncio(loop_scope="module")]

HOST = "a.test"
VERSIONS = pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3], ids=["1.2", "1.3"])
PARTNERS, STAFF, ROOTS, STRANGERS = (authority(name) for name in ("partners", "staff", "roots", "strangers"))

PLACES = ("default", "staff", "roots", "several", "fallback", "everybody", "missing", "kind", "forbidden", "late")
"""Ports of HTTPS listeners, by what is asked of clients there."""


def signed(issuer: Certificate, days: tuple[float, float] = (-1, 30)) -> Certificate:
    return Certificate(curve_key(), hostnames=(), name="client", issuer=issuer, days=days)


def ca(kind: str, name: str, **more: str) -> Document:
    return {"group": "certificates.k8s.io" if kind == "ClusterTrustBundle" else "", "kind": kind, "name": name, **more}


def asking(*references: Document, **more: str) -> Document:
    return {"validation": {"caCertificateRefs": list(references), **more}}


ASKED = {
    "staff": asking(ca("Secret", "staff")),
    "roots": asking(ca("ClusterTrustBundle", "roots")),
    "several": asking(ca("Secret", "staff"), ca("ConfigMap", "nothing"), ca("ClusterTrustBundle", "roots")),
    "fallback": asking(ca("ConfigMap", "partners"), mode="AllowInsecureFallback"),
    "everybody": {},
    "missing": asking(ca("ConfigMap", "nothing")),
    "kind": asking(ca("Service", "web")),
    "forbidden": asking(ca("ConfigMap", "guarded", namespace="vault")),
    "late": asking(ca("ConfigMap", "late")),
}


@dataclass
class Served:
    """A product with a port for each place, and `plain` for HTTP."""

    home: Home
    ports: dict[str, int]
    product: Product
    admin: Admin

    def holds(self, name: str, *issuers: Certificate) -> None:
        """Write a ConfigMap with these authorities, or remove it where there are none."""
        file = self.home.folder / f"{name}.yaml"
        if issuers:
            m.write(file, [m.authorities(name, b"".join(one.pem for one in issuers))])
        else:
            file.unlink()

    async def let_in(
        self, place: str, shows: Certificate | None = None, version: ssl.TLSVersion = ssl.TLSVersion.TLSv1_3
    ) -> bool:
        """Tell whether a client that shows this gets an answer."""
        tls = Tls(HOST, shows=shows, at_most=version)
        return (await ask(self.ports[place], Ask("/", HOST), tls=tls)).status == 200

    async def comes_in(self, place: str, shows: Certificate | None = None) -> None:
        """Wait until a client that shows this gets an answer."""
        tls = Tls(HOST, shows=shows)
        await answers(self.ports[place], Ask("/", HOST), lambda one: one.status == 200, tls=tls)

    async def refusal(
        self, place: str, shows: Certificate | None = None, version: ssl.TLSVersion = ssl.TLSVersion.TLSv1_3
    ) -> str:
        """Say how a client is refused that shows this."""
        return await failure(self.ports[place], Tls(HOST, shows=shows, at_most=version))

    async def refuses(self, place: str, shows: Certificate | None = None) -> str:
        """Wait until a client is refused that shows this, and say how."""
        async with asyncio.timeout(30):
            while (said := await failure(self.ports[place], Tls(HOST, shows=shows), within_s=0.2)) == "open":
                pass
        return said


STRANGER, EXPIRED = "TLSV1_ALERT_UNKNOWN_CA", "SSLV3_ALERT_CERTIFICATE_EXPIRED"
NONE, NONE_BEFORE_1_3 = "TLSV13_ALERT_CERTIFICATE_REQUIRED", "SSLV3_ALERT_HANDSHAKE_FAILURE"


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def served() -> AsyncIterator[Served]:
    async with AsyncExitStack() as stack:
        where = await stack.enter_async_context(home())
        ports = {name: free_port() for name in (*PLACES, "plain")}
        web = await stack.enter_async_context(backend("web"))
        gateway = m.gateway(
            *(m.https_listener(ports[name], "server", name=name) for name in PLACES), m.listener(ports["plain"])
        )
        gateway["spec"]["tls"] = {
            "frontend": {
                "default": asking(ca("ConfigMap", "partners")),
                "perPort": [{"port": ports[name], "tls": tls} for name, tls in ASKED.items()],
            }
        }
        server = Certificate(curve_key(), hostnames=(HOST,))
        roots = {
            "apiVersion": "certificates.k8s.io/v1",
            "kind": "ClusterTrustBundle",
            "metadata": {"name": "roots"},
            "spec": {"trustBundle": ROOTS.pem.decode()},
        }
        documents = [
            m.gateway_class(),
            gateway,
            m.tls_secret("server", (server.pem, server.key_pem)),
            m.authorities("staff", STAFF.pem, kind="Secret"),
            m.authorities("guarded", PARTNERS.pem, namespace="vault"),
            roots,
            *m.service("web", web.port),
            m.http_route("all", m.rule(m.to("web"))),
        ]
        m.write(where.folder / "all.yaml", documents)
        m.write(where.folder / "partners.yaml", [m.authorities("partners", PARTNERS.pem)])
        product = await stack.enter_async_context(standalone(where, "--concurrency", "1", "--drain-s", "2"))
        found = Served(where, ports, product, await stack.enter_async_context(admin(where)))
        await answers(ports["everybody"], Ask("/", HOST), lambda one: one.status == 200, tls=Tls(HOST))
        for place, issuer in (("default", PARTNERS), ("staff", STAFF), ("roots", ROOTS)):
            await found.comes_in(place, signed(issuer))
        yield found


@VERSIONS
@pytest.mark.parametrize(
    ("place", "issuer"),
    [("default", PARTNERS), ("staff", STAFF), ("roots", ROOTS), ("several", STAFF), ("several", ROOTS)],
    ids=lambda one: one.name if isinstance(one, Certificate) else one,
)
async def test_who_shows_the_right_certificate_gets_in(
    served: Served, place: str, issuer: Certificate, version: ssl.TLSVersion
) -> None:
    assert await served.let_in(place, signed(issuer), version)


@pytest.mark.parametrize(
    ("place", "issuer"),
    [("default", STRANGERS), ("default", STAFF), ("staff", PARTNERS), ("roots", STAFF), ("several", PARTNERS)],
    ids=lambda one: one.name if isinstance(one, Certificate) else one,
)
@VERSIONS
async def test_who_shows_the_certificate_of_somebody_else_is_refused(
    served: Served, place: str, issuer: Certificate, version: ssl.TLSVersion
) -> None:
    """What is said of a port replaces the default: authorities of the one are strangers to the other."""
    assert await served.refusal(place, signed(issuer), version) == STRANGER


@pytest.mark.parametrize("place", ["default", "staff", "roots", "several"])
async def test_who_shows_none_is_refused(served: Served, place: str) -> None:
    assert await served.refusal(place) == NONE


async def test_who_shows_none_is_refused_by_tls_1_2_too(served: Served) -> None:
    assert await served.refusal("default", version=ssl.TLSVersion.TLSv1_2) == NONE_BEFORE_1_3


async def test_an_expired_certificate_of_a_client_is_refused(served: Served) -> None:
    assert await served.refusal("default", signed(PARTNERS, days=(-30, -1))) == EXPIRED


@pytest.mark.parametrize("shows", [None, signed(STRANGERS), signed(PARTNERS)], ids=["none", "strangers", "partners"])
async def test_with_insecure_fallback_everybody_gets_in(served: Served, shows: Certificate | None) -> None:
    assert await served.let_in("fallback", shows)


async def test_nobody_is_asked_where_nothing_is_said_and_over_http(served: Served) -> None:
    assert await served.let_in("everybody")
    assert (await ask(served.ports["plain"], Ask("/", HOST))).status == 200


@pytest.mark.parametrize("place", ["missing", "kind", "forbidden"])
@pytest.mark.parametrize("shows", [None, signed(PARTNERS)], ids=["none", "partners"])
async def test_without_an_authority_nobody_gets_in(served: Served, place: str, shows: Certificate | None) -> None:
    assert await served.refusal(place, shows) == "reset"


async def test_an_authority_that_comes_late_opens_and_one_that_goes_closes(served: Served) -> None:
    """It never falls open: without the authority nobody gets in, and no copy of it is kept."""
    assert await served.refusal("late", signed(STRANGERS)) == "reset"
    served.holds("late", STRANGERS)
    await served.comes_in("late", signed(STRANGERS))
    assert await served.refusal("late") == NONE
    served.holds("late")
    assert await served.refuses("late", signed(STRANGERS)) == "reset"
    assert await served.refusal("late") == "reset"


async def test_other_authorities_let_others_in_and_touch_no_connection(served: Served) -> None:
    updates = "listener_manager.listener_(modified|in_place_updated|added|removed)$"
    before = await served.admin.stats(updates)
    port = served.ports["default"]
    async with connected("127.0.0.1", port, Tls(HOST, shows=signed(PARTNERS))) as old:
        assert (await old.exchange(Ask("/", HOST))).status == 200
        served.holds("partners", STRANGERS)
        await served.comes_in("default", signed(STRANGERS))
        assert await served.refusal("default", signed(PARTNERS)) == STRANGER
        assert (await old.exchange(Ask("/", HOST))).status == 200
        assert not old.closing
    served.holds("partners", PARTNERS, STRANGERS)
    await served.comes_in("default", signed(PARTNERS))
    assert await served.let_in("default", signed(STRANGERS))
    served.holds("partners", PARTNERS)
    assert await served.refuses("default", signed(STRANGERS)) == STRANGER
    assert await served.admin.stats(updates) == before


async def test_a_session_from_before_gets_nobody_past_other_authorities(served: Served) -> None:
    """Who was let in once may take up the session again without a certificate: not after the authorities changed."""
    port, tls = served.ports["default"], Tls(HOST, shows=signed(PARTNERS), at_most=ssl.TLSVersion.TLSv1_2)
    session, _ = await asyncio.to_thread(resume, port, tls)
    assert await asyncio.to_thread(resume, port, tls, session) == (session, True)
    served.holds("partners", STRANGERS)
    await served.comes_in("default", signed(STRANGERS))
    with pytest.raises(ssl.SSLError, match=STRANGER):
        await asyncio.to_thread(resume, port, tls, session)
    served.holds("partners", PARTNERS)
    await served.comes_in("default", signed(PARTNERS))
