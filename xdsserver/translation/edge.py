"""The edge profile: what listeners let clients do; every value with what it means for them, and why it is that.

It is Envoy's advice for edge proxies ("Configuring Envoy as an edge proxy") and what its users learned since. What
Envoy would do by itself is written down too where clients notice it, so that another Envoy does the same. The limits of
the process as a whole are in its bootstrap.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import reduce
from typing import TYPE_CHECKING, Any, TypeVar

from google.protobuf.json_format import ParseDict

if TYPE_CHECKING:
    from collections.abc import Iterable

    from google.protobuf.message import Message

MessageT = TypeVar("MessageT", bound="Message")


@dataclass(frozen=True, slots=True)
class Default:
    """A field of a message, by the names that lead to it, and its value as JSON has it.

    `means` says what comes of it, `why` is the reason for it; both are a line of the reference.
    """

    field: str
    value: Any
    means: str
    why: str


CONNECTION_MANAGER: tuple[Default, ...] = (
    Default(
        field="normalize_path",
        value=True,
        means="`/x/../admin`, `/./admin`, `/%61dmin` and `\\admin` are `/admin` before any rule is looked at",
        why="no other spelling of a path may walk around a rule",
    ),
    Default(
        field="merge_slashes",
        value=True,
        means="`//admin` is `/admin`",
        why="many backends take it for that; no rule can name two slashes in a row (HTTPPathMatch)",
    ),
    Default(
        field="path_with_escaped_slashes_action",
        value="UNESCAPE_AND_REDIRECT",
        means="`/admin%2fx` and `/admin%5cx` are sent to `/admin/x` with 307 (a gRPC call ends INTERNAL)",
        why="backends differ in whether an escaped slash is one; after the redirect there is nothing to differ about",
    ),
    Default(
        field="common_http_protocol_options.headers_with_underscores_action",
        value="REJECT_REQUEST",
        means="a header with an underscore in its name is refused: 400, by HTTP/2 a reset stream",
        why="`a_b` and `a-b` are one header to many backends, and we look at the one only",
    ),
    Default(
        field="use_remote_address",
        value=True,
        means="X-Forwarded-For gets the client's address appended; X-Forwarded-Proto and x-request-id are ours",
        why="what a client says of itself is not to be trusted; `X-Envoy-External-Address` is the address that we saw",
    ),
    Default(
        # The broadcast address, which nobody calls from: an empty list stands for all private addresses, and so does no
        # list to older Envoys.
        field="internal_address_config",
        value={"cidr_ranges": [{"address_prefix": "255.255.255.255", "prefix_len": 32}]},
        means="x-envoy-* headers are taken from all clients, on private addresses and this machine too",
        why="they steer retries and timeouts, and would make our own settings void",
    ),
    Default(
        field="strip_trailing_host_dot",
        value=True,
        means="`example.com.` is `example.com`",
        why="it is the same name, and must not miss its virtual host",
    ),
    Default(
        field="server_header_transformation",
        value="PASS_THROUGH",
        means="the Server header of an answer is that of the backend",
        why="that Envoy stands between is nobody's business",
    ),
    Default(
        field="max_request_headers_kb",
        value=60,
        means="headers of up to 60 KiB in all; more is answered with 431",
        why="they are held in memory for the life of a request",
    ),
    Default(
        field="common_http_protocol_options.max_headers_count",
        value=100,
        means="up to 100 headers; more is answered with 431, by HTTP/2 with a reset stream",
        why="each costs time at every match",
    ),
    Default(
        field="request_headers_timeout",
        value="10s",
        means="headers of a request must be there 10 s after its first byte, or it is answered with 408 and closed",
        why="a client that sends them drop by drop holds what it holds for no longer",
    ),
    Default(
        field="stream_idle_timeout",
        value="300s",
        means="a request, stream or WebSocket on which nothing moves for 5 min is ended",
        why="clients that vanish say nothing; send pings on streams that live longer",
    ),
    Default(
        field="common_http_protocol_options.idle_timeout",
        value="3600s",
        means="a connection without requests is closed after 1 h",
        why="kept connections save clients the time to connect, and cost memory",
    ),
    Default(
        field="http2_protocol_options.max_concurrent_streams",
        value=100,
        means="100 requests at a time on an HTTP/2 connection; more wait at the client",
        why="one connection gets no more of a worker than that",
    ),
    Default(
        field="http2_protocol_options.initial_stream_window_size",
        value=65_536,
        means="64 KiB of a request's body under way without our leave, for each HTTP/2 stream",
        why="this is what a backend that does not read makes us hold",
    ),
    Default(
        field="http2_protocol_options.initial_connection_window_size",
        value=1_048_576,
        means="1 MiB for each HTTP/2 connection",
        why="enough for several streams at full speed, and the bound of what one connection makes us hold",
    ),
)
"""Fields of HttpConnectionManager."""

BUFFER = Default(
    field="per_connection_buffer_limit_bytes",
    value=32_768,
    means="32 KiB are held of a connection whose other side is slow, then reading stops",
    why="with many clients this is what memory goes by; it also bounds the body of a request that can be tried again",
)
"""A field of Listener and of Cluster alike: clients may be slow, and so may backends."""

CONNECT_TIMEOUT = Default(
    field="connect_timeout",
    value="5s",
    means="a backend has 5 s to take a connection; then the request is answered with 503, or tried again",
    why="a machine that is gone says nothing, and the request has waited long enough for another one",
)
"""A field of Cluster."""


CONNECTIONS_AT_ONCE = Default(
    field="circuit_breakers.thresholds",
    value=[{"max_connections": 50_000, "max_pending_requests": 50_000}],
    means="a backend gets as many connections by TCPRoutes and TLSRoutes as an Envoy takes of clients",
    why="each client has one of its own there; Envoy's own 1,024 would close what comes after them",
)
"""A field of Cluster, for connections that are passed on."""

SESSIONS_AT_ONCE = Default(
    field="circuit_breakers.thresholds",
    value=[{"max_connections": 16_384}],
    means="a UDPRoute serves 16,384 ports of clients at a time; datagrams of more are dropped",
    why="each is a socket of the Envoy, and where datagrams come from can be forged",
)
"""A field of Cluster, for datagrams."""

DOWNSTREAM_TLS: tuple[Default, ...] = (
    Default(
        field="common_tls_context.tls_params.tls_minimum_protocol_version",
        value="TLSv1_2",
        means="TLS 1.2 or 1.3; clients that offer less are refused with the alert protocol_version",
        why="what is older is broken (RFC 8996)",
    ),
)
"""Fields of DownstreamTlsContext."""

SESSION_IDLE = Default(
    field="idle_timeout",
    value="60s",
    means="what comes from one port of a client by UDP goes to one endpoint until nothing has moved for 60 s",
    why="datagrams have no end; a client that is silent for longer may get another endpoint",
)
"""A field of UdpProxyConfig."""

CLIENT_DATAGRAM = Default(
    field="udp_listener_config.downstream_socket_config.max_rx_datagram_size",
    value=65_535,
    means="datagrams of clients may have any size",
    why="Envoy's own 1,500 bytes would cut what IP has put together again, as long answers of DNS are",
)
"""A field of Listener."""

BACKEND_DATAGRAM = Default(
    field="upstream_socket_config.max_rx_datagram_size",
    value=65_535,
    means="and so may datagrams of backends",
    why="likewise",
)
"""A field of UdpProxyConfig."""

CONNECT_ATTEMPTS = Default(
    field="max_connect_attempts",
    value=3,
    means="a connection that is passed on tries up to 3 endpoints until one takes it",
    why="an endpoint that has just ended refuses, and nothing of the client has been sent yet",
)
"""A field of TcpProxy."""

STREAM_IDLE = Default(
    field="idle_timeout",
    value="3600s",
    means="a connection that is passed on whole, and on which nothing moves for 1 h, is closed",
    why="clients that vanish say nothing; send keepalives on connections that are silent for longer",
)
"""A field of TcpProxy."""

HANDSHAKE_TIMEOUT = Default(
    field="transport_socket_connect_timeout",
    value="10s",
    means="a client has 10 s for its TLS handshake, then the connection is closed",
    why="one that begins it and says no more would hold its connection for good",
)
"""A field of FilterChain."""


def with_defaults(message: MessageT, defaults: Iterable[Default]) -> MessageT:
    """Set the fields of a message, and give it back."""
    for default in defaults:
        *outer, last = default.field.split(".")
        nested: dict[str, Any] = {last: default.value}
        ParseDict(reduce(lambda inner, name: {name: inner}, reversed(outer), nested), message)
    return message
