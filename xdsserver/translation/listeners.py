"""Envoy listeners: one for each bind, joined from its filter chains, or with the one filter that datagrams meet."""

from __future__ import annotations

from typing import TYPE_CHECKING

from envoy.config.core.v3.address_pb2 import SocketAddress
from envoy.config.listener.v3.listener_pb2 import Listener
from envoy.extensions.filters.listener.tls_inspector.v3.tls_inspector_pb2 import TlsInspector

from xdsserver.translation.chains import section
from xdsserver.translation.edge import BUFFER, CLIENT_DATAGRAM, with_defaults
from xdsserver.xds.fragments import Assembly
from xdsserver.xds.resource import LISTENER, Resource

if TYPE_CHECKING:
    from collections.abc import Sequence

    from xdsserver.model.places import Bind, ChainKey
    from xdsserver.translation.chains import Chain


def listener_name(bind: Bind) -> str:
    """Name the Listener of a bind."""
    return str(bind)


def listener(bind: Bind, members: Sequence[tuple[ChainKey, Chain]]) -> Resource:
    """Join the Listener of a bind from its filter chains, so that a change of one costs the others nothing."""
    udp = bind.transport == "UDP"
    out = with_defaults(Listener(name=listener_name(bind)), (CLIENT_DATAGRAM if udp else BUFFER,))
    out.address.socket_address.protocol = SocketAddress.UDP if udp else SocketAddress.TCP
    out.address.socket_address.address = bind.ip
    out.address.socket_address.port_value = bind.port
    if any(key.hostname for key, _ in members):
        inspector = out.listener_filters.add(name="envoy.filters.listener.tls_inspector")
        inspector.typed_config.Pack(TlsInspector(), deterministic=True)
    head = out.SerializeToString(deterministic=True)
    body = b"".join([head, *[chain.wire for _, chain in members]])
    clusters = tuple(dict.fromkeys(chain.clusters for _, chain in members if chain.clusters))
    resource = Resource.of_bytes(LISTENER, out.name, body, clusters=clusters)
    if udp:
        return resource
    return resource.joined_from(lambda: Assembly(head, tuple(section(*one) for one in members)))
