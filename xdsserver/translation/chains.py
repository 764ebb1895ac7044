"""Filter chains: what an Envoy does with the connections of a bind, chosen by the name in their TLS handshake (SNI)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from envoy.config.listener.v3.listener_components_pb2 import FilterChain
from envoy.extensions.filters.network.tcp_proxy.v3.tcp_proxy_pb2 import TcpProxy

from xdsserver.gatewayapi.hostnames import ANY
from xdsserver.model.profiles import Profile
from xdsserver.translation.connection_manager import connection_manager
from xdsserver.translation.downstream_tls import transport_socket
from xdsserver.translation.edge import CONNECT_ATTEMPTS, HANDSHAKE_TIMEOUT, STREAM_IDLE, with_defaults
from xdsserver.translation.layout import route_configuration_name
from xdsserver.xds.fragments import NOBODY, Section
from xdsserver.xds.protobuf import length_prefix

if TYPE_CHECKING:
    from collections.abc import Iterable

    from xdsserver.model.places import ChainKey
    from xdsserver.model.routing import Share
    from xdsserver.model.tls import Termination
    from xdsserver.model.tracing import Tracing
    from xdsserver.xds.fragments import Owner

_FILTER_CHAINS = 3
"""Field number of Listener.filter_chains."""

NOWHERE = "xdsserver.nowhere"
"""A cluster that never exists: a connection that is sent there is reset, and a datagram is dropped."""


@dataclass(frozen=True, slots=True)
class Chain:
    """A piece of a serialised Listener, and the clusters that it names itself (those of its routes are not among them).

    It is a filter chain, or for datagrams, which have none, the listener filter that passes them on.

    `owner` is who is to blame where an Envoy rejects it: a listener, or the route that all of its connections go to;
    nobody where several listeners share it, or it does nothing. The message of a filter chain begins at `body_at`.
    """

    wire: bytes
    clusters: frozenset[str] = frozenset()
    owner: Owner = NOBODY
    body_at: int = 0

    @property
    def body(self) -> bytes:
        """The message by itself."""
        return self.wire[self.body_at :]


@dataclass(frozen=True, slots=True)
class HttpSettings:
    """What connection managers differ in.

    `listener_filters` is how many filters the listener with most of them has, `tracing` what is told of requests, and
    `profile` what clients are taken for.
    """

    listener_filters: int
    tracing: Tracing | None = None
    profile: Profile = Profile.EDGE


def http_chain(key: ChainKey, settings: HttpSettings, termination: Termination | None, owner: Owner) -> Chain:
    """Serve HTTP: in plain text, or over TLS that ends here."""
    out = _chain(key)
    manager = connection_manager(
        f"{'https' if termination else 'http'}_{key.bind.port}",
        route_configuration_name(key),
        settings.listener_filters,
        settings.tracing,
        settings.profile,
    )
    filter_ = out.filters.add(name="envoy.filters.network.http_connection_manager")
    filter_.typed_config.Pack(manager, deterministic=True)
    if termination is not None:
        out.transport_socket.CopyFrom(transport_socket(termination, ("h2", "http/1.1")))
        with_defaults(out, (HANDSHAKE_TIMEOUT,))
    return _wire(out, owner, frozenset({str(settings.tracing.collector)} if settings.tracing is not None else ()))


def stream_chain(key: ChainKey, shares: Iterable[Share], termination: Termination | None, owner: Owner) -> Chain:
    """Pass connections on as they are, or what is inside of their TLS where that ends here; by weight."""
    out = _chain(key)
    proxy = TcpProxy(stat_prefix=f"{'tls' if key.hostname else 'tcp'}_{key.bind.port}")
    with_defaults(proxy, (STREAM_IDLE, CONNECT_ATTEMPTS))
    weighted = [(str(share.cluster) if share.cluster else NOWHERE, share.weight) for share in shares]
    if len(weighted) == 1:
        proxy.cluster = weighted[0][0]
    else:
        for name, weight in weighted:
            proxy.weighted_clusters.clusters.add(name=name, weight=weight)
    out.filters.add(name="envoy.filters.network.tcp_proxy").typed_config.Pack(proxy, deterministic=True)
    if termination is not None:
        out.transport_socket.CopyFrom(transport_socket(termination, ()))
        with_defaults(out, (HANDSHAKE_TIMEOUT,))
    return _wire(out, owner, frozenset(name for name, _ in weighted if name != NOWHERE))


def closing_chain(key: ChainKey) -> Chain:
    """Reset connections: what asks for a listener that cannot be served must not get to a less specific one."""
    out = _chain(key)
    proxy = TcpProxy(stat_prefix="closed", cluster=NOWHERE)
    out.filters.add(name="envoy.filters.network.tcp_proxy").typed_config.Pack(proxy, deterministic=True)
    return _wire(out, NOBODY)


def section(key: ChainKey, chain: Chain) -> Section:
    """Say whose a chain is; one that no Envoy ever took is closed, so that nothing less specific answers for it."""
    closed = closing_chain(key).body if chain.owner else b""
    return Section(
        key.hostname,
        chain.owner,
        _FILTER_CHAINS,
        head=chain.body,
        clusters=chain.clusters,
        settings=chain.body,
        closed=closed,
    )


def _chain(key: ChainKey) -> FilterChain:
    out = FilterChain(name=str(key))
    if key.hostname not in ("", ANY):
        out.filter_chain_match.server_names.append(key.hostname)
    return out


def _wire(out: FilterChain, owner: Owner, clusters: frozenset[str] = frozenset()) -> Chain:
    body = out.SerializeToString(deterministic=True)
    prefix = length_prefix(_FILTER_CHAINS, len(body))
    return Chain(prefix + body, clusters, owner, len(prefix))
