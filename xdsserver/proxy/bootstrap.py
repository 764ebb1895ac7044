"""The bootstrap: the little that an Envoy must know before xDS can tell it the rest.

It names the Envoy, says where our server is, guards the process as a whole (connections, memory, rapid resets) and
keeps the admin interface on a socket that only its user can open. Everything about traffic comes over xDS.
"""

from __future__ import annotations

import ipaddress
import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, assert_never

import yaml
from envoy.config.bootstrap.v3.bootstrap_pb2 import Admin, Bootstrap, LayeredRuntime, RuntimeLayer
from envoy.config.cluster.v3.cluster_pb2 import Cluster, UpstreamConnectionOptions
from envoy.config.core.v3.address_pb2 import Address, Pipe, SocketAddress, TcpKeepalive
from envoy.config.core.v3.backoff_pb2 import BackoffStrategy
from envoy.config.core.v3.base_pb2 import Node, RetryPolicy
from envoy.config.core.v3.config_source_pb2 import AggregatedConfigSource, ApiConfigSource, ApiVersion, ConfigSource
from envoy.config.core.v3.grpc_service_pb2 import GrpcService
from envoy.config.core.v3.protocol_pb2 import Http2ProtocolOptions, KeepaliveSettings
from envoy.config.endpoint.v3.endpoint_components_pb2 import Endpoint, LbEndpoint, LocalityLbEndpoints
from envoy.config.endpoint.v3.endpoint_pb2 import ClusterLoadAssignment
from envoy.config.overload.v3.overload_pb2 import (
    LoadShedPoint,
    OverloadAction,
    OverloadManager,
    ResourceMonitor,
    ThresholdTrigger,
    Trigger,
)
from envoy.extensions.resource_monitors.downstream_connections.v3.downstream_connections_pb2 import (
    DownstreamConnectionsConfig,
)
from envoy.extensions.resource_monitors.fixed_heap.v3.fixed_heap_pb2 import FixedHeapConfig
from envoy.extensions.upstreams.http.v3.http_protocol_options_pb2 import HttpProtocolOptions
from google.protobuf import any_pb2, duration_pb2, json_format, struct_pb2, wrappers_pb2

from xdsserver.model.routing import MAX_REGEX_INSTRUCTIONS
from xdsserver.proxy.mutual_tls import mutual_tls
from xdsserver.proxy.probes import admin_cluster, probes_listener
from xdsserver.translation.edge import Default

if TYPE_CHECKING:
    from google.protobuf.message import Message

XDS_CLUSTER = "xdsserver"
"""Name of the static cluster that reaches us; translation must not name a cluster so."""

FIRST_CONFIGURATION_S = 24 * 3600.0
"""How long an Envoy waits that is asked whether it is ready.

Before its first configuration it has nothing to serve, and would be taken for ready without it.
"""

MAX_SOCKET_PATH_BYTES = 107
"""`sun_path` of unix(7) holds 108 bytes, the last of them a zero."""


MAX_CONNECTIONS = Default(
    field="max_active_downstream_connections",
    value=50_000,
    means="up to 50,000 client connections over all listeners of an Envoy; more are closed as soon as they are made",
    why="each costs memory; those that are there are served on",
)

RUNTIME: tuple[Default, ...] = (
    Default(
        field="http.max_requests_per_io_cycle",
        value=1,
        means="a connection is read one request at a time, however many it sends at once",
        why="others get their turn between the requests of one that floods (rapid reset)",
    ),
    Default(
        field="overload.premature_reset_total_stream_count",
        value=500,
        means="an HTTP/2 connection of which 250 requests, and half of all, were reset within 1 s each is closed, "
        "without a GOAWAY",
        why="who only opens and resets streams wants our work and no answer (rapid reset); who leaves two pages in a "
        "row, with 100 requests under way on each, is not yet taken for one",
    ),
    Default(
        field="re2.max_program_size.error_level",
        value=MAX_REGEX_INSTRUCTIONS,
        means=f"regular expressions of up to {MAX_REGEX_INSTRUCTIONS:,} RE2 instructions; a larger one drops its rule",
        why="Envoy takes 100, too few for a name of 64 letters; we check by what it will take",
    ),
)
"""What only the runtime of an Envoy can set; fields are its keys."""


@dataclass(frozen=True, slots=True)
class TcpAddress:
    """A host (name or IP address) and a port."""

    host: str
    port: int


