"""Certificates that change while clients are there: rotated, spoiled, mended, permitted and not permitted any more."""

from __future__ import annotations

import asyncio
import datetime as dt
import json
from contextlib import AsyncExitStack
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

import pytest
import pytest_asyncio
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.x509 import load_pem_x509_certificate

from tests.certificates import NOW, Certificate, curve_key
from tests.live import manifests as m
from tests.live.backends import backend
from tests.live.http1 import Ask, ask, connected
from tests.live.load import Traffic, load
from tests.live.product import admin, answers, home, standalone
from tests.live.tls_clients import Tls, failure, handshake
from tests.ports import free_port

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from tests.live.envoy import Admin
    from tests.live.manifests import Document
    from tests.live.product import Home, Product

pytestmark = [pytest.mark.live, pytest.mark.asyncio(loop_scope="module")]

HOST = "a.test"
DRAIN_S = "2"
"""Envoy keeps what a filter chain has, secrets too, for as long as its last requests may take."""
ROTATIONS = 100
WRONG = 10
"""Of so many rotations one is a wrong key pair."""


class Pair(NamedTuple):
    """A certificate and its key, in PEM."""

    chain: bytes
    key: bytes


def made(host: str = HOST, seconds: float = 3600) -> Pair:
    """Make a certificate that is good for so long."""
    end = dt.datetime.now(dt.UTC) - NOW + dt.timedelta(seconds=seconds)
    one = Certificate(curve_key(), hostnames=(host,), name=host, days=(-1, end / dt.timedelta(days=1)))
    return Pair(one.pem, one.key_pem)


@dataclass
class Stage:
    """A product that serves `a.test` and `b.test` on one port, each with a certificate of its own.

    What it waits for is in another process, so that there is nothing to await but to ask again and again.
    """

    home: Home
    port: int
    product: Product
    admin: Admin
    listeners: tuple[Document, ...]

    def write(self, name: str, *documents: Document) -> None:
        m.write(self.home.folder / f"{name}.yaml", documents)

    def show(self, secret: str, pair: Pair, namespace: str = "default") -> None:
        self.write(f"secret-{namespace}-{secret}", m.tls_secret(secret, pair, namespace=namespace))

    def gateway(self, *more: Document) -> None:
        """Write the Gateway with its two listeners and these."""
        self.write("gateway", m.gateway(*self.listeners, *more))

    async def shows(self, wanted: bytes, host: str = HOST, within_s: float = 30.0) -> float:
        """Wait until a client is shown this certificate; give how long that took, in seconds."""
        fingerprint = load_pem_x509_certificate(wanted).fingerprint(SHA256())
        loop = asyncio.get_running_loop()
        start = loop.time()
        async with asyncio.timeout(within_s):
            while (await handshake(self.port, Tls(host))).certificate.fingerprint(SHA256()) != fingerprint:  # noqa: ASYNC110
                await asyncio.sleep(0.002)
        return loop.time() - start

    async def fails(self, host: str, within_s: float = 5.0) -> str:
        """Wait until a client is refused, and say how."""
        async with asyncio.timeout(within_s):
            while (said := await failure(self.port, Tls(host), within_s=0.2)) == "open":
                pass
        return said

    async def secrets(self) -> set[str]:
        """Name the secrets that Envoy holds, or waits for."""
        dumps = [json.loads(await self.admin.get(f"/config_dump?resource=dynamic_{one}_secrets")) for one in _SECRETS]
        return {one["name"] for dump in dumps for one in dump.get("configs", [])}


_SECRETS = ("active", "warming")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def on() -> AsyncIterator[Stage]:
    async with AsyncExitStack() as stack:
        where = await stack.enter_async_context(home())
        port = free_port()
        web = await stack.enter_async_context(backend("web"))
        route = m.http_route("all", m.rule(m.to("web")))
        m.write(where.folder / "base.yaml", [m.gateway_class(), *m.service("web", web.port), route])
        listeners = tuple(
            m.https_listener(port, host, name=host.replace(".", "-"), hostname=host) for host in (HOST, "b.test")
        )
        product = await stack.enter_async_context(standalone(where, "--concurrency", "1", "--drain-s", DRAIN_S))
        found = Stage(where, port, product, await stack.enter_async_context(admin(where)), listeners)
        found.gateway()
        for host in (HOST, "b.test"):
            found.show(host, made(host))
        for host in (HOST, "b.test"):
            await answers(port, Ask("/", host), lambda one: one.status == 200, tls=Tls(host))
        yield found


