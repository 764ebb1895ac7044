"""The HTTP connection manager: defaults of the edge, each with its reason."""

from __future__ import annotations

from envoy.extensions.filters.http.router.v3.router_pb2 import Router
from envoy.extensions.filters.network.http_connection_manager.v3.http_connection_manager_pb2 import (
    HttpConnectionManager,
)

from xdsserver.filters.registry import SLICES
from xdsserver.translation.prerouting import positions
from xdsserver.translation.sources import ads


def connection_manager(stat_prefix: str, route_configuration: str, listener_filters: int) -> HttpConnectionManager:
    """Give the connection manager of a plain HTTP listener: HTTP/1.1 or, by prior knowledge, HTTP/2.

    `listener_filters` is how many filters the listener with most of them has.
    """
    manager = HttpConnectionManager(codec_type=HttpConnectionManager.AUTO, stat_prefix=stat_prefix)
    manager.rds.route_config_name = route_configuration
    manager.rds.config_source.CopyFrom(ads())
    # Answers of backends pass as they are; that Envoy stands between is nobody's business.
    manager.server_header_transformation = HttpConnectionManager.PASS_THROUGH
    # We are the edge: a client's word about its own address is appended to, and its x-envoy-* headers are dropped.
    manager.use_remote_address.value = True
    # `/a/../admin` and `//admin` are `/admin` for the matchers too, or a rule could be walked around.
    manager.normalize_path.value = True
    manager.merge_slashes = True
    manager.path_with_escaped_slashes_action = HttpConnectionManager.UNESCAPE_AND_REDIRECT
    # `a_b` and `a-b` are one header to many backends.
    manager.common_http_protocol_options.headers_with_underscores_action = (
        manager.common_http_protocol_options.REJECT_REQUEST
    )
    # A client that sends its headers drop by drop holds a stream for no longer than this.
    manager.request_headers_timeout.seconds = 10
    manager.http2_protocol_options.max_concurrent_streams.value = 100
    manager.http2_protocol_options.initial_stream_window_size.value = 64 * 1024
    manager.http2_protocol_options.initial_connection_window_size.value = 1024 * 1024
    # Asked for by a client, forwarded by any route: a Service that does not speak it refuses.
    manager.upgrade_configs.add(upgrade_type="websocket")
    # First, so that what they change decides the route that all others ask about.
    manager.http_filters.extend(positions(listener_filters))
    manager.http_filters.extend(found for one in SLICES if (found := one.http_filter()) is not None)
    router = manager.http_filters.add(name="envoy.filters.http.router")
    router.typed_config.Pack(Router(suppress_envoy_headers=True), deterministic=True)
    return manager
