"""Tracing of a connection manager: spans to an OpenTelemetry collector."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from envoy.config.trace.v3.opentelemetry_pb2 import OpenTelemetryConfig
from envoy.extensions.tracers.opentelemetry.samplers.v3.parent_based_sampler_pb2 import ParentBasedSamplerConfig
from envoy.extensions.tracers.opentelemetry.samplers.v3.trace_id_ratio_based_sampler_pb2 import (
    TraceIdRatioBasedSamplerConfig,
)
from envoy.type.v3.percent_pb2 import FractionalPercent

if TYPE_CHECKING:
    from envoy.config.core.v3.extension_pb2 import TypedExtensionConfig
    from envoy.extensions.filters.network.http_connection_manager.v3.http_connection_manager_pb2 import (
        HttpConnectionManager,
    )

    from xdsserver.model.tracing import SpanAttribute, Tracing

_COLLECTOR_S: Final = 5

_FORMATS: Final = {
    "client.address": "%DOWNSTREAM_REMOTE_ADDRESS_WITHOUT_PORT%",
    "client.port": "%DOWNSTREAM_REMOTE_PORT%",
    "http.request.method": "%REQ(:METHOD)%",
    "http.response.status_code": "%RESPONSE_CODE%",
    "network.peer.address": "%DOWNSTREAM_DIRECT_REMOTE_ADDRESS_WITHOUT_PORT%",
    "network.peer.port": "%DOWNSTREAM_DIRECT_REMOTE_PORT%",
    "server.address": "%REQ(:AUTHORITY)%",
    "server.port": "%DOWNSTREAM_LOCAL_PORT%",
    "url.path": "%REQ_WITHOUT_QUERY(X-ENVOY-ORIGINAL-PATH?:PATH)%",
    "url.scheme": "%REQ(:SCHEME)%",
    "user_agent.original": "%REQ(USER-AGENT)%",
}
"""What is known of a request, as Envoy's access log formats name it."""

_HEADERS: Final = {"http.request.header.": "REQ", "http.response.header.": "RESP"}


def trace(manager: HttpConnectionManager, tracing: Tracing) -> None:
    """Tell of the requests of a connection manager."""
    out = manager.tracing
    # Whether a request is told of is for the sampler alone. Clients have no say in it by x-client-trace-id.
    out.client_sampling.value = 0.0
    out.random_sampling.value = 100.0
    if tracing.span:
        out.operation = tracing.span
    for attribute in tracing.attributes:
        _tag(out, attribute)
    config = OpenTelemetryConfig(service_name=tracing.service)
    service = config.grpc_service
    service.envoy_grpc.cluster_name = str(tracing.collector)
    if tracing.authority:
        service.envoy_grpc.authority = tracing.authority
    service.timeout.seconds = _COLLECTOR_S
    for name, value in tracing.headers:
        service.initial_metadata.add(key=name.lower(), value=value)
    _sample(config.sampler, tracing)
    out.provider.name = "envoy.tracers.opentelemetry"
    out.provider.typed_config.Pack(config, deterministic=True)


def _sample(out: TypedExtensionConfig, tracing: Tracing) -> None:
    share = TraceIdRatioBasedSamplerConfig(
        sampling_percentage=FractionalPercent(numerator=tracing.share_ppm, denominator=FractionalPercent.MILLION)
    )
    out.name = "envoy.tracers.opentelemetry.samplers.trace_id_ratio_based"
    out.typed_config.Pack(share, deterministic=True)
    if tracing.follows_parent:
        parent = ParentBasedSamplerConfig()
        parent.wrapped_sampler.CopyFrom(out)
        out.name = "envoy.tracers.opentelemetry.samplers.parent_based"
        out.typed_config.Pack(parent, deterministic=True)


def _tag(out: HttpConnectionManager.Tracing, attribute: SpanAttribute) -> None:
    tag = out.custom_tags.add(tag=attribute.name)
    match attribute.source:
        case "literal":
            tag.literal.value = attribute.value
        case "header":
            tag.request_header.name = attribute.value
        case "known":
            tag.value = _format(attribute.value)


def _format(known: str) -> str:
    for prefix, operator in _HEADERS.items():
        if known.startswith(prefix):
            return f"%{operator}({known.removeprefix(prefix).upper()})%"
    return _FORMATS[known]
