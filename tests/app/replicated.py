"""Several servers in one process, each with Envoys of its own; relays between them that can be held up.

async with servers(tmp_path, "one", "two") as cluster:
    cluster.write(a=GATEWAY)
    async with cluster["two"].envoy("b"):
        await cluster["one"].until(lambda: cluster["one"].decided() == 1)
"""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack, asynccontextmanager, nullcontext, suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import grpc
from envoy.config.listener.v3.listener_pb2 import Listener
from envoy.extensions.filters.network.http_connection_manager.v3 import http_connection_manager_pb2 as hcm
from envoy.service.discovery.v3 import discovery_pb2
from typing_extensions import override

from tests.cli.folders import folder
from tests.live.relay import relay
from tests.server.clients import call_delta
from xdsserver.admin.answering import Answerer
from xdsserver.app import ControlPlane, Hooks
from xdsserver.files import Folder
from xdsserver.files.values import Limits
from xdsserver.model.places import ListenerKey
from xdsserver.narrator import Narrator
from xdsserver.objects.meta import ObjectKey
from xdsserver.reconciler import FLEET, Reconciler, nobody
from xdsserver.replicas.membership import Membership
from xdsserver.server import XdsOptions
from xdsserver.server.inspections import InspectionPeers
from xdsserver.server.meeting import GivenLeadership, Pace
from xdsserver.server.reporter import Links, Reporter, connect_locally
from xdsserver.server.reports import ReportsServer, local_reports_door
from xdsserver.xds.resource import CLUSTER, LISTENER, ROUTE
from xdsserver.xds.rules import Rules

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Iterable, Mapping
    from contextlib import AbstractContextManager
    from pathlib import Path

    from tests.live.relay import Relay
    from xdsserver.model.places import Delivery
    from xdsserver.objects.meta import KubeObject, Name
    from xdsserver.reconciler import Outcome, Serve
    from xdsserver.replicas import Answer
    from xdsserver.server.reporter import Situation
    from xdsserver.tables import Steps
    from xdsserver.xds.case import Blame, Rejection

WITHIN_S = 30.0
KEY = ListenerKey("Gateway", "default", "edge", "http")
PACE = Pace(heartbeat_s=1.0, backoff_s=0.05)


class Envoy:
    """Speaks delta ADS as an Envoy does: asks for listeners, then for the tables that they name, and answers."""

    def __init__(self, node: str, rejects: bytes = b"", *, clusters: bool = False) -> None:
        self.node = node
        self.rejects = rejects
        self.clusters = clusters
        """It asks for clusters first, and what it rejects are these."""
        self.mute = False
        """It takes what it is sent and says nothing."""
        self.versions: dict[str, str] = {}
        self._owed: list[bytes] = []
        self._call: Any = None

    async def speak(self, channel: grpc.aio.Channel) -> None:
        """Live until the stream ends."""
        self._call = call_delta(channel)
        first = discovery_pb2.DeltaDiscoveryRequest(type_url=LISTENER)
        first.node.id, first.node.cluster = self.node, FLEET
        if self.clusters:
            about = discovery_pb2.DeltaDiscoveryRequest(type_url=CLUSTER, node=first.node)
            await self._call.write(about.SerializeToString())
        await self._call.write(first.SerializeToString())
        while isinstance(content := await self._call.read(), bytes):
            await self._take(discovery_pb2.DeltaDiscoveryResponse.FromString(content))

    async def _take(self, response: discovery_pb2.DeltaDiscoveryResponse) -> None:
        answer = discovery_pb2.DeltaDiscoveryRequest(type_url=response.type_url, response_nonce=response.nonce)
        about = not self.clusters or response.type_url == CLUSTER
        bad = about and bool(self.rejects) and any(self.rejects in one.resource.value for one in response.resources)
        if bad:
            answer.error_detail.code, answer.error_detail.message = 13, f"{self.node} does not like it"
        else:
            self.versions.update((f"{response.type_url} {one.name}", one.version) for one in response.resources)
        await self._say(answer)
        if response.type_url == LISTENER and not bad:
            tables = [name for one in response.resources for name in _tables(one.resource.value)]
            await self._say(discovery_pb2.DeltaDiscoveryRequest(type_url=ROUTE, resource_names_subscribe=tables))

    async def _say(self, request: discovery_pb2.DeltaDiscoveryRequest) -> None:
        if self.mute:
            self._owed.append(request.SerializeToString())
        else:
            await self._call.write(request.SerializeToString())

    async def speak_up(self) -> None:
        """Say all that was not said while it was mute."""
        self.mute = False
        owed, self._owed = self._owed, []
        for content in owed:
            await self._call.write(content)


