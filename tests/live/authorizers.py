"""Services that are asked whether requests may go on, over HTTP and over gRPC, and what they were asked.

What they answer goes by the `authorization` of the request: `allow` lets it through, and so does `as NAME`, which makes
NAME its `x-role`; `status N` answers so, `error` fails, `late` never answers, `touch HEADER` lets it through with a
header that is not theirs to set. All else, and nothing at all, is denied.
"""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, TypeAlias

import grpc
from aiohttp import web
from envoy.config.core.v3.base_pb2 import HeaderValue
from envoy.service.auth.v3 import external_auth_pb2
from envoy.type.v3.http_status_pb2 import StatusCode

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable, Mapping


@dataclass(frozen=True, slots=True)
class Asked:
    """What a service was asked: names of headers in lower case."""

    by: str
    method: str
    path: str
    host: str
    headers: Mapping[str, str]
    body: bytes


@dataclass(slots=True)
class Authorizers:
    """Two services; `asked` holds what they were asked, in the order in which it came."""

    http: int = 0
    grpc: int = 0
    asked: list[Asked] = field(default_factory=list)


Context: TypeAlias = "grpc.aio.ServicerContext[external_auth_pb2.CheckRequest, external_auth_pb2.CheckResponse]"

HTTP = "auth-http"
GRPC = "auth-grpc"


@asynccontextmanager
async def authorizers() -> AsyncIterator[Authorizers]:
    """Serve both on loopback ports for the length of a block."""
    found = Authorizers()
    runner = web.ServerRunner(web.Server(_over_http(found)), shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    found.http = runner.addresses[0][1]
    server = grpc.aio.server()
    check = grpc.unary_unary_rpc_method_handler(
        _over_grpc(found),
        request_deserializer=external_auth_pb2.CheckRequest.FromString,
        response_serializer=external_auth_pb2.CheckResponse.SerializeToString,
    )
    service = grpc.method_handlers_generic_handler("envoy.service.auth.v3.Authorization", {"Check": check})
    server.add_generic_rpc_handlers((service,))
    found.grpc = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    try:
        yield found
    finally:
        await server.stop(None)
        await runner.cleanup()


def _over_http(found: Authorizers) -> Callable[[web.BaseRequest], Awaitable[web.StreamResponse]]:
    async def answer(request: web.BaseRequest) -> web.StreamResponse:
        headers = {name.lower(): value for name, value in request.headers.items()}
        found.asked.append(Asked(HTTP, request.method, request.raw_path, request.host, headers, await request.read()))
        match headers.get("authorization", "").split(" "):
            case ["status", status]:
                return web.Response(status=int(status), headers={"location": "http://login.test/"})
            case ["error"]:
                return web.Response(status=500)
            case ["late"]:
                await asyncio.sleep(30)
            case ["touch", _]:
                return web.Response(text="x" * 100, headers={"host": "evil.test", "te": "trailers", "x-user": "alice"})
            case ["as", role]:
                return web.Response(headers={"x-role": role, "x-user": "alice", "x-other": "too"})
            case ["allow"]:
                return web.Response(text="allowed", headers={"x-role": "user", "x-user": "alice", "x-other": "too"})
        return web.Response(status=401, text=f"{HTTP} says no", headers={"www-authenticate": "Test", "x-user": "no"})

    return answer


def _over_grpc(
    found: Authorizers,
) -> Callable[[external_auth_pb2.CheckRequest, Context], Awaitable[external_auth_pb2.CheckResponse]]:
    async def check(request: external_auth_pb2.CheckRequest, context: Context) -> external_auth_pb2.CheckResponse:
        http = request.attributes.request.http
        body = http.body.encode() or http.raw_body
        found.asked.append(Asked(GRPC, http.method, http.path, http.host, dict(http.headers), body))
        out = external_auth_pb2.CheckResponse()
        match http.headers.get("authorization", "").split(" "):
            case ["error"]:
                await context.abort(grpc.StatusCode.UNAVAILABLE, "no")
            case ["late"]:
                await asyncio.sleep(30)
            case ["touch", name]:
                out.ok_response.headers.add().header.MergeFrom(HeaderValue(key=name, value="/evil.test"))
            case ["as", role]:
                out.ok_response.headers.add().header.MergeFrom(HeaderValue(key="x-role", value=role))
            case ["allow"]:
                out.ok_response.headers.add().header.MergeFrom(HeaderValue(key="x-user", value="bob"))
            case _:
                out.status.code = grpc.StatusCode.PERMISSION_DENIED.value[0]
                out.denied_response.status.code = StatusCode.PaymentRequired
                out.denied_response.body = f"{GRPC} says no"
        return out

    return check
