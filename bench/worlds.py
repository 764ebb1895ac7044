"""Configurations of a size: N HTTPRoutes, two to a hostname, all to one backend."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.live import manifests as m
from xdsserver.objects.decode import decode
from xdsserver.objects.kinds import BY_NAME
from xdsserver.objects.meta import Name

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from xdsserver.objects.meta import KubeObject
    from xdsserver.reconciler import ObjectChange

STAMP = "x-version"
"""The header that a changed route sets, and that the backend tells."""


def base(port: int, backend_port: int) -> list[m.Document]:
    """Give all but the routes: a Gateway on a port, and a Service with one endpoint."""
    return [m.gateway_class(), m.gateway(m.listener(port)), *m.service("web", backend_port)]


def host(number: int) -> str:
    """Give the hostname of a route."""
    return f"h{number // 2}.test"


def path(number: int) -> str:
    """Give the path of a route."""
    return f"/r{number % 2}"


def route(number: int, stamp: str) -> m.Document:
    """Give a route that sets the stamp."""
    edit = m.request_headers(set_=[(STAMP, stamp)])
    rule = m.rule(m.to("web"), matches=[m.path(path(number))], filters=[edit])
    return m.http_route(f"r{number}", rule, hostnames=[host(number)])


def routes(count: int) -> Iterator[m.Document]:
    """Give as many routes."""
    return (route(number, "start") for number in range(count))


def with_services(count: int) -> list[m.Document]:
    """Give a Gateway and as many routes, each to a Service of its own."""
    found = [m.gateway_class(), m.gateway(m.listener(80))]
    for number in range(count):
        rule = m.rule(m.to(f"s{number}"), matches=[m.path(path(number))])
        found += m.service(f"s{number}", 9000)
        found.append(m.http_route(f"r{number}", rule, hostnames=[host(number)]))
    return found


def change(document: m.Document) -> ObjectChange:
    """Turn a document into the change of an object."""
    kind, metadata = BY_NAME[document["kind"]], document["metadata"]
    namespace = metadata.get("namespace", "default") if kind.namespaced else ""
    whole = {**document, "metadata": {**metadata, "namespace": namespace}}
    found: KubeObject = decode(kind, whole)
    return kind.name, Name(namespace, metadata["name"]), found


def changes(documents: Iterable[m.Document]) -> list[ObjectChange]:
    """Turn documents into changes."""
    return [change(document) for document in documents]
