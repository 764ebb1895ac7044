"""ListenerSets through a real Envoy: whose listeners a Gateway serves, who wins a place, whom a route reaches."""

from __future__ import annotations

import asyncio
import ssl
from contextlib import AsyncExitStack, suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple, TypeAlias

import pytest
import pytest_asyncio

from tests.certificates import Certificate, curve_key
from tests.live import manifests as m
from tests.live.backends import backend, seen
from tests.live.http1 import Ask, ask
from tests.live.product import answers, home, standalone
from tests.ports import free_port

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Mapping

    from tests.live.http1 import Answer
    from tests.live.manifests import Document
    from tests.live.product import Home

pytestmark = [pytest.mark.live, pytest.mark.asyncio(loop_scope="module")]

NAMES = ("a", "b")
OPEN, CLOSED, SAME, SELECTED = "127.0.0.1", "127.0.0.2", "127.0.0.3", "127.0.0.4"
"""The Gateways, by whose ListenerSets they allow: all, none, those of their namespace, by a label of the namespace."""
ADDRESSES = {"open": OPEN, "closed": CLOSED, "same": SAME, "selected": SELECTED}

ALLOWED: Mapping[str, Document] = {
    "open": {"allowedListeners": {"namespaces": {"from": "All"}}},
    "closed": {},
    "same": {"allowedListeners": {"namespaces": {"from": "Same"}}},
    "selected": {
        "allowedListeners": {"namespaces": {"from": "Selector", "selector": {"matchLabels": {"listeners": "welcome"}}}}
    },
}

Expected: TypeAlias = str | int
"""The backend that answers, or the status where none does."""


def gateway(name: str, port: int, tls_port: int) -> Document:
    """Give a Gateway with two listeners of its own, and the address of its name."""
    own = m.listener(port, hostname=f"own.{name}.test")
    found = m.gateway(own, https("secure", tls_port, f"own-tls.{name}.test", "front"), name=name)
    found["spec"] |= ALLOWED[name]
    found["spec"]["addresses"] = [{"value": ADDRESSES[name]}]
    return found


def listener_set(
    name: str, *listeners: Document, of: str = "open", namespace: str = "default", year: int = 2026
) -> Document:
    metadata = {"name": name, "namespace": namespace, "creationTimestamp": f"{year}-01-01T00:00:00Z"}
    spec = {"parentRef": {"name": of, "namespace": "default"}, "listeners": list(listeners)}
    return {"apiVersion": "gateway.networking.k8s.io/v1", "kind": "ListenerSet", "metadata": metadata, "spec": spec}


def https(name: str, port: int, hostname: str, secret: str, **reference: str) -> Document:
    tls = {"certificateRefs": [{"name": secret, **reference}]}
    return {"name": name, "port": port, "protocol": "HTTPS", "hostname": hostname, "tls": tls}


def route(name: str, to: str, *parents: Document, namespace: str = "default", path: str = "/") -> Document:
    """Give a route with these parents; backends are in the default namespace."""
    rule = m.rule(m.to(to, namespace="default"), matches=[m.path(path)])
    found = m.http_route(name, rule)
    return {
        **found,
        "metadata": {"name": name, "namespace": namespace},
        "spec": {**found["spec"], "parentRefs": list(parents)},
    }


def of_set(name: str, namespace: str = "default", **more: str) -> Document:
    return {"kind": "ListenerSet", "name": name, "namespace": namespace, **more}


def of_gateway(name: str, **more: str) -> Document:
    return {"name": name, "namespace": "default", **more}


def from_all(listener: Document) -> Document:
    return {**listener, "allowedRoutes": {"namespaces": {"from": "All"}}}


def asking(listener: Document) -> Document:
    """Let a listener ask Service `b` of the default namespace, which says yes to everything."""
    auth = {"protocol": "HTTP", "http": {}, "backendRef": {"name": "b", "namespace": "default", "port": 80}}
    return {**listener, "filters": {"requests": [{"type": "ExternalAuth", "externalAuth": auth}]}}


def grant(name: str, kind: str, namespace: str, to: str) -> Document:
    """Let a kind of a namespace refer to a kind in the default namespace."""
    found = m.reference_grant("default", namespace, kind)
    spec = {**found["spec"], "to": [{"group": "", "kind": to}]}
    return {**found, "metadata": {"name": name, "namespace": "default"}, "spec": spec}


def certificate(name: str, *hostnames: str) -> Document:
    made = Certificate(curve_key(), hostnames=hostnames)
    return {
        "apiVersion": "v1",
        "kind": "Secret",
        "type": "kubernetes.io/tls",
        "metadata": {"name": name},
        "stringData": {"tls.crt": made.pem.decode(), "tls.key": made.key_pem.decode()},
    }


