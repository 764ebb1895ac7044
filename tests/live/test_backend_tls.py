"""TLS towards backends by a real Envoy: what a policy asks for, what is never reached, and changes under load."""

from __future__ import annotations

import asyncio
import json
from contextlib import AsyncExitStack
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import grpc
import pytest
import pytest_asyncio
from cryptography import x509

from tests.certificates import Certificate, authority, curve_key
from tests.live import manifests as m
from tests.live.backends import Backend
from tests.live.calls import Call, call, channel, telling
from tests.live.http1 import Ask, ask
from tests.live.load import Traffic, load
from tests.live.polyglot import Secured, polyglot
from tests.live.product import answers, home, standalone
from tests.live.tls_clients import Tls, handshake
from tests.ports import free_port

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Mapping

    from tests.live.http1 import Answer
    from tests.live.manifests import Document
    from tests.live.polyglot import Polyglot
    from tests.live.product import Home

pytestmark = [pytest.mark.live, pytest.mark.asyncio(loop_scope="module")]

OURS, STRANGERS, MORE = (authority(name) for name in ("ours", "strangers", "more"))
URI = "spiffe://backend.test/one"


def signed(issuer: Certificate, *hostnames: str) -> Certificate:
    return Certificate(curve_key(), hostnames=hostnames, name="backend", issuer=issuer)


def with_uri(issuer: Certificate) -> Certificate:
    names = x509.SubjectAlternativeName([x509.DNSName("backend.test"), x509.UniformResourceIdentifier(URI)])
    return replace(signed(issuer), extensions=(names,))


NAMED = signed(OURS, "backend.test", "*.wild.test")


@dataclass(frozen=True, slots=True)
class Cast:
    """The backends: `stranger` has a certificate of somebody else, `plain` speaks no TLS.

    As `both` speaks either, it would tell of what is sent in plain text.
    """

    secure: Polyglot
    uri: Polyglot
    stranger: Polyglot
    more: Polyglot
    plain: Polyglot
    both: Polyglot
    calls: Backend


def alt(**names: str) -> list[Document]:
    """Give subjectAltNames."""
    return [{"type": "URI" if kind == "uri" else "Hostname", kind: name} for kind, name in names.items()]


@dataclass(frozen=True, slots=True)
class Case:
    """A backend of the cast, the policies of its Service, and what a request gets: over TLS, `plain`, or a status."""

    policies: tuple[Document, ...]
    backend: str = "secure"
    app_protocol: str = ""
    expected: str | int = "HTTP/1.1"


def policy(name: str, hostname: str, *refs: Document, **more: Any) -> Document:  # noqa: ANN401 (fields of YAML)
    return m.backend_tls_policy(name, hostname, *refs, **more)


def dated(document: Document, created: str) -> Document:
    return {**document, "metadata": {**document["metadata"], "creationTimestamp": created}}


