"""The aggregated discovery service in both dialects: listen, make a session per stream, pass changes to all.

Handlers are generic and responses are ready bytes, because a response is joined from fragments that all streams share.
"""

from __future__ import annotations

import asyncio
import secrets
from dataclasses import dataclass, replace
from functools import partial
from itertools import count
from typing import TYPE_CHECKING, Any, Final, TypeAlias

import grpc
from envoy.service.discovery.v3 import ads_pb2

from xdsserver.server import client_status, health, reflection
from xdsserver.server.admission import Admission
from xdsserver.server.bind import BindFailedError
from xdsserver.server.doors import local_door
from xdsserver.server.heap import Heap
from xdsserver.server.stream import Common, Dialect, Ending, Stream
from xdsserver.xds import wire
from xdsserver.xds.footing import Footing
from xdsserver.xds.quarantine import Quarantine
from xdsserver.xds.session import Session

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping, Sequence

    from xdsserver.server.doors import Door
    from xdsserver.server.stream import Context
    from xdsserver.xds.cache import Cache, ResourceKey
    from xdsserver.xds.ledger import Event, Ledger
    from xdsserver.xds.quarantine import Changed
    from xdsserver.xds.resource import Resource
    from xdsserver.xds.rules import Rules

MethodHandler: TypeAlias = "grpc.RpcMethodHandler[Any, Any]"

# By its descriptor, which reflection tells of.
_SERVICE: Final = ads_pb2.DESCRIPTOR.services_by_name["AggregatedDiscoveryService"].full_name
_DELTA: Final = Dialect(wire.read_delta, wire.write_delta)
_SOTW: Final = Dialect(wire.read_sotw, wire.write_sotw)
_EXPIRED: Final = Ending(grpc.StatusCode.UNAUTHENTICATED, "what the client proved itself with has expired")
_STOPPING: Final = Ending(grpc.StatusCode.UNAVAILABLE, "the server is stopping; connect to another one, or again")


@dataclass(frozen=True, slots=True)
class XdsOptions:
    """How the server listens.

    Each address of plaintext is `HOST:PORT` on loopback (port 0: any) or `unix:PATH`; `rules.fleet_of` decides what is
    given there. `doors` are further ways in, each with its own word on that.
    """

    addresses: tuple[str, ...]
    rules: Rules
    doors: tuple[Door, ...] = ()
    write_timeout_s: float = 10.0
    """For how long a client may take nothing before it is cut off."""
    max_request_bytes: int = 4 * 1024 * 1024
    keepalive_s: float = 30.0
    """How often a silent connection is asked whether it lives; it has a third of that to answer."""
    full_syncs: int = 32
    """Clients that may be taking everything at once; others that need everything wait for their turn."""
    connection_age_s: float = 11 * 3600.0
    """How old a connection may become, give or take a tenth that gRPC draws for each: Envoys spread over replicas again
    after one was away, and never all at once."""
    connection_grace_s: float = 5.0
    """How long a stream lasts after its connection has been told that it is too old. Streams of Envoys do not end by
    themselves, and what is under way on one is sent again on the next as far as it was not acknowledged."""
    streams_per_connection: int = 100