def namespaces(*welcome: str) -> list[Document]:
    return [
        {
            "apiVersion": "v1",
            "kind": "Namespace",
            "metadata": {"name": name, "labels": {"listeners": "welcome" if name in welcome else "not"}},
        }
        for name in ("red", "blue")
    ]


def sets(ports: Ports) -> list[Document]:
    """Give the sets; what wins says so in the name of its backend, since routes of losers lead to the other one."""

    port, tls_port, contested, filtered = ports

    def http(name: str, hostname: str, number: int = port) -> Document:
        return m.listener(number, name=name, hostname=hostname)

    contended = [
        listener_set(
            "older", http("own", "own.open.test"), http("place", "place.test"), http("x", "older.test"), year=2020
        ),
        listener_set("younger", http("place", "place.test"), http("x", "younger.test"), year=2021),
        *(listener_set("twin", from_all(http("x", "twin.test")), namespace=team) for team in ("red", "blue")),
        listener_set(
            "mixed",
            https("tls", port, "mixed.test", "front"),
            http("x", "mixed.test"),
            {"name": "tcp", "port": port, "protocol": "TCP"},
        ),
        listener_set(
            "siblings",
            http("a", "siblings.test", contested),
            https("b", contested, "siblings.test", "front"),
            year=2020,
        ),
        listener_set("patient", http("x", "patient.test", contested), year=2021),
        listener_set("filtered", asking({"name": "tcp", "port": filtered, "protocol": "TCP"})),
        listener_set("apart", http("a", "apart.test", tls_port), http("x", "apart.test")),
    ]
    return [
        listener_set("shop", http("http", "shop.test"), http("extra", "extra.test")),
        listener_set("team", http("near", "near.test"), from_all(http("http", "far.test")), namespace="red"),
        listener_set("kinds", {**http("x", "kinds.test"), "allowedRoutes": {"kinds": [{"kind": "GRPCRoute"}]}}),
        listener_set("closed", http("x", "closed.test"), of="closed"),
        listener_set("here", http("x", "here.test"), of="same"),
        listener_set("there", from_all(http("x", "there.test")), of="same", namespace="red"),
        *(
            listener_set("chosen", from_all(http("x", f"{team}.chosen.test")), of="selected", namespace=team)
            for team in ("red", "blue")
        ),
        *contended,
        listener_set("partly", https("bad", tls_port, "bad.test", "missing"), http("x", "partly.test")),
        listener_set("granted", https("x", tls_port, "granted.test", "front", namespace="default"), namespace="red"),
        listener_set(
            "ungranted", https("x", tls_port, "ungranted.test", "front", namespace="default"), namespace="blue"
        ),
        *(
            listener_set("asked", asking(from_all(http("x", f"{team}.asked.test"))), namespace=team)
            for team in ("red", "blue")
        ),
        {
            **listener_set("nested", http("x", "nested.test")),
            "spec": {"parentRef": {"kind": "ListenerSet", "name": "shop"}, "listeners": [http("x", "nested.test")]},
        },
        {
            **listener_set("itself", http("x", "itself.test")),
            "spec": {"parentRef": {"kind": "ListenerSet", "name": "itself"}, "listeners": [http("x", "itself.test")]},
        },
        listener_set("lost", http("x", "lost.test"), of="refused"),
        listener_set("waiting", http("x", "waiting.test"), of="elsewhere"),
    ]


def routes() -> list[Document]:
    simple = ("closed", "here", "kinds", "mixed", "apart", "partly", "nested", "itself", "lost", "waiting")
    return [
        route("own", "b", of_gateway("open")),
        route("all", "a", of_gateway("open", sectionName="secure"), of_set("shop"), path="/everywhere"),
        route("shop", "a", of_set("shop", sectionName="http")),
        route(
            "extra-of-gateway",
            "b",
            of_gateway("open", sectionName="extra"),
            of_set("shop", sectionName="extra"),
            path="/independent",
        ),
        route("near", "a", of_set("team", "red"), namespace="red", path="/near"),
        route("far", "b", of_set("team", "red"), path="/far"),
        *(route(name, "a", of_set(name)) for name in simple),
        *(
            route(f"{name}-{team}", "a", of_set(name, team))
            for name in ("chosen", "twin", "asked")
            for team in ("red", "blue")
        ),
        route("there", "a", of_set("there", "red")),
        route("older", "a", of_set("older")),
        route("younger", "b", of_set("younger")),
        *(
            route("tls", "a", of_set(name, team), namespace=team)
            for name, team in (("granted", "red"), ("ungranted", "blue"))
        ),
    ]