@dataclass(frozen=True, slots=True)
class UnixSocket:
    """A socket in the file system; at most 107 bytes of path, which is the kernel's limit."""

    path: str


@dataclass(frozen=True, slots=True)
class BootstrapOptions:
    """What differs between one Envoy's bootstrap and another's.

    Attributes:
        node_id: names this Envoy among those of its fleet.
        fleet: the fleet whose configuration it gets, sent as `node.cluster`.
        xds: where our xDS server listens.
        admin: where Envoy's admin interface listens; a socket is made with mode 0600.
        tls_dir: the folder with the certificate that it shows to our server, as `xdsserver certificate` writes it;
            None for plaintext, which our server speaks on its own machine only.
        probes: where probes and scrapes are answered, of which the admin interface must be a socket; None for nowhere.
        max_downstream_connections: client connections beyond this are refused, over all listeners.
        max_heap_bytes: memory above 95 % of this is given back, at 98 % requests are refused; None sets no limit.
        initial_fetch_timeout_s: how long a start waits for clusters and listeners before it goes on without. Never 0,
            which waits for ever; longer than the 10 s for which a starting server may hold its streams.
    """

    node_id: str
    fleet: str
    xds: TcpAddress | UnixSocket
    admin: TcpAddress | UnixSocket
    tls_dir: str | None = None
    probes: TcpAddress | None = None
    max_downstream_connections: int = MAX_CONNECTIONS.value
    max_heap_bytes: int | None = None
    initial_fetch_timeout_s: float = 15.0


def build_bootstrap(options: BootstrapOptions) -> Bootstrap:
    """Return the bootstrap of one Envoy; equal options give equal messages.

    Raises:
        ValueError: the fetch timeout is not positive, a socket's path is longer than the kernel takes, or there are
            probes and the admin interface is not a socket.
    """
    if options.initial_fetch_timeout_s <= 0:
        message = "initial_fetch_timeout_s must be positive: at 0 an Envoy waits for ever for what does not come"
        raise ValueError(message)
    bootstrap = Bootstrap(
        node=Node(id=options.node_id, cluster=options.fleet),
        # Whoever asks how it is must get an answer also where clients hold all connections that there may be.
        admin=Admin(address=_address(options.admin, mode=0o600), ignore_global_conn_limit=True),
        dynamic_resources=_dynamic_resources(options),
        layered_runtime=_runtime(),
        overload_manager=_overload_manager(options),
    )
    cluster = _xds_cluster(options.xds)
    if options.tls_dir is not None:
        cluster.transport_socket.CopyFrom(mutual_tls(options.tls_dir))
    bootstrap.static_resources.clusters.append(cluster)
    if options.probes is not None:
        if not isinstance(options.admin, UnixSocket):
            message = "probes need an admin interface on a socket: on a port it can be asked itself"
            raise ValueError(message)
        bootstrap.static_resources.clusters.append(admin_cluster(options.admin.path))
        bootstrap.static_resources.listeners.append(probes_listener(_address(options.probes)))
    # Most clusters of a large gateway see no request for a while; their counters are made when one does.
    bootstrap.deferred_stat_options.enable_deferred_creation_stats = True
    return bootstrap


def to_yaml(bootstrap: Bootstrap) -> str:
    """Return the bootstrap as YAML that Envoy reads, keys sorted, so that equal messages give equal text."""
    fields = json.loads(json_format.MessageToJson(bootstrap, preserving_proto_field_name=True))
    return str(yaml.safe_dump(fields, sort_keys=True, width=120))


def _dynamic_resources(options: BootstrapOptions) -> Bootstrap.DynamicResources:
    # A restart of ours ends all streams at once; a short first wait brings the fleet back, the jitter spreads it.
    backoff = BackoffStrategy(base_interval=_duration(0.25), max_interval=_duration(5))
    service = GrpcService(
        envoy_grpc=GrpcService.EnvoyGrpc(cluster_name=XDS_CLUSTER, retry_policy=RetryPolicy(retry_back_off=backoff))
    )
    source = ConfigSource(
        ads=AggregatedConfigSource(),
        resource_api_version=ApiVersion.V3,
        initial_fetch_timeout=_duration(options.initial_fetch_timeout_s),
    )
    return Bootstrap.DynamicResources(
        ads_config=ApiConfigSource(
            api_type=ApiConfigSource.DELTA_GRPC,
            transport_api_version=ApiVersion.V3,
            grpc_services=[service],
            # The node is some kilobytes with its extension list: once per stream is enough.
            set_node_on_first_message_only=True,
        ),
        cds_config=source,
        lds_config=source,
    )


