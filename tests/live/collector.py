"""An OpenTelemetry collector as small as a test needs it: spans that Envoys send, with what stands in them.

The messages are declared here by the numbers of the fields that are read (OTLP 1.x, trace_service.proto); what else is
in them is passed over, as protobuf does with what it does not know.
"""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import grpc
from google.protobuf.descriptor_pb2 import FieldDescriptorProto, FileDescriptorProto
from google.protobuf.descriptor_pool import DescriptorPool
from google.protobuf.message_factory import GetMessageClass

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

_BYTES, _STRING, _MESSAGE = (getattr(FieldDescriptorProto, f"TYPE_{name}") for name in ("BYTES", "STRING", "MESSAGE"))
_FIELDS: dict[str, list[tuple[int, str, Any]]] = {
    "Request": [(1, "resource_spans", "ResourceSpans")],
    "ResourceSpans": [(1, "resource", "Resource"), (2, "scope_spans", "ScopeSpans")],
    "Resource": [(1, "attributes", "KeyValue")],
    "ScopeSpans": [(2, "spans", "Span")],
    "Span": [(1, "trace_id", _BYTES), (5, "name", _STRING), (9, "attributes", "KeyValue")],
    "KeyValue": [(1, "key", _STRING), (2, "value", "AnyValue")],
    "AnyValue": [(1, "string_value", _STRING)],
}


def _messages() -> Any:  # noqa: ANN401 (a class that protobuf makes)
    file = FileDescriptorProto(name="spans.proto", package="spans", syntax="proto3")
    for name, fields in _FIELDS.items():
        message = file.message_type.add(name=name)
        for number, called, type_ in fields:
            several = (
                FieldDescriptorProto.LABEL_REPEATED if called.endswith("s") else FieldDescriptorProto.LABEL_OPTIONAL
            )
            made = message.field.add(name=called, number=number, label=several)
            made.type = _MESSAGE if isinstance(type_, str) else type_
            if isinstance(type_, str):
                made.type_name = f".spans.{type_}"
    pool = DescriptorPool()
    pool.Add(file)
    return GetMessageClass(pool.FindMessageTypeByName("spans.Request"))


_REQUEST = _messages()


@dataclass(frozen=True, slots=True)
class Span:
    """A span; `credentials` is the authorization that it came with."""

    service: str
    name: str
    trace: str
    attributes: dict[str, str]
    credentials: str


@dataclass
class Collector:
    """A running collector."""

    port: int = 0
    spans: list[Span] = field(default_factory=list)
    _news: asyncio.Event = field(default_factory=asyncio.Event)

    async def span(self, fits: Callable[[Span], bool], within_s: float = 60.0) -> Span:
        """Wait for a span, past or to come. Envoy sends them every few seconds."""
        async with asyncio.timeout(within_s):
            while True:
                self._news.clear()
                for one in self.spans:
                    if fits(one):
                        return one
                await self._news.wait()

    async def export(self, body: bytes, context: grpc.aio.ServicerContext[bytes, bytes]) -> bytes:
        """Take a batch (TraceService.Export); the empty answer says that all of it is taken."""
        sent = {key: value for key, value in context.invocation_metadata() or () if isinstance(value, str)}
        for resource in _REQUEST.FromString(body).resource_spans:
            service = _pairs(resource.resource.attributes).get("service.name", "")
            for scope in resource.scope_spans:
                self.spans += (
                    Span(service, one.name, one.trace_id.hex(), _pairs(one.attributes), sent.get("authorization", ""))
                    for one in scope.spans
                )
        self._news.set()
        return b""


def _pairs(attributes: Any) -> dict[str, str]:  # noqa: ANN401 (messages that protobuf makes)
    return {one.key: one.value.string_value for one in attributes}


@asynccontextmanager
async def collector() -> AsyncIterator[Collector]:
    """Collect on a port of loopback for the length of a block."""
    found = Collector()
    server = grpc.aio.server()
    export = grpc.unary_unary_rpc_method_handler(found.export)
    name = "opentelemetry.proto.collector.trace.v1.TraceService"
    server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler(name, {"Export": export}),))
    found.port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    try:
        yield found
    finally:
        await server.stop(None)
