"""Ask Envoy whether it would take what the cases send it: many cases in one run of `envoy --mode validate`.

A static bootstrap cannot hold what comes over the stream, so a resource stands where it can be read from a file: routes
inside their listener, endpoints as a cluster of their own, secrets beside both. Names carry their case and every
listener gets an address of its own, since the cases know nothing of each other. Nothing else is touched.
"""

from __future__ import annotations

import subprocess
from typing import TYPE_CHECKING

from envoy.config.cluster.v3.cluster_pb2 import Cluster
from envoy.config.endpoint.v3.endpoint_pb2 import ClusterLoadAssignment
from envoy.config.listener.v3.listener_pb2 import Listener
from envoy.config.route.v3.route_pb2 import RouteConfiguration
from envoy.extensions.filters.network.http_connection_manager.v3.http_connection_manager_pb2 import (
    HttpConnectionManager,
)
from envoy.extensions.transport_sockets.tls.v3.secret_pb2 import Secret
from envoy.extensions.transport_sockets.tls.v3.tls_pb2 import DownstreamTlsContext, UpstreamTlsContext
from google.protobuf.json_format import MessageToJson

from tests.golden.cases import FLEET, HERE
from xdsserver.proxy.bootstrap import BootstrapOptions, UnixSocket, build_bootstrap
from xdsserver.proxy.envoy import find_envoy
from xdsserver.xds.resource import CLUSTER, ENDPOINTS, LISTENER, ROUTE, SECRET

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path

    from envoy.config.bootstrap.v3.bootstrap_pb2 import Bootstrap
    from envoy.extensions.transport_sockets.tls.v3.tls_pb2 import CommonTlsContext

    from xdsserver.xds.resource import Resource


AUTHORITY = HERE / "authority.pem"
"""The certificate of an authority that nobody trusts."""


def refused(folders: Mapping[str, Iterable[Resource]], place: Path) -> dict[str, str]:
    """Name the cases that Envoy refuses, with its words; the search halves until each stands alone."""
    if not folders:
        return {}
    words = _validate(folders, place)
    if not words:
        return {}
    names = sorted(folders)
    if len(names) == 1:
        return {names[0]: words}
    half = len(names) // 2
    halves = (names[:half], names[half:])
    return {name: one for part in halves for name, one in refused({n: folders[n] for n in part}, place).items()}


def bootstrap(folders: Mapping[str, Iterable[Resource]]) -> Bootstrap:
    """Put the resources of all cases into the bootstrap that the product itself starts Envoy with."""
    nowhere = UnixSocket("/nonexistent/golden.sock")
    out = build_bootstrap(BootstrapOptions(node_id="golden", fleet=FLEET, xds=nowhere, admin=nowhere))
    # Wholly static: nothing is asked for over the stream.
    out.dynamic_resources.ClearField("cds_config")
    out.dynamic_resources.ClearField("lds_config")
    for case, resources in sorted(folders.items()):
        _add(out, case, tuple(resources))
    return out


def _add(out: Bootstrap, case: str, resources: tuple[Resource, ...]) -> None:
    routes = {one.name: RouteConfiguration.FromString(one.body) for one in resources if one.type_url == ROUTE}
    for one in resources:
        name = f"{case}: {one.name}"
        if one.type_url == CLUSTER:
            cluster = Cluster.FromString(one.body)
            cluster.name = name
            _give_authorities(cluster)
            _find_shown(case, cluster)
            out.static_resources.clusters.append(cluster)
        elif one.type_url == ENDPOINTS:
            holder = out.static_resources.clusters.add(name=f"{name} endpoints", type=Cluster.STATIC)
            holder.load_assignment.CopyFrom(ClusterLoadAssignment.FromString(one.body))
        elif one.type_url == LISTENER:
            number = len(out.static_resources.listeners)
            _add_listener(out, name, Listener.FromString(one.body), routes)
            _find_secrets(case, out.static_resources.listeners[number])
            address = out.static_resources.listeners[number].address.socket_address
            address.address, address.port_value = f"127.1.{number // 250}.{number % 250}", 80

        elif one.type_url == SECRET:
            secret = Secret.FromString(one.body)
            secret.name = name
            out.static_resources.secrets.append(secret)


def _find_secrets(case: str, listener: Listener) -> None:
    """Name the secrets of the case itself, which stand in the bootstrap and come over no stream."""
    for chain in listener.filter_chains:
        context = DownstreamTlsContext()
        if chain.transport_socket.typed_config.Unpack(context):
            _rename_secrets(case, context.common_tls_context)
            chain.transport_socket.typed_config.Pack(context)


def _find_shown(case: str, cluster: Cluster) -> None:
    """Likewise for what backends are shown."""
    context = UpstreamTlsContext()
    if cluster.transport_socket.typed_config.Unpack(context):
        _rename_secrets(case, context.common_tls_context)
        cluster.transport_socket.typed_config.Pack(context)


def _rename_secrets(case: str, context: CommonTlsContext) -> None:
    for secret in context.tls_certificate_sds_secret_configs:
        secret.name = f"{case}: {secret.name}"
        secret.ClearField("sds_config")


def _give_authorities(cluster: Cluster) -> None:
    """Put certificates in the place of a file of them, which only the machine of an Envoy need have."""
    context = UpstreamTlsContext()
    if cluster.transport_socket.typed_config.Unpack(context):
        authorities = context.common_tls_context.validation_context.trusted_ca
        if authorities.filename:
            authorities.inline_string = AUTHORITY.read_text()
            cluster.transport_socket.typed_config.Pack(context)


def _add_listener(out: Bootstrap, name: str, listener: Listener, routes: Mapping[str, RouteConfiguration]) -> None:
    listener.name = name
    for chain in listener.filter_chains:
        for one in chain.filters:
            manager = HttpConnectionManager()
            if one.typed_config.Unpack(manager):
                inline = routes[manager.rds.route_config_name]
                # Routes over the stream may name a cluster that is not there (yet).
                inline.validate_clusters.value = False
                manager.route_config.CopyFrom(inline)
                one.typed_config.Pack(manager)
    out.static_resources.listeners.append(listener)


def _validate(folders: Mapping[str, Iterable[Resource]], place: Path) -> str:
    """Give Envoy's words, or nothing when it accepts."""
    path = place / "bootstrap.json"
    path.write_text(MessageToJson(bootstrap(folders), preserving_proto_field_name=True))
    command = [str(find_envoy()), "--mode", "validate", "--config-path", str(path), "--log-level", "error"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    return "" if done.returncode == 0 else f"{done.stdout}{done.stderr}".strip() or f"exit code {done.returncode}"
