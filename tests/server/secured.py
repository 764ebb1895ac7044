"""A server behind doors of TLS, and clients that show certificates and tokens."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, TypeAlias

import grpc
from envoy.service.discovery.v3 import discovery_pb2

from xdsserver.authority import MemoryStore, issue_client, make_authority
from xdsserver.server import XdsOptions, XdsServer
from xdsserver.xds.cache import Cache
from xdsserver.xds.ledger import Joined, Ledger
from xdsserver.xds.rules import Rules

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from xdsserver.authority import KeyPair
    from xdsserver.server.doors import Door, Permit
    from xdsserver.server.stream import Context, Ending
    from xdsserver.xds.ledger import Event

WITHIN_S = 30.0
ADS = "/envoy.service.discovery.v3.AggregatedDiscoveryService"
DELTA, SOTW = f"{ADS}/DeltaAggregatedResources", f"{ADS}/StreamAggregatedResources"
DAY = timedelta(days=1)
TODAY = datetime.now(UTC)
AUTHORITY = make_authority(TODAY - DAY)
STORE = MemoryStore(AUTHORITY)

Call: TypeAlias = "grpc.aio.StreamStreamCall[bytes, bytes]"


def envoy_of(fleet: str, authority: KeyPair = AUTHORITY) -> KeyPair:
    """Issue what an Envoy of a fleet proves itself with."""
    return issue_client(authority, fleet, 7 * DAY, datetime.now(UTC))


@dataclass
class Secured:
    """A server behind one door, what it told, and how many streams came as far as that door."""

    server: XdsServer
    events: list[Event]
    knocks: int = 0

    @property
    def joined(self) -> list[tuple[str, str]]:
        """(node.id, fleet) of all streams that were let in."""
        return [(event.node.id, event.fleet) for event in self.events if isinstance(event, Joined)]

    @asynccontextmanager
    async def channel(self, shown: KeyPair | None, trusted: bytes = AUTHORITY.certificate) -> AsyncIterator[Any]:
        """Connect and show this certificate."""
        key, certificate = (None, None) if shown is None else (shown.key, shown.certificate)
        credentials = grpc.ssl_channel_credentials(trusted, key, certificate)
        # A channel of its own connection, whatever others of this process have: sessions are not shared either.
        options = [("grpc.ssl_target_name_override", "xdsserver"), ("grpc.use_local_subchannel_pool", 1)]
        async with grpc.aio.secure_channel(self.server.addresses[0], credentials, options=options) as channel:
            yield channel


@asynccontextmanager
async def behind(door: Door) -> AsyncIterator[Secured]:
    """Run a server behind a door for the length of a block."""
    events: list[Event] = []
    ledger = Ledger()

    def hear(event: Event) -> None:
        events.append(event)
        ledger.fold(event)

    async def authenticate(context: Context) -> Permit | Ending:
        found.knocks += 1
        return await door.authenticate(context)

    # Nothing is served in plaintext: the rules of that are never asked.
    rules = Rules(fleet_of=lambda _node: "nobody/nothing")
    options = XdsOptions((), rules, doors=(replace(door, authenticate=authenticate),))
    found = Secured(XdsServer(Cache(ready=True), options, hear, ledger), events)
    await found.server.start()
    try:
        yield found
    finally:
        await found.server.stop(0)


def call(channel: Any, method: str = DELTA, metadata: tuple[tuple[str, str], ...] = ()) -> Call:  # noqa: ANN401 (the stubs want serialisers)
    """Open a stream of bytes."""
    made: Call = channel.stream_stream(method)(metadata=metadata)
    return made


def delta(type_url: str, *names: str, cluster: str = "", node: str = "n", nonce: str = "") -> bytes:
    """A request of the delta dialect; with a cluster it introduces a node."""
    request = discovery_pb2.DeltaDiscoveryRequest(
        type_url=type_url, resource_names_subscribe=names, response_nonce=nonce
    )
    if cluster:
        request.node.id, request.node.cluster = node, cluster
    return request.SerializeToString()


def sotw(type_url: str, *names: str, cluster: str = "", node: str = "n") -> bytes:
    """A request of the state-of-the-world dialect; with a cluster it introduces a node."""
    request = discovery_pb2.DiscoveryRequest(type_url=type_url, resource_names=names)
    if cluster:
        request.node.id, request.node.cluster = node, cluster
    return request.SerializeToString()


async def answer(stream: Call) -> bytes:
    """Read one response."""
    async with asyncio.timeout(WITHIN_S):
        content = await stream.read()
    assert isinstance(content, bytes), f"the stream ended: {await stream.code()} {await stream.details()}"
    return content


async def ends_with(stream: Call) -> tuple[grpc.StatusCode, str]:
    """Wait for the end of a stream: its status and words."""
    async with asyncio.timeout(WITHIN_S):
        return await stream.code(), str(await stream.details())