def _tables(listener: bytes) -> Iterable[str]:
    for chain in Listener.FromString(listener).filter_chains:
        for one in chain.filters:
            manager = hcm.HttpConnectionManager.FromString(one.typed_config.value)
            yield manager.rds.route_config_name


@dataclass
class Server:
    """One server: what it serves, what it decided, and the network between it and each leader."""

    name: str
    plane: ControlPlane
    reports: ReportsServer
    leadership: GivenLeadership
    answerer: Answerer
    """What it tells people, and other servers."""
    situations: list[Situation] = field(default_factory=list)
    rows: list[Delivery | None] = field(default_factory=list)
    """All that it ever took for delivered, in order."""
    relays: dict[str, Relay] = field(default_factory=dict)
    release: Callable[[], AbstractContextManager[object]] = nullcontext
    """What is different in this server while it computes."""

    def take(self, changes: list[tuple[str, Name, KubeObject | None]]) -> None:
        with self.release():
            self.plane.objects(changes)

    @property
    def row(self) -> Delivery | None:
        """What it takes for delivered."""
        return self.plane.reconciler.pipeline.deliveries.rows.get(KEY)

    def decided(self) -> int | None:
        return None if self.row is None else self.row.generation

    def answer_of(self, replica: str) -> list[str] | None:
        """Give whom another server says to wait for, of this generation, as it was told to this one that leads."""
        found = self.plane.answers._tally._replicas.get(replica)
        answer = None if found is None else found.answers.get(KEY)
        awaited = self.plane.answers.awaited.get(KEY)
        # What was said of the generation before may come late, and counts for nothing.
        if answer is None or awaited is None or answer.subject.generation < awaited.generation:
            return None
        return sorted(answer.waiting or ())

    def waits_for(self) -> list[str]:
        """Give which of its own Envoys have not acknowledged what is awaited of the listener."""
        lags = dict(self.plane.answers._receipts.lags())
        return sorted(lags[KEY].waiting) if KEY in lags else []

    def told(self) -> int | None:
        """Give the generation of which the leader spoke last, whether it asked or had decided."""
        found = {**self.plane.answers._decided, **self.plane.answers._asked}.get(KEY)
        return None if found is None else found.generation

    def said_of(self, replica: str) -> Answer | None:
        """Give what another server said last of the listener, of whichever generation, to this one that leads."""
        found = self.plane.answers._tally._replicas.get(replica)
        return None if found is None else found.answers.get(KEY)

    async def hear_out(self, other: Server) -> None:
        """Wait until this one that leads has taken in all that another server has to say by now.

        An Envoy that comes is told after what all Envoys have, and settled together with it.
        """
        async with other.envoy("last word"):
            await self.until(lambda: self.speaker_of("last word") == other.name)
            await self.until(lambda: self.plane.answers._soon is None)
        await self.until(lambda: self.speaker_of("last word") is None and self.plane.answers._soon is None)

    def speaker_of(self, node: str) -> str | None:
        """Give the server that speaks for an Envoy, as this one sees it that leads."""
        return self.plane.answers._tally._speaking().get(FLEET, {}).get(node)

    def rejected(self) -> list[Rejection]:
        return list(self.plane.reconciler.pipeline.rejections.rows.values())

    def conditions(self, kind: str = "Gateway", name: str = "edge") -> str:
        return str(self.plane.reconciler.pipeline.statuses.rows.get(ObjectKey(kind, "default", name)))

    async def until(self, condition: Callable[[], object], within_s: float = WITHIN_S) -> None:
        """Wait for what the loop brings about."""
        async with asyncio.timeout(within_s):
            while not condition():  # noqa: ASYNC110 (a condition of several servers, of which no one event tells)
                await asyncio.sleep(0.01)

    @asynccontextmanager
    async def envoy(
        self, node: str, rejects: bytes = b"", *, mute: bool = False, clusters: bool = False
    ) -> AsyncIterator[Envoy]:
        """Connect an Envoy for the length of a block."""
        found = Envoy(node, rejects, clusters=clusters)
        found.mute = mute
        async with grpc.aio.insecure_channel(self.plane.server.addresses[0]) as channel:
            speaking = asyncio.create_task(found.speak(channel))
            try:
                yield found
            finally:
                speaking.cancel()
                with suppress(asyncio.CancelledError, grpc.aio.AioRpcError):
                    await speaking