CASES: Mapping[str, Case] = {
    "policy": Case((policy("policy", "backend.test"),)),
    "h2c": Case((policy("h2c", "backend.test"),), app_protocol="h2c", expected="HTTP/2"),
    "wss": Case((policy("wss", "backend.test"),), app_protocol="wss"),
    "wss-unverified": Case((), app_protocol="wss", expected=500),
    "alt": Case((policy("alt", "sni.test", subjectAltNames=alt(hostname="backend.test")),)),
    "alt-wild": Case((policy("alt-wild", "sni.test", subjectAltNames=alt(hostname="a.wild.test")),)),
    "alt-uri": Case((policy("alt-uri", "sni.test", subjectAltNames=alt(uri=URI)),), "uri"),
    "alt-any": Case((policy("alt-any", "sni.test", subjectAltNames=alt(hostname="wrong.test", uri=URI)),), "uri"),
    "alt-wrong": Case((policy("alt-wrong", "backend.test", subjectAltNames=alt(hostname="wrong.test")),), expected=503),
    "alt-wrong-uri": Case(
        (policy("alt-wrong-uri", "backend.test", subjectAltNames=alt(uri=URI + "/more")),), "uri", expected=503
    ),
    "wrong-name": Case((policy("wrong-name", "wrong.test"),), expected=503),
    "stranger": Case((policy("stranger", "backend.test"),), "stranger", expected=503),
    "other-authority": Case((policy("other-authority", "backend.test", m.ca("strangers")),), expected=503),
    "missing": Case((policy("missing", "backend.test", m.ca("nothing")),), "both", expected=503),
    "empty": Case((policy("empty", "backend.test", m.ca("empty")),), "both", expected=503),
    "kind": Case((policy("kind", "backend.test", m.ca("ours", "Service")),), "both", expected=503),
    "some": Case((policy("some", "backend.test", m.ca("nothing"), m.ca("ours")),)),
    "secret": Case((policy("secret", "backend.test", m.ca("more", "Secret")),), "more"),
    "bundle": Case((policy("bundle", "backend.test", m.ca("more", "ClusterTrustBundle")),), "more"),
    "together": Case((policy("together", "backend.test", m.ca("ours"), m.ca("more", "Secret")),), "more"),
    "system": Case((policy("system", "backend.test", wellKnownCACertificates="System"),), expected=503),
    "well-known": Case(
        (policy("well-known", "backend.test", wellKnownCACertificates="test/ours"),), "both", expected=503
    ),
    "plain": Case((policy("plain", "backend.test"),), "plain", expected=503),
    "conflict": Case(
        (
            dated(policy("a-young", "wrong.test", target="conflict"), "2026-01-02T00:00:00Z"),
            dated(policy("old", "backend.test", target="conflict"), "2026-01-01T00:00:00Z"),
        )
    ),
    "specific": Case(
        (policy("whole", "wrong.test", target="specific"), policy("own", "backend.test", target="specific", port="web"))
    ),
    "elsewhere": Case((policy("elsewhere", "backend.test", port="missing"),), "both", expected="plain"),
}


def service(name: str, port: int, app_protocol: str = "") -> list[Document]:
    found = m.service(name, port)
    spoken = {"appProtocol": f"kubernetes.io/{app_protocol}"} if app_protocol else {}
    found[0]["spec"]["ports"] = [{"name": "web", "port": 80, **spoken}]
    found[1]["ports"] = [{"name": "web", "port": port}]
    return found


def trust_bundle(name: str, pem: bytes) -> Document:
    spec = {"trustBundle": pem.decode()}
    return {
        "apiVersion": "certificates.k8s.io/v1",
        "kind": "ClusterTrustBundle",
        "metadata": {"name": name},
        "spec": spec,
    }


def stream_route(kind: str, name: str, backend: str, **spec: object) -> Document:
    return {
        "apiVersion": "gateway.networking.k8s.io/v1",
        "kind": kind,
        "metadata": {"name": name},
        "spec": {
            "parentRefs": [{"name": "edge", "sectionName": name}],
            "rules": [{"backendRefs": [{"name": backend, "port": 80}]}],
            **spec,
        },
    }


@dataclass(frozen=True, slots=True)
class Served:
    """A product: `port` speaks HTTP; `tcp`, `ended` and `passed` pass connections on."""

    home: Home
    port: int
    tcp: int
    ended: int
    passed: int
    cast: Cast

    async def ask(self, name: str) -> Answer:
        return await ask(self.port, Ask("/", f"{name}.test"))

    async def told(self, name: str) -> dict[str, Any]:
        """Ask, and give what the backend says."""
        answer = await self.ask(name)
        assert answer.status == 200, answer.text
        found: dict[str, Any] = json.loads(answer.body)
        return found

    async def becomes(self, name: str, *, tls: bool | None) -> None:
        """Wait until a backend is reached over TLS, in plain text, or (None) not at all."""

        def like_this(answer: Answer) -> bool:
            if tls is None or answer.status != 200:
                return tls is None and answer.status == 503
            return ("tls" in json.loads(answer.body)) == tls

        await answers(self.port, Ask("/", f"{name}.test"), like_this)


