"""gRPC reflection: which services there are and what their messages are, for tools that know no `.proto` file.

Its version 1 and version 1alpha are the same messages under two names; tools ask for the newer one first.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import grpc
from grpc_reflection.v1alpha import reflection_pb2
from grpc_reflection.v1alpha._async import ReflectionServicer

if TYPE_CHECKING:
    from collections.abc import Iterable

_ALPHA: Final = reflection_pb2.DESCRIPTOR.services_by_name["ServerReflection"].full_name
_STABLE: Final = "grpc.reflection.v1.ServerReflection"


def handlers(services: Iterable[str]) -> tuple[grpc.GenericRpcHandler[Any, Any], ...]:
    """Give what a gRPC server is to be told so that it describes these services, and itself.

    Their descriptors must be imported by whoever serves them. Version 1 has no descriptor in Python, so it answers
    without being listed: a tool that lists goes on to ask what each service looks like.
    """
    servicer = ReflectionServicer((*services, _ALPHA))
    method = grpc.stream_stream_rpc_method_handler(
        servicer.ServerReflectionInfo,
        reflection_pb2.ServerReflectionRequest.FromString,
        reflection_pb2.ServerReflectionResponse.SerializeToString,
    )
    return tuple(
        grpc.method_handlers_generic_handler(name, {"ServerReflectionInfo": method}) for name in (_STABLE, _ALPHA)
    )
