"""Filter chains: what an Envoy does with the connections of a bind, chosen by the name in their TLS handshake (SNI)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from envoy.config.listener.v3.listener_components_pb2 import FilterChain

from xdsserver.gatewayapi.hostnames import ANY
from xdsserver.translation.connection_manager import connection_manager
from xdsserver.translation.layout import route_configuration_name
from xdsserver.xds.protobuf import length_prefix

if TYPE_CHECKING:
    from xdsserver.model.places import ChainKey

_FILTER_CHAINS = 3
"""Field number of Listener.filter_chains."""


@dataclass(frozen=True, slots=True)
class Chain:
    """A serialised filter chain, and the clusters that it names itself (those of its routes are not among them)."""

    wire: bytes
    clusters: frozenset[str] = frozenset()


def http_chain(key: ChainKey, listener_filters: int) -> Chain:
    """Serve HTTP in plain text.

    `listener_filters` is how many filters the listener with most of them has.
    """
    out = _chain(key)
    manager = connection_manager(f"http_{key.bind.port}", route_configuration_name(key), listener_filters)
    filter_ = out.filters.add(name="envoy.filters.network.http_connection_manager")
    filter_.typed_config.Pack(manager, deterministic=True)
    return _wire(out)


def _chain(key: ChainKey) -> FilterChain:
    out = FilterChain(name=str(key))
    if key.hostname not in ("", ANY):
        out.filter_chain_match.server_names.append(key.hostname)
    return out


def _wire(out: FilterChain) -> Chain:
    body = out.SerializeToString(deterministic=True)
    return Chain(length_prefix(_FILTER_CHAINS, len(body)) + body)