def documents(found: Served) -> list[Document]:
    cast = found.cast
    listeners = [
        m.listener(found.port),
        {**m.listener(found.tcp, name="tcp"), "protocol": "TCP"},
        {**m.https_listener(found.ended, "front", name="ended", hostname="front.test"), "protocol": "TLS"},
        {**m.listener(found.passed, name="passed"), "protocol": "TLS", "tls": {"mode": "Passthrough"}},
    ]
    front = Certificate(curve_key(), hostnames=("front.test",), name="front")
    ports = {name: getattr(cast, one.backend).port for name, one in CASES.items()}
    cases = [
        document
        for name, one in CASES.items()
        for document in (
            *service(name, ports[name], one.app_protocol),
            *one.policies,
            m.http_route(name, m.rule(m.to(name)), hostnames=[f"{name}.test"]),
        )
    ]
    auth = {"type": "ExternalAuth", "externalAuth": {"protocol": "HTTP", "http": {}}}
    mirror = {"type": "RequestMirror", "requestMirror": {"backendRef": {"name": "policy", "port": 80}}}
    return [
        m.gateway_class(),
        m.gateway(*listeners),
        m.tls_secret("front", (front.pem, front.key_pem)),
        m.authorities("ours", OURS.pem),
        m.authorities("strangers", STRANGERS.pem),
        m.authorities("more", MORE.pem, kind="Secret"),
        m.authorities("empty", b""),
        trust_bundle("more", MORE.pem),
        *cases,
        *m.service("open", cast.plain.port),
        *(
            m.http_route(
                f"asks-{name}",
                m.rule(m.to("open"), filters=[_asking(auth, name)]),
                hostnames=[f"asks-{name}.test"],
            )
            for name in ("policy", "wrong-name")
        ),
        m.http_route("copies", m.rule(m.to("open"), filters=[mirror]), hostnames=["copies.test"]),
        *service("calls", cast.calls.port),
        policy("calls", "backend.test"),
        m.grpc_route("calls", m.rule(m.to("calls")), hostnames=["calls.test"]),
        *service("calls-wrong", cast.calls.port),
        policy("calls-wrong", "wrong.test"),
        m.grpc_route("calls-wrong", m.rule(m.to("calls-wrong")), hostnames=["calls-wrong.test"]),
        stream_route("TCPRoute", "tcp", "policy"),
        stream_route("TLSRoute", "ended", "policy", hostnames=["front.test"]),
        stream_route("TLSRoute", "passed", "policy", hostnames=["backend.test"]),
        *service("changing", cast.both.port),
        m.http_route("changing", m.rule(m.to("changing")), hostnames=["changing.test"]),
        *service("repaired", cast.both.port),
        policy("repaired", "backend.test", m.ca("late")),
        m.http_route("repaired", m.rule(m.to("repaired")), hostnames=["repaired.test"]),
    ]


def _asking(auth: Document, name: str) -> Document:
    return {**auth, "externalAuth": {**auth["externalAuth"], "backendRef": {"name": name, "port": 80}}}


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def served() -> AsyncIterator[Served]:
    async with AsyncExitStack() as stack:
        where = await stack.enter_async_context(home())
        cast = Cast(
            await stack.enter_async_context(polyglot("secure", secured=Secured(shows=NAMED))),
            await stack.enter_async_context(polyglot("uri", secured=Secured(shows=with_uri(OURS)))),
            await stack.enter_async_context(
                polyglot("stranger", secured=Secured(shows=signed(STRANGERS, "backend.test")))
            ),
            await stack.enter_async_context(polyglot("more", secured=Secured(shows=signed(MORE, "backend.test")))),
            await stack.enter_async_context(polyglot("plain")),
            await stack.enter_async_context(polyglot("both", secured=Secured(shows=NAMED, plain_too=True))),
            await stack.enter_async_context(telling(Backend("calls"), NAMED)),
        )
        found = Served(where, free_port(), free_port(), free_port(), free_port(), cast)
        m.write(where.folder / "all.yaml", documents(found))
        await stack.enter_async_context(standalone(where, "--concurrency", "1"))
        await answers(found.port, Ask("/", "policy.test"), lambda answer: answer.status == 200)
        yield found


