"""The HTTP connection manager: a profile, the filters of all routes, and where routes come from."""

from __future__ import annotations

from typing import TYPE_CHECKING

from envoy.extensions.filters.http.router.v3.router_pb2 import Router
from envoy.extensions.filters.network.http_connection_manager.v3.http_connection_manager_pb2 import (
    HttpConnectionManager,
)

from xdsserver.filters.registry import SLICES
from xdsserver.model.profiles import Profile
from xdsserver.translation.edge import CONNECTION_MANAGER, with_defaults
from xdsserver.translation.prerouting import positions
from xdsserver.translation.s3 import S3
from xdsserver.translation.sources import ads
from xdsserver.translation.tracing import trace

if TYPE_CHECKING:
    from xdsserver.model.tracing import Tracing


_PROFILES = {Profile.EDGE: CONNECTION_MANAGER, Profile.S3: S3}


def connection_manager(
    stat_prefix: str,
    route_configuration: str,
    listener_filters: int,
    tracing: Tracing | None,
    profile: Profile = Profile.EDGE,
) -> HttpConnectionManager:
    """Give the connection manager of a plain HTTP listener: HTTP/1.1 or, by prior knowledge, HTTP/2.

    `listener_filters` is how many filters the listener with most of them has.
    """
    manager = with_defaults(
        HttpConnectionManager(codec_type=HttpConnectionManager.AUTO, stat_prefix=stat_prefix), _PROFILES[profile]
    )
    manager.rds.route_config_name = route_configuration
    manager.rds.config_source.CopyFrom(ads())
    # Asked for by a client, forwarded by any route: a Service that does not speak it refuses.
    manager.upgrade_configs.add(upgrade_type="websocket")
    # First, so that what they change decides the route that all others ask about.
    manager.http_filters.extend(positions(listener_filters))
    manager.http_filters.extend(found for one in SLICES if (found := one.http_filter()) is not None)
    if tracing is not None:
        trace(manager, tracing)
    router = manager.http_filters.add(name="envoy.filters.http.router")
    router.typed_config.Pack(Router(suppress_envoy_headers=True), deterministic=True)
    return manager
