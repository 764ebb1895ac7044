"""Certificates that backends are shown: by which Gateway, by an XBackend of its own, new ones, and never none."""

from __future__ import annotations

import asyncio
import json
from contextlib import AsyncExitStack
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pytest
import pytest_asyncio

from tests.certificates import Certificate, authority, curve_key
from tests.live import manifests as m
from tests.live.http1 import Ask, ask
from tests.live.load import Traffic, load
from tests.live.polyglot import Secured, polyglot
from tests.live.product import admin, answers, home, standalone
from tests.ports import free_port

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from tests.live.envoy import Admin
    from tests.live.http1 import Answer
    from tests.live.manifests import Document
    from tests.live.polyglot import Polyglot
    from tests.live.product import Home, Product

pytestmark = [pytest.mark.live, pytest.mark.asyncio(loop_scope="module")]

SERVERS, CLIENTS = authority("servers"), authority("clients")
GATEWAYS = {"edge": "127.0.0.1", "bare": "127.0.0.2", "guarded": "127.0.0.3", "lacking": "127.0.0.4"}
REFERENCES = {
    "edge": {"name": "edge"},
    "guarded": {"name": "guarded", "namespace": "vault"},
    "lacking": {"name": "nothing"},
}
CLOSING = (("x-close", "1"),)
"""Asks the backend to end the connection, so that the next request has a handshake of its own."""


def client(name: str) -> Certificate:
    return Certificate(curve_key(), hostnames=(), name=name, issuer=CLIENTS)


def secret(name: str, shown: Certificate, namespace: str = "default") -> Document:
    return m.tls_secret(name, (shown.pem, shown.key_pem), namespace=namespace)


def gateway(name: str, port: int) -> Document:
    found = m.gateway(m.listener(port), name=name)
    found["spec"]["addresses"] = [{"value": GATEWAYS[name]}]
    if name == "edge":
        found["spec"]["allowedListeners"] = {"namespaces": {"from": "Same"}}
    if name in REFERENCES:
        found["spec"]["tls"] = {"backend": {"clientCertificateRef": REFERENCES[name]}}
    return found


def route(name: str, backend: Document) -> Document:
    found = m.http_route(name, m.rule(backend), hostnames=[f"{name}.test"])
    found["spec"]["parentRefs"] = [{"name": one} for one in GATEWAYS]
    return found


def xbackend(name: str, port: int) -> Document:
    validation = {"hostname": "backend.test", "caCertificateRefs": [m.ca("ours")]}
    spec = {
        "type": "ExternalHostname",
        "externalHostname": {"hostname": "localhost"},
        "port": {"number": port},
        "tls": {"mode": "ClientAndServer", "clientCertificateRef": {"name": name}, "validation": validation},
    }
    group = "gateway.networking.x-k8s.io"
    return {"apiVersion": f"{group}/v1alpha1", "kind": "XBackend", "metadata": {"name": name}, "spec": spec}


def grant() -> Document:
    found = m.reference_grant("vault", kind="Gateway")
    return {**found, "spec": {**found["spec"], "to": [{"group": "", "kind": "Secret"}]}}


@dataclass(frozen=True, slots=True)
class Served:
    home: Home
    port: int
    more: int
    product: Product
    admin: Admin

    async def ask(self, gateway_: str, name: str = "asking") -> Answer:
        return await ask(self.port, Ask("/", f"{name}.test", headers=CLOSING), GATEWAYS[gateway_])

    async def shown(self, gateway_: str, name: str = "asking") -> str | int:
        """Say as whom a backend knows a Gateway, or with which status a request ends."""
        return _shown(await self.ask(gateway_, name))

    async def becomes(self, gateway_: str, expected: str | int) -> None:
        request = Ask("/", "asking.test", headers=CLOSING)
        await answers(self.port, request, lambda answer: _shown(answer) == expected, ip=GATEWAYS[gateway_])


def _shown(answer: Answer) -> str | int:
    return str(json.loads(answer.body).get("client")) if answer.status == 200 else answer.status


def listener_set(port: int) -> list[Document]:
    """Give a ListenerSet of Gateway `edge`, and a route of its own to a backend that must know who asks."""
    spec = {"parentRef": {"name": "edge"}, "listeners": [m.listener(port)]}
    api = "gateway.networking.k8s.io/v1"
    added = m.http_route("more", m.rule(m.to("asking")), hostnames=["asking.test"])
    added["spec"]["parentRefs"] = [{"kind": "ListenerSet", "name": "more"}]
    return [{"apiVersion": api, "kind": "ListenerSet", "metadata": {"name": "more"}, "spec": spec}, added]