@pytest.mark.parametrize("name", CASES)
async def test_backend(served: Served, name: str) -> None:
    """Where the certificate is not the one that was asked for, that is told at once: neither 200 nor 408 nor 504."""
    expected = CASES[name].expected
    answer = await served.ask(name)
    if answer.status != 200:
        assert answer.status == expected
        return
    told = json.loads(answer.body)
    assert told["backend"] == CASES[name].backend
    assert ("plain" if "tls" not in told else told["protocol"]) == expected


async def test_the_hostname_is_asked_for_also_where_other_names_are_verified(served: Served) -> None:
    await served.told("policy")
    assert served.cast.secure.names[-1] == "backend.test"
    await served.told("alt-uri")
    assert "sni.test" in served.cast.uri.names


async def test_calls_are_verified_too(served: Served) -> None:
    async with channel(served.port, "calls.test") as opened:
        assert (await call(opened, Call("/shop.Cart/Add"))).backend == "calls"
    async with channel(served.port, "calls-wrong.test") as opened:
        assert (await call(opened, Call("/shop.Cart/Add"))).status is grpc.StatusCode.UNAVAILABLE


async def test_whoever_is_asked_is_verified(served: Served) -> None:
    assert (await served.ask("asks-policy")).status == 200
    assert (await served.ask("asks-wrong-name")).status == 503


async def test_copies_are_sent_over_tls(served: Served) -> None:
    served.cast.secure.hosts.clear()
    assert (await served.ask("copies")).status == 200
    async with asyncio.timeout(20):
        while not served.cast.secure.hosts:  # noqa: ASYNC110 (a copy comes when it comes)
            await asyncio.sleep(0.005)


async def test_connections_are_passed_on_over_tls(served: Served) -> None:
    assert "tls" in json.loads((await ask(served.tcp, Ask("/"))).body)
    assert "tls" in json.loads((await ask(served.ended, Ask("/"), tls=Tls("front.test"))).body)
    assert served.cast.secure.names[-1] == "backend.test"


async def test_tls_that_passes_through_gets_no_other_around_it(served: Served) -> None:
    tls = Tls("backend.test")
    shown = (await handshake(served.passed, tls)).certificate
    assert shown.public_key() == NAMED.key.public_key()
    assert json.loads((await ask(served.passed, Ask("/"), tls=tls)).body)["backend"] == "secure"


async def test_authorities_come_change_and_go(served: Served) -> None:
    """Never in plain text meanwhile."""
    file = served.home.folder / "late.yaml"
    assert (await served.ask("repaired")).status == 503
    m.write(file, [m.authorities("late", OURS.pem)])
    await served.becomes("repaired", tls=True)
    m.write(file, [m.authorities("late", STRANGERS.pem)])
    await served.becomes("repaired", tls=None)
    m.write(file, [m.authorities("late", STRANGERS.pem + OURS.pem)])
    await served.becomes("repaired", tls=True)
    file.unlink()
    await served.becomes("repaired", tls=None)


async def test_a_policy_comes_changes_and_goes_under_load_and_no_request_fails(served: Served) -> None:
    file = served.home.folder / "changing.yaml"
    traffic = Traffic([Ask("/", "changing.test")], served.port, rate=500)
    async with load(traffic, lambda answer: f"{answer.status} {'tls' in json.loads(answer.body)}") as tally:
        for hostname in ("backend.test", "a.wild.test", "backend.test"):
            m.write(file, [policy("changing", hostname)])
            await served.becomes("changing", tls=True)
        file.unlink()
        await served.becomes("changing", tls=False)
        m.write(file, [policy("changing", "backend.test")])
        await served.becomes("changing", tls=True)
        file.unlink()
        await served.becomes("changing", tls=False)
    assert not tally.failures, str(tally)
    assert {"200 True", "200 False"} <= set(tally.answers)
