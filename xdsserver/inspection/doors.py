"""Where a request comes in: the bind of its port, and the filter chain that the name in its handshake leads to."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

from envoy.config.listener.v3.listener_components_pb2 import FilterChain
from envoy.extensions.filters.network.http_connection_manager.v3.http_connection_manager_pb2 import (
    HttpConnectionManager,
)
from envoy.extensions.filters.network.tcp_proxy.v3.tcp_proxy_pb2 import TcpProxy

from xdsserver.gatewayapi import hostnames
from xdsserver.inspection.requests import without_port
from xdsserver.model.places import Bind, ChainKey, Refusal
from xdsserver.translation.layout import HostKey, listed_domains

if TYPE_CHECKING:
    from collections.abc import Iterator

    from xdsserver.inspection.requests import Request
    from xdsserver.model.places import ListenerKey, PortKey
    from xdsserver.pipeline import Pipeline
    from xdsserver.translation.layout import Host


_LONGEST = 254
"""Characters of the longest hostname, and a part of the label before it."""


@dataclass(frozen=True, slots=True)
class Stream:
    """Connections that are passed on whole, to clusters by weight."""

    clusters: tuple[tuple[str, int], ...]


@dataclass(frozen=True, slots=True)
class Door:
    """A bind and the filter chain that a request meets there; without `chain` nothing takes the connection.

    `manager` is the connection manager of a chain for HTTP, `stream` what happens to connections that are for something
    else; `why` says what is wrong where there is something. `others` are binds that have the port too.
    """

    bind: Bind | None
    chain: ChainKey | None = None
    manager: HttpConnectionManager | None = None
    stream: Stream | None = None
    why: str = ""
    others: tuple[str, ...] = ()


class _Candidate(NamedTuple):
    """A bind, and how far from the hostname the most specific name is that it answers for."""

    distance: int
    bind: Bind
    chain: ChainKey | None


def door(pipeline: Pipeline, request: Request) -> Door:
    """Find where a request comes in; of several binds of its port the one that knows its hostname best."""
    binds = dict.fromkeys(bind for _, bind in _bound(pipeline, request))
    if not binds:
        return Door(None, why=_nothing_there(pipeline, request))
    first, *others = sorted(_candidate(pipeline, request, bind) for bind in binds)
    names = tuple(str(one.bind) for one in others)
    if first.chain is None:
        return Door(first.bind, why=_no_chain(pipeline, request, first.bind), others=names)
    chain = FilterChain.FromString(pipeline.chains.rows[first.chain].body)
    manager = HttpConnectionManager()
    if chain.filters[0].typed_config.Unpack(manager):
        if request.scheme == "https" and not first.chain.hostname:
            return Door(first.bind, why=_no_chain(pipeline, request, first.bind), others=names)
        return Door(first.bind, first.chain, manager, others=names)
    return Door(first.bind, first.chain, stream=_stream(chain), others=names)


def names_for(host: str) -> Iterator[str]:
    """Give a host and what may cover it, the most specific first; of a very long one what is short enough to exist."""
    yield host
    covers = hostnames.covering(host[-_LONGEST:])
    next(covers)
    yield from covers


def virtual_host(pipeline: Pipeline, chain: ChainKey, host: str) -> tuple[str, Host] | None:
    """Find the virtual host of a chain that answers for a host, as Envoy does: the most specific name wins."""
    elsewhere = pipeline.hosts.rows.get(HostKey(chain, ""))
    listed = listed_domains(elsewhere) if elsewhere is not None else frozenset[str]()
    for name in names_for(host):
        found = pipeline.hosts.rows.get(HostKey(chain, name))
        if found is not None:
            return name, found
        if elsewhere is not None and name in listed:
            return name, elsewhere
    return None


def listener_of(pipeline: Pipeline, chain: ChainKey, hostname: str) -> ListenerKey | None:
    """Give the listener whose hostname, or the closest that covers it, this is."""
    names = hostnames.covering(chain.hostname or hostname)
    found = (pipeline.listeners_at.rows.get((chain.bind, name)) for name in names)
    return next((keys[0] for keys in found if keys), None)


def _bound(pipeline: Pipeline, request: Request) -> Iterator[tuple[PortKey, Bind]]:
    """Give the binds of a port of listeners, or else those that are really open there."""
    asked = [
        (key, bind)
        for key, bind in pipeline.bindings.rows.items()
        if isinstance(bind, Bind) and key.transport == "TCP" and request.gateway in (None, key.gateway)
        if request.address in ("", bind.ip, *pipeline.gateway_addresses.rows.get(key.gateway, ()))
    ]
    return iter(
        [one for one in asked if one[0].port == request.port] or [one for one in asked if one[1].port == request.port]
    )


def _candidate(pipeline: Pipeline, request: Request, bind: Bind) -> _Candidate:
    chain = _chain(pipeline, request, bind)
    if chain is None:
        return _Candidate(len(request.host or "") + 2, bind, None)
    host = without_port(request.host or "").lower().removesuffix(".")
    names = list(names_for(host))
    found = virtual_host(pipeline, chain, host)
    return _Candidate(names.index(found[0]) if found is not None else len(names), bind, chain)


def _chain(pipeline: Pipeline, request: Request, bind: Bind) -> ChainKey | None:
    """Choose as Envoy does: the most specific name that covers the SNI; where nobody looks at it there is one chain."""
    names = names_for(request.sni) if request.sni else (hostnames.ANY,)
    found = (ChainKey(bind, name) for name in (*(names if request.scheme == "https" else ()), ""))
    return next((key for key in found if key in pipeline.chains.rows), None)


def _stream(chain: FilterChain) -> Stream:
    proxy = TcpProxy()
    chain.filters[0].typed_config.Unpack(proxy)
    if proxy.cluster:
        return Stream(((proxy.cluster, 1),))
    return Stream(tuple((one.name, one.weight) for one in proxy.weighted_clusters.clusters))


def _nothing_there(pipeline: Pipeline, request: Request) -> str:
    refused = next(
        (
            row.message
            for key, row in pipeline.bindings.rows.items()
            if key.port == request.port and isinstance(row, Refusal)
        ),
        "",
    )
    if refused:
        return f"port {request.port} is not open: {refused}"
    ports = sorted({key.port for key, row in pipeline.bindings.rows.items() if isinstance(row, Bind)})
    there = f"listeners are on {', '.join(map(str, ports))}" if ports else "no listener is served"
    return f"nothing listens on port {request.port}; {there}"


def _no_chain(pipeline: Pipeline, request: Request, bind: Bind) -> str:
    plain = ChainKey(bind, "") in pipeline.chains.rows
    if request.scheme == "https":
        if plain:
            return f"port {request.port} speaks plain HTTP, and the client begins with TLS"
        named = f"for {request.sni}" if request.sni else "for clients that name no host (SNI)"
        return f"no listener on port {request.port} has a certificate {named}; the handshake fails"
    return f"port {request.port} speaks TLS, and the client begins with plain HTTP"