@dataclass
class Cluster:
    """Servers that read one folder."""

    path: Path
    servers: dict[str, Server]

    def __post_init__(self) -> None:
        self._folder = Folder(self.path, Limits(settle_s=0))

    def __getitem__(self, name: str) -> Server:
        return self.servers[name]

    def write(self, *, but: str = "", **files: str) -> list[tuple[str, Name, KubeObject | None]]:
        """Write files, and let all servers read them `but` one."""
        folder(self.path, **files)
        changes = [(one.kind, one.name, one.object) for one in self._folder.scan().changes]
        for name, server in self.servers.items():
            if name != but:
                server.take(changes)
                server.plane.server.ready()
        return changes

    def lead(self, leader: str | None, *, of: Iterable[str] = ()) -> None:
        """Let one of them lead, as these see it; all of them without."""
        for name in of or self.servers:
            server = self.servers[name]
            addresses = {other: server.relays[other].address for other in server.relays}
            server.leadership.set(Membership({**addresses, name: server.reports.address}, leader))


@asynccontextmanager
async def servers(path: Path, *names: str) -> AsyncIterator[Cluster]:
    """Run servers for the length of a block; nobody leads yet."""
    async with AsyncExitStack() as stack:
        found = {name: await stack.enter_async_context(_server(path, name)) for name in names}
        for server in found.values():
            for other in found.values():
                if other is not server:
                    server.relays[other.name] = await stack.enter_async_context(relay(other.reports.address))
        yield Cluster(path, found)


class _Listening(Reconciler):
    """A Reconciler that keeps what it was told of the listener that tests ask about."""

    def __init__(self) -> None:
        super().__init__()
        self.heard: list[Delivery | None] = []

    @override
    def answers_in_steps(
        self,
        deliveries: Mapping[ListenerKey, Delivery | None],
        rejections: Mapping[Blame, Rejection | None],
        serve: Serve = nobody,
    ) -> Steps[Outcome]:
        self.heard += [row for key, row in deliveries.items() if key == KEY]
        return super().answers_in_steps(deliveries, rejections, serve)


@asynccontextmanager
async def _server(path: Path, name: str) -> AsyncIterator[Server]:
    hooks = Hooks(keep=lambda _written: None, place=lambda _key: None)
    options = XdsOptions(("127.0.0.1:0",), Rules(fleet_of=lambda _node: FLEET))
    reconciler = _Listening()
    plane = ControlPlane(reconciler, options, Narrator(lambda _notice: None, path), hooks, name)
    leadership = GivenLeadership(Membership({}, None))
    answerer = Answerer(plane.world, plane.waits, InspectionPeers(name, leadership, connect_locally))
    reports = ReportsServer(local_reports_door("127.0.0.1:0"), plane.answers, PACE, answerer.answer)
    found = Server(name, plane, reports, leadership, answerer, rows=reconciler.heard)
    links = Links(connect_locally, reports.resigned, found.situations.append)
    async with plane.serving():
        await reports.start()
        plane.answers.follow()
        playing = asyncio.create_task(Reporter(plane.answers, leadership, PACE, links).run())
        try:
            yield found
        finally:
            playing.cancel()
            with suppress(asyncio.CancelledError):
                await playing
            await reports.stop(0)
