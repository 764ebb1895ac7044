"""Envoy listeners: one for each bind."""

from __future__ import annotations

from typing import TYPE_CHECKING

from envoy.config.core.v3.address_pb2 import SocketAddress
from envoy.config.listener.v3.listener_pb2 import Listener

from xdsserver.translation.connection_manager import connection_manager
from xdsserver.translation.edge import BUFFER, with_defaults
from xdsserver.translation.layout import route_configuration_name
from xdsserver.xds.resource import Resource

if TYPE_CHECKING:
    from xdsserver.model.places import Bind


def listener_name(bind: Bind) -> str:
    """Name the Listener of a bind."""
    return str(bind)


def http_listener(bind: Bind, listener_filters: int) -> Resource:
    """Open a bind for plain HTTP; `listener_filters` is how many filters the listener with most of them has."""
    out = with_defaults(Listener(name=listener_name(bind)), (BUFFER,))
    out.address.socket_address.protocol = SocketAddress.TCP
    out.address.socket_address.address = bind.ip
    out.address.socket_address.port_value = bind.port
    manager = connection_manager(f"http_{bind.port}", route_configuration_name(bind), listener_filters)
    chain = out.filter_chains.add()
    filter_ = chain.filters.add(name="envoy.filters.network.http_connection_manager")
    filter_.typed_config.Pack(manager, deterministic=True)
    return Resource.of(out, out.name)
