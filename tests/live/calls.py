"""gRPC through the gateway: backends that tell who they are and what reached them, and a client for any method."""

from __future__ import annotations

import json
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

import grpc
from typing_extensions import override

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterable

    from tests.certificates import Certificate
    from tests.live.backends import Backend

Metadata = tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class Call:
    """A call of `method`, which is a path such as `/shop.Cart/Add`."""

    method: str
    host: str = "gateway.test"
    metadata: Metadata = ()


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came back: the status, and with OK what the backend received; `initial` is the metadata of the answer."""

    status: grpc.StatusCode
    details: str = ""
    backend: str = ""
    method: str = ""
    received: Metadata = ()
    initial: Metadata = ()

    def values(self, name: str) -> list[str]:
        return [value for key, value in self.received if key == name]


class _Telling(grpc.GenericRpcHandler):  # type: ignore[type-arg] # generic in the stubs only
    """Answers every unary call of every service with who it is and what it received."""

    def __init__(self, backend: Backend) -> None:
        self._backend = backend

    @override
    def service(self, handler_call_details: grpc.HandlerCallDetails) -> grpc.RpcMethodHandler[bytes, bytes]:
        async def answer(_request: bytes, context: grpc.aio.ServicerContext[bytes, bytes]) -> bytes:
            self._backend.served += 1
            await context.send_initial_metadata((("x-from", self._backend.name), ("x-gone", "secret")))
            received = _texts(context.invocation_metadata() or ())
            return json.dumps([self._backend.name, handler_call_details.method, received]).encode()

        return grpc.unary_unary_rpc_method_handler(answer)


@asynccontextmanager
async def telling(backend: Backend, shows: Certificate | None = None) -> AsyncIterator[Backend]:
    """Serve gRPC on a loopback port for the length of a block, over TLS with a certificate; write the port down."""
    server = grpc.aio.server()
    server.add_generic_rpc_handlers((_Telling(backend),))
    if shows is None:
        backend.port = server.add_insecure_port("127.0.0.1:0")
    else:
        credentials = grpc.ssl_server_credentials([(shows.key_pem, shows.pem)])
        backend.port = server.add_secure_port("127.0.0.1:0", credentials)
    await server.start()
    try:
        yield backend
    finally:
        await server.stop(None)


async def call(channel: grpc.aio.Channel, one: Call, within_s: float = 30.0) -> Outcome:
    """Make a call and read all of its answer."""
    made = channel.unary_unary(one.method, None, None)(b"", metadata=one.metadata, timeout=within_s)
    try:
        backend, method, received = json.loads(await made)
    except grpc.aio.AioRpcError as error:
        return Outcome(error.code(), error.details() or "")
    initial = _texts(await made.initial_metadata())
    return Outcome(grpc.StatusCode.OK, "", backend, method, tuple(map(tuple, received)), initial)


@asynccontextmanager
async def channel(port: int, host: str, ip: str = "127.0.0.1") -> AsyncIterator[grpc.aio.Channel]:
    """Open a channel that calls the gateway by this hostname: HTTP/2 without TLS, by prior knowledge."""
    # A channel of its own, or gRPC would share the connection of another hostname.
    options = (("grpc.default_authority", host), ("grpc.use_local_subchannel_pool", 1))
    async with grpc.aio.insecure_channel(f"{ip}:{port}", options=options) as opened:
        yield opened


def _texts(metadata: Iterable[tuple[str, str | bytes]]) -> Metadata:
    return tuple((name, value) for name, value in metadata if isinstance(value, str))