class Ports(NamedTuple):
    """What Gateways have themselves, plain and with TLS, and what only sets ask for: in vain, both of them."""

    plain: int
    tls: int
    contested: int
    filtered: int


@dataclass(frozen=True, slots=True)
class Served:
    where: Home
    ports: Ports

    @property
    def port(self) -> int:
        return self.ports.plain


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def served() -> AsyncIterator[Served]:
    async with AsyncExitStack() as stack:
        where = await stack.enter_async_context(home())
        ports = Ports(*(free_port() for _ in Ports._fields))
        port, tls_port, *_ = ports
        backends = [await stack.enter_async_context(backend(name)) for name in NAMES]
        services = [document for one in backends for document in m.service(one.name, one.port)]
        refused = m.gateway(m.listener(port), name="refused")
        refused["spec"] |= {
            "addresses": [{"type": "Hostname", "value": "x.test"}],
            "allowedListeners": {"namespaces": {"from": "All"}},
        }
        elsewhere = m.gateway(m.listener(port), name="elsewhere")
        elsewhere["spec"] |= {
            "addresses": [{"value": "192.0.2.1"}],
            "allowedListeners": {"namespaces": {"from": "All"}},
        }
        default = gateway("same", port, tls_port)
        default["spec"]["defaultScope"] = "All"
        gateways = [gateway(name, port, tls_port) for name in ("open", "closed", "selected")]
        grants = [
            grant("red-routes", "HTTPRoute", "red", "Service"),
            grant("blue-routes", "HTTPRoute", "blue", "Service"),
            grant("red-sets", "ListenerSet", "red", "Service"),
            grant("red-keys", "ListenerSet", "red", "Secret"),
            grant("blue-keys", "Gateway", "blue", "Secret"),
        ]
        front = certificate("front", "own-tls.open.test", "granted.test")
        m.write(
            where.folder / "base.yaml",
            [m.gateway_class(), *gateways, default, refused, elsewhere, front, *grants, *services],
        )
        m.write(where.folder / "namespaces.yaml", namespaces("red"))
        m.write(where.folder / "sets.yaml", sets(ports))
        by_default = m.http_route("by-default", m.rule(m.to("b"), matches=[m.path("/default")]))
        by_default["spec"] = {"useDefaultGateways": "All", "rules": by_default["spec"]["rules"]}
        m.write(where.folder / "routes.yaml", [*routes(), by_default])
        await stack.enter_async_context(
            standalone(where, "--concurrency", "1", "--addresses", ",".join(ADDRESSES.values()))
        )
        await answers(port, Ask("/", "own.open.test"), lambda answer: answer.status == 200)
        for name, ip in ADDRESSES.items():
            await answers(port, Ask("/", f"own.{name}.test"), lambda answer: answer.status in (200, 404), ip=ip)
        yield Served(where, ports)


def met(answer: Answer) -> Expected:
    return seen(answer).backend if answer.status == 200 else answer.status


REQUESTS: list[tuple[str, str, str, Expected]] = [
    # Listeners of sets beside those of their Gateway.
    (OPEN, "own.open.test", "/", "b"),
    (OPEN, "shop.test", "/", "a"),
    (OPEN, "shop.test", "/everywhere", "a"),
    # A parentRef to the Gateway leads to none of them, one to a set to none of the Gateway's.
    (OPEN, "extra.test", "/", 404),
    (OPEN, "extra.test", "/independent", "b"),
    (OPEN, "own.open.test", "/independent", "b"),
    (OPEN, "own.open.test", "/everywhere", "b"),
    # Whose sets may attach.
    (CLOSED, "own.closed.test", "/", 404),
    (CLOSED, "closed.test", "/", 404),
    (SAME, "here.test", "/", "a"),
    (SAME, "there.test", "/", 404),
    (SELECTED, "red.chosen.test", "/", "a"),
    # Routes are near or far from the set, not from its Gateway.
    (OPEN, "near.test", "/near", "a"),
    (OPEN, "near.test", "/far", 404),
    (OPEN, "far.test", "/near", "a"),
    (OPEN, "far.test", "/far", "b"),
    (OPEN, "kinds.test", "/", 404),
    # Conflicts: who is first is not touched, who is later loses that listener only.
    (OPEN, "older.test", "/", "a"),
    (OPEN, "place.test", "/", "a"),
    (OPEN, "younger.test", "/", "b"),
    (OPEN, "mixed.test", "/", "a"),
    (OPEN, "apart.test", "/", "a"),
    (OPEN, "partly.test", "/", "a"),
    # Filters of listeners: with a grant to ListenerSets, and without.
    (OPEN, "red.asked.test", "/", "a"),
    (OPEN, "blue.asked.test", "/", 500),
    # Parents that are no Gateways.
    (OPEN, "nested.test", "/", 404),
    (OPEN, "itself.test", "/", 404),
    # Default Gateways.
    (SAME, "own.same.test", "/default", "b"),
    (SAME, "here.test", "/default", "a"),
]