async def test_x19_a_hundred_rotations_under_load_fail_no_request_and_touch_no_connection(on: Stage) -> None:
    """X19: new handshakes are shown the new certificate, connections that are there live on; a hundred rotations under
    load fail no request, and a wrong key pair in between leaves the certificate before it in service."""
    updates = "listener_manager.listener_(modified|in_place_updated|added|removed)$"
    before, start = await on.admin.stats(updates), 0
    async with (
        connected("127.0.0.1", on.port, Tls(HOST)) as old,
        load(Traffic([Ask("/", HOST)], on.port, kept=4, new=2, rate=250, tls=Tls(HOST))) as tally,
    ):
        assert (await old.exchange(Ask("/", HOST))).status == 200
        good = b""
        for number in range(ROTATIONS):
            one = made()
            if good and number % WRONG == 0:
                on.show(HOST, Pair(one.chain, made().key))
                start, _ = await on.product.since(start, "InvalidCertificateRef", "is not the key", "serves on")
                await on.shows(good)
                continue
            good = one.chain
            on.show(HOST, one)
            await on.shows(good)
        assert (await old.exchange(Ask("/", HOST))).status == 200
        assert not old.closing
    assert not tally.failures, str(tally)
    assert tally.requests > ROTATIONS
    assert await on.admin.stats(updates) == before


async def test_a_bad_certificate_after_a_good_one_changes_nothing_for_clients_and_says_so(on: Stage) -> None:
    one = made()
    on.show(HOST, one)
    await on.shows(one.chain)
    begin = len(on.product.notices)
    on.show(HOST, Pair(one.chain[:200], one.key))
    _, said = await on.product.since(begin, "listener a-test: tls.certificateRefs[0]", "serves on")
    assert "InvalidCertificateRef" in said["message"]
    await on.shows(one.chain)
    on.show(HOST, one)
    await on.product.since(begin, "Gateway default/edge", "no problems any more")


async def test_p6_a_certificate_that_expires_is_shown_on_and_told_of_once(on: Stage) -> None:
    """P6: a certificate whose time runs out is served on, with a warning when it does and word when it is replaced."""
    begin = len(on.product.notices)
    on.show("b.test", old := made("b.test", seconds=2))
    await on.shows(old.chain, "b.test")
    number, said = await on.product.since(begin, "Secret default/b.test", "expired on", "it is served")
    assert said["level"] == "warning"
    assert (await ask(on.port, Ask("/", "b.test"), tls=Tls("b.test"))).status == 200
    on.show("b.test", made("b.test"))
    await on.product.since(number, "Secret default/b.test", "no expired certificate")
    assert sum("expired on" in one["message"] for one in on.product.notices[begin:]) == 1


@pytest.mark.alone
async def test_a_listener_without_a_certificate_holds_back_nobody_who_comes_with_it(on: Stage) -> None:
    """A chain that names a secret which never comes would hold back its whole port for as long as Envoy waits."""
    on.show("c.test", made("c.test"))
    on.gateway(
        m.https_listener(on.port, "never", name="never", hostname="never.test"),
        m.https_listener(on.port, "c.test", name="c", hostname="c.test"),
    )
    _, took_s = await answers(on.port, Ask("/", "c.test"), lambda one: one.status == 200, tls=Tls("c.test"))
    assert took_s < 1.5, "less than what Envoy waits for a secret"
    assert await failure(on.port, Tls("never.test")) == "reset"
    on.show("never", made("never.test"))
    await answers(on.port, Ask("/", "never.test"), lambda one: one.status == 200, tls=Tls("never.test"))
    on.gateway()


@pytest.mark.alone
async def test_a_grant_that_is_taken_away_stops_traffic_and_withdraws_the_secret(on: Stage) -> None:
    grant = on.home.folder / "grant.yaml"
    on.show("granted", made("granted.test"), namespace="vault")
    listener = m.https_listener(on.port, name="granted", hostname="granted.test")
    listener["tls"] = {"certificateRefs": [{"name": "granted", "namespace": "vault"}]}
    document = m.reference_grant("vault", kind="Gateway")
    document["spec"]["to"] = [{"group": "", "kind": "Secret", "name": "granted"}]
    m.write(grant, [document])
    on.gateway(listener)
    asked = Ask("/", "granted.test")
    await answers(on.port, asked, lambda one: one.status == 200, tls=Tls("granted.test"))
    assert "certificate/vault/granted" in await on.secrets()
    loop = asyncio.get_running_loop()
    start = loop.time()
    grant.unlink()
    assert await on.fails("granted.test") == "reset"
    async with asyncio.timeout(5):
        while "certificate/vault/granted" in await on.secrets():  # noqa: ASYNC110 # another process
            await asyncio.sleep(0.02)
    assert loop.time() - start < 5
    assert (await ask(on.port, Ask("/", HOST), tls=Tls(HOST))).status == 200
    on.gateway()