class XdsServer:
    """The xDS server. All methods are called from the event loop that `start` ran in.

    `on_event` is told what Envoys were sent and said, one event at a time, from within the loop: it must be quick and
    must not call back. Where it writes a `ledger`, people's tools can ask what is in it.
    """

    def __init__(
        self, cache: Cache, options: XdsOptions, on_event: Callable[[Event], None], ledger: Ledger | None = None
    ) -> None:
        self._cache = cache
        self._options = options
        self._heap = Heap()
        # A place is held no longer than a client may take to accept a write.
        self.admission = Admission(options.full_syncs, options.write_timeout_s, self._heap.settle)
        """Who takes everything now, and who waits for it."""
        self._on_event = on_event
        self.quarantine = Quarantine(cache)
        """What Envoys reject, for those who tell people of it."""
        self._common = Common(cache, self.admission, self._hear, options.write_timeout_s)
        self._streams: set[Stream] = set()
        # Nonces of an earlier process must not look like ours.
        self._process = secrets.token_hex(4)
        self._numbers = count(1)
        self._health = health.Health(_SERVICE)
        self._clients = None if ledger is None else client_status.ClientStatus(cache, ledger)
        self._servers: tuple[grpc.aio.Server, ...] = ()
        self._stopping = False
        self.addresses: tuple[str, ...] = ()
        """Where it listens, plaintext first, with the ports that were given; empty before `start`."""

    async def start(self) -> None:
        """Listen on all addresses.

        Raises:
            BindRefusedError: an address that plaintext must not be served on.
            BindFailedError: an address that is taken or not ours to have.
        """
        await self.open((local_door(self._options.addresses, self._options.rules.fleet_of), *self._options.doors))
        if self._cache.ready:
            self._health.set_serving()

    async def open(self, doors: Sequence[Door]) -> None:
        """Listen at further doors, for whose proofs something had to be known first; none is opened if one cannot be.

        Raises:
            BindRefusedError: an address that plaintext must not be served on.
            BindFailedError: an address that is taken or not ours to have.
        """
        for door in doors:
            door.check()
        servers = [self._server(door) for door in doors]
        addresses = [
            _bind(server, door, address)
            for server, door in zip(servers, doors, strict=True)
            for address in door.addresses
        ]
        for server in servers:
            await server.start()
        self._servers += tuple(servers)
        self.addresses += tuple(addresses)

    @property
    def serving(self) -> bool:
        """Whether Envoys are answered: from when all sources have listed until the stop."""
        return self._health.serving

    def publish(self, changes: Mapping[ResourceKey, Resource | None]) -> None:
        """Make this the configuration from now on (None: removed), but for what Envoys reject of it.

        Returns before it is sent.
        """
        self._notify(self.quarantine.apply(changes))

    async def written(self, within_s: float) -> None:
        """Wait until what was published is written to the Envoys that read, for so many seconds at most."""
        await self._common.bustle.rest(within_s)

    def ready(self) -> None:
        """Answer the streams that were held: every source has listed, so what is missing does not exist."""
        self._stand_on(Footing.LISTED)

    def fall_back(self) -> None:
        """Answer those that hold nothing, until `ready`: what is published is a saved state."""
        if not self._cache.ready:
            self._stand_on(Footing.SAVED)

    def _hear(self, event: Event) -> None:
        """Take what an Envoy was sent or said; what it rejects is kept from the others before anybody is told."""
        self._notify(self.quarantine.hear(event))
        self._on_event(event)

    def _notify(self, changed: Changed) -> None:
        for stream in self._streams if changed else ():
            if (names := changed.get(stream.session.fleet or "")) is not None:
                stream.notify(names)

    def _stand_on(self, footing: Footing) -> None:
        if self._cache.footing is not footing:
            self._cache.footing = footing
            self._health.set_serving()
            for stream in self._streams:
                stream.notify({})

    async def stop(self, grace_s: float) -> None:
        """End all streams and stop listening, in at most `grace_s` and a little."""
        self._stopping = True
        self._health.stop()
        for stream in self._streams:
            stream.end(_STOPPING)
        await asyncio.gather(*(server.stop(grace_s) for server in self._servers))
        self._heap.close()

    def _server(self, door: Door) -> grpc.aio.Server:
        server = grpc.aio.server(options=_grpc_options(self._options))
        handlers = {
            "DeltaAggregatedResources": _handler(partial(self._serve, door, _DELTA)),
            "StreamAggregatedResources": _handler(partial(self._serve, door, _SOTW)),
        }
        discovery = grpc.method_handlers_generic_handler(_SERVICE, handlers)
        server.add_generic_rpc_handlers((discovery, *self._for_people(door)))
        return server

    def _for_people(self, door: Door) -> tuple[grpc.GenericRpcHandler[Any, Any], ...]:
        """Give the services that only look: health, reflection and the status of clients."""
        services = [_SERVICE, health.SERVICE]
        handlers = [self._health.handler()]
        if self._clients is not None:
            services.append(client_status.SERVICE)
            handlers.append(self._clients.handler(partial(self._sight, door)))
        return (*handlers, *reflection.handlers(services))

    async def _sight(self, door: Door, context: Context) -> client_status.FleetOf:
        """Let a caller see what it would be given over xDS, by the same proof."""
        permit = await door.authenticate(context)
        if isinstance(permit, Ending):
            await context.abort(permit.code, permit.words)
        return permit.fleet_of

    async def _serve(self, door: Door, dialect: Dialect, _request: object, context: Context) -> None:
        permit = await door.authenticate(context)
        if isinstance(permit, Ending):
            context.set_code(permit.code)
            context.set_details(permit.words)
            return
        rules = replace(self._options.rules, fleet_of=permit.fleet_of)
        session = Session(f"{self._process}.{next(self._numbers)}", self._cache, rules)
        stream = Stream(session, dialect, self._common)
        self._streams.add(stream)
        if self._stopping:
            stream.end(_STOPPING)
        expiry = None
        if permit.expires_in_s is not None:
            expiry = asyncio.get_running_loop().call_later(permit.expires_in_s, stream.end, _EXPIRED)
        try:
            await stream.run(context)
        finally:
            if expiry is not None:
                expiry.cancel()
            self._streams.discard(stream)


def _handler(serve: Callable[[object, Context], Awaitable[None]]) -> MethodHandler:
    # Without serialisers gRPC hands over the bytes as they are.
    handler: MethodHandler = grpc.stream_stream_rpc_method_handler(serve)
    return handler


def _bind(server: grpc.aio.Server, door: Door, address: str) -> str:
    try:
        if door.credentials is None:
            port = server.add_insecure_port(address)
        else:
            port = server.add_secure_port(address, door.credentials)
    except RuntimeError as error:
        message = f"xDS address {address} cannot be listened on: is another server running there? ({error})"
        raise BindFailedError(message) from error
    return address if address.startswith("unix:") else f"{address.rpartition(':')[0]}:{port}"


def _grpc_options(options: XdsOptions) -> tuple[tuple[str, int], ...]:
    keepalive_ms = round(options.keepalive_s * 1000)
    return (
        ("grpc.max_receive_message_length", options.max_request_bytes),
        # One resource may be larger than gRPC's default for messages.
        ("grpc.max_send_message_length", -1),
        ("grpc.keepalive_time_ms", keepalive_ms),
        ("grpc.keepalive_timeout_ms", keepalive_ms // 3),
        # Envoy asks us, too, and more often than gRPC's default allows before it counts as abuse.
        ("grpc.http2.min_ping_interval_without_data_ms", 5000),
        ("grpc.max_connection_age_ms", round(options.connection_age_s * 1000)),
        ("grpc.max_connection_age_grace_ms", round(options.connection_grace_s * 1000)),
        ("grpc.max_concurrent_streams", options.streams_per_connection),
        # A second server on the port would get every other connection instead of an error.
        ("grpc.so_reuseport", 0),
        # Its notes on each connection and call would be read by nobody.
        ("grpc.enable_channelz", 0),
    )