def _xds_cluster(xds: TcpAddress | UnixSocket) -> Cluster:
    endpoint = Endpoint(address=_address(xds))
    http2 = Http2ProtocolOptions(connection_keepalive=KeepaliveSettings(interval=_duration(30), timeout=_duration(5)))
    protocols = HttpProtocolOptions(
        explicit_http_config=HttpProtocolOptions.ExplicitHttpConfig(http2_protocol_options=http2)
    )
    cluster = Cluster(
        name=XDS_CLUSTER,
        type=Cluster.STATIC,
        connect_timeout=_duration(1),
        load_assignment=ClusterLoadAssignment(
            cluster_name=XDS_CLUSTER,
            endpoints=[LocalityLbEndpoints(lb_endpoints=[LbEndpoint(endpoint=endpoint)])],
        ),
        typed_extension_protocol_options={"envoy.extensions.upstreams.http.v3.HttpProtocolOptions": _any(protocols)},
    )
    match xds:
        case TcpAddress(host=host):
            if not _is_ip(host):
                cluster.type = Cluster.STRICT_DNS
            # A server whose machine is gone says nothing: without this the stream would look alive for hours.
            keepalive = TcpKeepalive(
                keepalive_time=_uint32(30), keepalive_interval=_uint32(5), keepalive_probes=_uint32(3)
            )
            cluster.upstream_connection_options.CopyFrom(UpstreamConnectionOptions(tcp_keepalive=keepalive))
        case UnixSocket():
            pass
        case _:
            assert_never(xds)
    return cluster


def _runtime() -> LayeredRuntime:
    layer = struct_pb2.Struct()
    layer.update({one.field: one.value for one in RUNTIME})
    # An admin layer, as Envoy has by default: without it /runtime_modify would be refused.
    return LayeredRuntime(
        layers=[
            RuntimeLayer(name="static", static_layer=layer),
            RuntimeLayer(name="admin", admin_layer=RuntimeLayer.AdminLayer()),
        ]
    )


def _overload_manager(options: BootstrapOptions) -> OverloadManager:
    connections = "envoy.resource_monitors.global_downstream_max_connections"
    limit = DownstreamConnectionsConfig(max_active_downstream_connections=options.max_downstream_connections)
    manager = OverloadManager(
        refresh_interval=_duration(0.25),
        resource_monitors=[ResourceMonitor(name=connections, typed_config=_any(limit))],
    )
    if options.max_heap_bytes is None:
        return manager
    heap = "envoy.resource_monitors.fixed_heap"
    config = FixedHeapConfig(max_heap_size_bytes=options.max_heap_bytes)
    manager.resource_monitors.append(ResourceMonitor(name=heap, typed_config=_any(config)))

    def above(share: float) -> Trigger:
        return Trigger(name=heap, threshold=ThresholdTrigger(value=share))

    manager.actions.extend(
        [
            OverloadAction(name="envoy.overload_actions.shrink_heap", triggers=[above(0.95)]),
            OverloadAction(name="envoy.overload_actions.stop_accepting_requests", triggers=[above(0.98)]),
        ]
    )
    manager.loadshed_points.append(
        LoadShedPoint(name="envoy.load_shed_points.tcp_listener_accept", triggers=[above(0.95)])
    )
    return manager


def _address(address: TcpAddress | UnixSocket, mode: int = 0) -> Address:
    match address:
        case TcpAddress(host=host, port=port):
            return Address(socket_address=SocketAddress(address=host, port_value=port))
        case UnixSocket(path=path):
            if len(path.encode()) > MAX_SOCKET_PATH_BYTES:
                message = f"socket path {path!r} is longer than {MAX_SOCKET_PATH_BYTES} bytes: choose a shorter folder"
                raise ValueError(message)
            return Address(pipe=Pipe(path=path, mode=mode))
        case _:
            assert_never(address)


def _is_ip(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True


def _duration(seconds: float) -> duration_pb2.Duration:
    nanos = round(seconds * 1e9)
    return duration_pb2.Duration(seconds=nanos // 10**9, nanos=nanos % 10**9)


def _uint32(value: int) -> wrappers_pb2.UInt32Value:
    return wrappers_pb2.UInt32Value(value=value)


def _any(message: Message) -> any_pb2.Any:
    packed = any_pb2.Any()
    packed.Pack(message)
    return packed