def documents(port: int, asking: Polyglot, lenient: Polyglot, plain: Polyglot) -> list[Document]:
    return [
        m.gateway_class(),
        *(gateway(name, port) for name in GATEWAYS),
        m.authorities("ours", SERVERS.pem),
        secret("guarded", client("guarded"), "vault"),
        secret("own", client("own")),
        *m.service("asking", asking.port),
        m.backend_tls_policy("asking", "backend.test"),
        *m.service("lenient", lenient.port),
        m.backend_tls_policy("lenient", "backend.test"),
        route("lenient", m.to("lenient")),
        *m.service("plain", plain.port),
        xbackend("own", asking.port),
        route("asking", m.to("asking")),
        route("plain", m.to("plain")),
        route("own", {"group": "gateway.networking.x-k8s.io", "kind": "XBackend", "name": "own"}),
    ]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def served() -> AsyncIterator[Served]:
    async with AsyncExitStack() as stack:
        where = await stack.enter_async_context(home())
        shows = Certificate(curve_key(), hostnames=("backend.test",), name="backend", issuer=SERVERS)
        asking = await stack.enter_async_context(polyglot("asking", secured=Secured(shows=shows, lets_in=CLIENTS)))
        lenient = await stack.enter_async_context(polyglot("lenient", secured=Secured(shows=shows)))
        plain = await stack.enter_async_context(polyglot("plain"))
        port, more = free_port(), free_port()
        m.write(where.folder / "all.yaml", [*documents(port, asking, lenient, plain), *listener_set(more)])
        m.write(where.folder / "edge.yaml", [secret("edge", client("one"))])
        m.write(where.folder / "grant.yaml", [grant()])
        pool = ",".join(GATEWAYS.values())
        product = await stack.enter_async_context(standalone(where, "--concurrency", "1", "--addresses", pool))
        await answers(port, Ask("/", "asking.test"), lambda answer: answer.status == 200)
        yield Served(where, port, more, product, await stack.enter_async_context(admin(where)))


async def test_a_gateway_shows_its_certificate_and_another_does_not(served: Served) -> None:
    assert await served.shown("edge") == "one"
    assert await served.shown("bare") == 503


async def test_requests_of_a_listener_set_show_the_certificate_of_its_gateway(served: Served) -> None:
    answer = await ask(served.more, Ask("/", "asking.test", headers=CLOSING), GATEWAYS["edge"])
    assert _shown(answer) == "one"


async def test_an_xbackend_with_a_certificate_of_its_own_shows_that(served: Served) -> None:
    assert await served.shown("edge", "own") == "own"
    assert await served.shown("bare", "own") == "own"


async def test_without_the_certificate_backends_with_tls_are_not_reached_and_others_are(served: Served) -> None:
    assert await served.shown("lacking") == 503
    assert await served.shown("lacking", "lenient") == 503
    assert await served.shown("bare", "lenient") == "None"
    assert (await served.ask("lacking", "plain")).status == 200


async def test_new_certificates_are_shown_and_no_request_fails(served: Served) -> None:
    """Also where a wrong key pair comes in between: what was good serves on."""
    file, wrong = served.home.folder / "edge.yaml", client("wrong").key_pem
    traffic = Traffic([Ask("/", "asking.test"), Ask("/", "asking.test", headers=CLOSING)], served.port, rate=300)
    before, heard = await served.shown("edge"), len(served.product.notices)
    async with load(traffic) as tally:
        for name in ("two", "three"):
            m.write(file, [m.tls_secret("edge", (client(name).pem, wrong))])
            heard, _ = await served.product.since(heard, "clientCertificateRef", "serves on")
            assert await served.shown("edge") == before
            m.write(file, [secret("edge", client(name))])
            await served.becomes("edge", name)
            before = name
    assert not tally.failures, str(tally)


async def test_a_grant_that_is_taken_away_withdraws_the_certificate_within_five_seconds(served: Served) -> None:
    file = served.home.folder / "grant.yaml"
    assert await served.shown("guarded") == "guarded"
    assert "certificate/vault/guarded" in await served.admin.names("dynamic_active_secrets")
    file.unlink()
    async with asyncio.timeout(5):
        await served.becomes("guarded", 503)
        assert await served.shown("guarded", "lenient") == 503
        while "certificate/vault/guarded" in await served.admin.names("dynamic_active_secrets"):  # noqa: ASYNC110
            await asyncio.sleep(0.01)
    m.write(file, [grant()])
    await served.becomes("guarded", "guarded")