@pytest.mark.parametrize("request_", REQUESTS, ids=lambda one: f"{one[1]}{one[2]}")
async def test_request(served: Served, request_: tuple[str, str, str, Expected]) -> None:
    ip, host, path, expected = request_
    assert met(await ask(served.port, Ask(path, host), ip)) == expected


@pytest.mark.parametrize("host", ["lost.test", "waiting.test"])
async def test_sets_of_a_gateway_that_is_not_served_are_served_nowhere(served: Served, host: str) -> None:
    found = [met(await ask(served.port, Ask("/", host), ip)) for ip in ADDRESSES.values()]
    assert found == [404] * len(ADDRESSES)


async def test_of_two_sets_of_one_age_the_first_name_wins(served: Served) -> None:
    """Namespace blue comes before red; while it is there red has nothing of the hostname."""
    assert met(await ask(served.port, Ask("/", "twin.test"))) == "a"
    notice = (served.where.folder / "routes.yaml").read_text()
    m.write(served.where.folder / "routes.yaml", [one for one in routes() if one["metadata"]["name"] != "twin-blue"])
    await answers(served.port, Ask("/", "twin.test"), lambda answer: answer.status == 404)
    (served.where.folder / "routes.yaml").write_text(notice)
    await answers(served.port, Ask("/", "twin.test"), lambda answer: answer.status == 200)


async def test_siblings_that_cannot_be_told_apart_leave_their_place_to_nobody(served: Served) -> None:
    """Neither of them has the port, and no later set either: nobody is to get their clients by their mistake."""
    with pytest.raises(ConnectionRefusedError):
        await ask(served.ports.contested, Ask("/", "patient.test"))


async def test_filters_on_a_protocol_without_requests_close_its_listener(served: Served) -> None:
    """Without its filters it would be open to all."""
    with pytest.raises(ConnectionRefusedError):
        await ask(served.ports.filtered, Ask("/", "filtered.test"))


async def over_tls(served: Served, hostname: str) -> bytes | None:
    """Give the status line that a client gets that names a host in its handshake, None where it is turned away."""
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    with suppress(OSError, EOFError):
        async with asyncio.timeout(20):
            reader, writer = await asyncio.open_connection(
                OPEN, served.ports.tls, ssl=context, server_hostname=hostname
            )
            try:
                writer.write(f"GET / HTTP/1.1\r\nhost: {hostname}\r\n\r\n".encode())
                return await reader.readline()
            finally:
                writer.close()
    return None


async def test_a_certificate_of_another_namespace_needs_a_grant_to_listener_sets(served: Served) -> None:
    """A grant to Gateways is none for the ListenerSets of the same namespace; who has none is turned away alone."""
    found = {host: await over_tls(served, host) for host in ("granted.test", "ungranted.test", "bad.test")}
    assert found == {"granted.test": b"HTTP/1.1 200 OK\r\n", "ungranted.test": None, "bad.test": None}


async def test_a_relabelled_namespace_gains_and_loses_its_listeners(served: Served) -> None:
    file = served.where.folder / "namespaces.yaml"
    red, blue = (Ask("/", f"{team}.chosen.test") for team in ("red", "blue"))
    assert met(await ask(served.port, blue, SELECTED)) == 404
    m.write(file, namespaces("blue"))
    await answers(served.port, blue, lambda answer: answer.status == 200, ip=SELECTED)
    await answers(served.port, red, lambda answer: answer.status == 404, ip=SELECTED)
    m.write(file, namespaces("red"))
    await answers(served.port, red, lambda answer: answer.status == 200, ip=SELECTED)


async def test_a_place_goes_to_the_next_when_its_first_parent_leaves(served: Served) -> None:
    file = served.where.folder / "sets.yaml"
    all_sets = sets(served.ports)
    place = Ask("/", "place.test")
    m.write(file, [one for one in all_sets if one["metadata"]["name"] != "older"])
    await answers(served.port, place, lambda answer: met(answer) == "b")
    m.write(file, all_sets)
    await answers(served.port, place, lambda answer: met(answer) == "a")
