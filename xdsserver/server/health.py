"""`grpc.health.v1.Health`: not serving until every source has listed, serving from then on, not serving at the end.

Of the services of this server only the one for Envoys has a state of its own; the empty name stands for the whole.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any, Final

import grpc
from grpc_health.v1 import health_pb2

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from xdsserver.server.stream import Context

SERVICE: Final = health_pb2.DESCRIPTOR.services_by_name["Health"].full_name

_Status = health_pb2.HealthCheckResponse


class Health:
    """The health of the server; who watches it is told of each change, and let go at the stop."""

    def __init__(self, *services: str) -> None:
        """Begin as not serving, under the empty name and these."""
        self._names = frozenset({"", *services})
        self._serving = False
        self._stopping = False
        self._changed = asyncio.Event()

    @property
    def serving(self) -> bool:
        """Whether Envoys are answered."""
        return self._serving

    def set_serving(self) -> None:
        """Say from now on that Envoys are answered."""
        self._serving = True
        self._tell()

    def stop(self) -> None:
        """Say that nobody is answered any more, and end all watches: an open one would hold up the server's end."""
        self._serving, self._stopping = False, True
        self._tell()

    def handler(self) -> grpc.GenericRpcHandler[Any, Any]:
        """Give what a gRPC server is to be told of this."""
        read, write = health_pb2.HealthCheckRequest.FromString, _Status.SerializeToString
        methods = {
            "Check": grpc.unary_unary_rpc_method_handler(self._check, read, write),
            "Watch": grpc.unary_stream_rpc_method_handler(self._watch, read, write),
        }
        return grpc.method_handlers_generic_handler(SERVICE, methods)

    async def _check(self, request: health_pb2.HealthCheckRequest, context: Context) -> health_pb2.HealthCheckResponse:
        if request.service not in self._names:
            await context.abort(grpc.StatusCode.NOT_FOUND, f"there is no service {request.service!r} here")
        return self._answer(request)

    async def _watch(
        self, request: health_pb2.HealthCheckRequest, _context: Context
    ) -> AsyncIterator[health_pb2.HealthCheckResponse]:
        while True:
            changed = self._changed
            yield self._answer(request)
            if self._stopping:
                return
            await changed.wait()

    def _answer(self, request: health_pb2.HealthCheckRequest) -> health_pb2.HealthCheckResponse:
        if request.service not in self._names:
            return _Status(status=_Status.SERVICE_UNKNOWN)
        return _Status(status=_Status.SERVING if self._serving else _Status.NOT_SERVING)

    def _tell(self) -> None:
        self._changed.set()
        self._changed = asyncio.Event()
