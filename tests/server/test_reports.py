"""Who may report: servers, proven by their certificate, to a server that leads."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager, suppress
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import grpc
import pytest

from tests.server.secured import AUTHORITY, STORE, TODAY, WITHIN_S, behind, call, ends_with, envoy_of
from xdsserver.authority import MemoryStore, issue_replica, issue_server, make_authority
from xdsserver.replicas import Envoy, Matter, State, Statement, Subject, Witness
from xdsserver.replicas.agenda import Agenda
from xdsserver.replicas.attendance import Attendance
from xdsserver.replicas.statements import Attending
from xdsserver.replicas.tally import OverfullError, UnknownReplicaError
from xdsserver.replicas.wire import read_agenda, write_statement
from xdsserver.server.bind import BindFailedError, BindRefusedError
from xdsserver.server.meeting import METHOD, SERVICE, Pace
from xdsserver.server.mutual_tls import ServerCertificates, certificate_door, replica_channel, replica_door
from xdsserver.server.reports import ReportsServer, local_reports_door

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterable

    from xdsserver.authority import KeyPair
    from xdsserver.server.reports import ReportsDoor

REPORT = f"/{SERVICE}/{METHOD}"
ANY = "127.0.0.1:0"
PACE = Pace(heartbeat_s=0.1, silent_s=0.5)


class Leader:
    """A member that leads, and keeps what it is told."""

    def __init__(self, *, leads: bool = True) -> None:
        self.witness = Witness("one", Attendance())
        self.agenda = Agenda()
        self.leads = leads
        self.said: list[tuple[str, Statement]] = []

    def lead(self, others: frozenset[str]) -> None:
        raise NotImplementedError

    def follow(self) -> None:
        raise NotImplementedError

    def told(self, matters: Iterable[Matter]) -> None:
        raise NotImplementedError

    def report(self, replica: str, statement: Statement) -> None:
        if replica == "stranger":
            raise UnknownReplicaError(replica)
        if len(statement.attending) > 2:
            raise OverfullError(replica)
        self.said.append((replica, statement))


@asynccontextmanager
async def reports(door: ReportsDoor, leader: Leader, pace: Pace = PACE) -> AsyncIterator[ReportsServer]:
    found = ReportsServer(door, leader, pace)
    await found.start()
    try:
        yield found
    finally:
        await found.stop(0)


def _secure() -> ReportsDoor:
    return replica_door(ANY, ServerCertificates(STORE))


def _showing(address: str, shown: KeyPair | None) -> grpc.aio.Channel:
    key, certificate = (None, None) if shown is None else (shown.key, shown.certificate)
    credentials = grpc.ssl_channel_credentials(AUTHORITY.certificate, key, certificate)
    options = [("grpc.ssl_target_name_override", "xdsserver"), ("grpc.use_local_subchannel_pool", 1)]
    return grpc.aio.secure_channel(address, credentials, options=options)


def hello(name: str = "two", *nodes: str) -> bytes:
    attending = tuple(Attending(Envoy("f/f", node), 0.0) for node in nodes)
    return write_statement(Statement(name, attending, complete=True), "")


async def _ends(address: str, shown: KeyPair | None) -> tuple[grpc.StatusCode, str]:
    async with _showing(address, shown) as channel:
        return await ends_with(call(channel, REPORT))


async def test_a_server_that_proves_to_be_one_reports_and_is_told() -> None:
    leader = Leader()
    subject = Subject(("Gateway", "n", "g", "l"), "u", 1)  # type: ignore[arg-type]
    leader.agenda.put(Matter(subject, State.OPEN))
    async with reports(_secure(), leader) as server, replica_channel(STORE, server.address) as channel:
        stream = call(channel, REPORT)
        await stream.write(hello("two", "a"))
        (matter,) = read_agenda(await _read(stream))
        assert (matter.subject.generation, matter.state) == (1, State.OPEN)
        assert [(name, len(statement.attending)) for name, statement in leader.said] == [("two", 1)]
        leader.agenda.withdraw(subject.key)
        while not (matters := read_agenda(await _read(stream))):
            """Heartbeats."""
        assert [one.state for one in matters] == [State.WITHDRAWN]


async def _read(stream: Any) -> bytes:  # noqa: ANN401 (the stubs want serialisers)
    async with asyncio.timeout(WITHIN_S):
        content = await stream.read()
    assert isinstance(content, bytes), f"the stream ended: {await stream.code()} {await stream.details()}"
    return content


async def _last_word(stream: Any) -> grpc.StatusCode:  # noqa: ANN401 (the stubs want serialisers)
    """Read over heartbeats to the end."""
    with suppress(grpc.aio.AioRpcError):
        async with asyncio.timeout(WITHIN_S):
            while isinstance(await stream.read(), bytes):
                """What was under way."""
    return (await ends_with(stream))[0]


async def test_s2_the_certificate_of_a_fleet_reports_nothing() -> None:
    """S2: identity from the certificate's SAN decides; an Envoy is no server, and is denied."""
    leader = Leader()
    async with reports(_secure(), leader) as server:
        code, words = await _ends(server.address, envoy_of("a/edge"))
        assert (code, "only a server may report" in words) == (grpc.StatusCode.PERMISSION_DENIED, True)
        assert leader.said == []


@pytest.mark.parametrize("kind", ["none", "of a foreign authority", "what a server shows to Envoys"])
async def test_s1_without_a_good_certificate_nobody_reports(kind: str) -> None:
    """S1: no or a foreign certificate: the handshake is refused, UNAVAILABLE; one of another purpose, too."""
    shown = {
        "none": None,
        "of a foreign authority": issue_replica(make_authority(TODAY), TODAY),
        "what a server shows to Envoys": issue_server(AUTHORITY, ("xdsserver",), TODAY),
    }[kind]
    async with reports(_secure(), Leader()) as server:
        assert (await _ends(server.address, shown))[0] is grpc.StatusCode.UNAVAILABLE


async def test_s2_what_servers_prove_themselves_with_reads_no_fleet() -> None:
    """S2: a certificate is bound to the fleets that it names; that of a server names none."""
    door = certificate_door((ANY,), ServerCertificates(STORE))
    async with behind(door) as plane, plane.channel(issue_replica(AUTHORITY, TODAY)) as channel:
        assert (await ends_with(call(channel)))[0] is grpc.StatusCode.PERMISSION_DENIED


async def test_s1_a_follower_reports_to_nobody_who_only_has_a_certificate_of_a_fleet() -> None:
    """S1: both ends prove who they are: an Envoy cannot pose as the leader."""
    envoy = envoy_of("a/edge")
    configuration = grpc.ssl_server_certificate_configuration([(envoy.key, envoy.certificate)], AUTHORITY.certificate)
    poser = _secure()
    credentials = grpc.dynamic_ssl_server_credentials(
        configuration, lambda: configuration, require_client_authentication=True
    )
    door = type(poser)(poser.address, poser.prove, credentials)
    leader = Leader()
    async with reports(door, leader) as server, replica_channel(STORE, server.address) as channel:
        assert (await ends_with(call(channel, REPORT)))[0] is grpc.StatusCode.UNAVAILABLE
        assert leader.said == []


async def test_s3_the_authority_is_read_again_for_each_connection() -> None:
    """S3: rotation without a restart; the next connection shows and trusts what is in force then."""
    old, new = make_authority(TODAY), make_authority(TODAY)
    store = MemoryStore(old)
    leader = Leader()
    async with reports(replica_door(ANY, ServerCertificates(store)), leader) as server:
        for pair in (old, new):
            store.write((pair,))
            async with replica_channel(store, server.address) as channel:
                stream = call(channel, REPORT)
                await stream.write(hello())
                await _read(stream)
        assert len(leader.said) == 2


async def test_s7_in_plaintext_reports_are_taken_on_this_machine_only() -> None:
    """S7: binding elsewhere without TLS refuses to start."""
    for address in ("0.0.0.0:0", "[::]:0", "10.0.0.1:18002"):
        with pytest.raises(BindRefusedError):
            await ReportsServer(local_reports_door(address), Leader(), PACE).start()
    async with reports(local_reports_door(ANY), Leader()) as server:
        with pytest.raises(BindFailedError):
            await ReportsServer(local_reports_door(server.address), Leader(), PACE).start()


@pytest.mark.parametrize(
    ("first", "code"),
    [
        (hello("stranger"), grpc.StatusCode.UNAVAILABLE),
        (hello("two", "a", "b", "c"), grpc.StatusCode.RESOURCE_EXHAUSTED),
        (write_statement(Statement(), ""), grpc.StatusCode.INVALID_ARGUMENT),
        (b"\xff\xff", grpc.StatusCode.INVALID_ARGUMENT),
        (None, grpc.StatusCode.DEADLINE_EXCEEDED),
    ],
)
async def test_what_is_said_first_decides(first: bytes | None, code: grpc.StatusCode) -> None:
    async with reports(local_reports_door(ANY), Leader()) as server, grpc.aio.insecure_channel(server.address) as line:
        stream = call(line, REPORT)
        if first is not None:
            await stream.write(first)
        assert (await ends_with(stream))[0] is code


async def test_who_does_not_lead_says_so_and_who_resigns_sends_all_away() -> None:
    leader = Leader(leads=False)
    async with reports(local_reports_door(ANY), leader) as server, grpc.aio.insecure_channel(server.address) as line:
        assert (await ends_with(call(line, REPORT)))[0] is grpc.StatusCode.FAILED_PRECONDITION
        leader.leads = True
        stream = call(line, REPORT)
        await stream.write(hello())
        await _read(stream)
        server.resigned()
        assert await _last_word(stream) is grpc.StatusCode.FAILED_PRECONDITION


class Writing:
    """A call of gRPC in which somebody has said who he is, and whose first write takes until it is told."""

    def __init__(self) -> None:
        self.begun, self.may_end = asyncio.Event(), asyncio.Event()
        self.code: grpc.StatusCode | None = None
        self._said = [hello()]

    async def read(self) -> bytes:
        if not self._said:
            await asyncio.Event().wait()
        return self._said.pop()

    async def write(self, _content: bytes) -> None:
        self.begun.set()
        await self.may_end.wait()

    def set_code(self, code: grpc.StatusCode) -> None:
        assert self.may_end.is_set(), "a status that gRPC refuses: a write is under way"
        self.code = code

    def set_details(self, _words: str) -> None:
        """Nobody asks."""


async def test_a_stream_ends_when_its_write_under_way_has_ended() -> None:
    """Or gRPC refuses the status now and then, and the replica never hears that the stream has ended."""
    server, context = ReportsServer(local_reports_door(ANY), Leader(), replace(PACE, silent_s=WITHIN_S)), Writing()
    serving = asyncio.create_task(server._serve(None, context))  # type: ignore[arg-type] # gRPC's own cannot be made
    await context.begun.wait()
    server.resigned()
    for _ in range(20):
        await asyncio.sleep(0)
    assert not serving.done()
    context.may_end.set()
    await serving
    assert context.code is grpc.StatusCode.FAILED_PRECONDITION


async def test_a_replica_that_says_nothing_is_given_up_and_one_that_comes_again_replaces_the_first() -> None:
    leader = Leader()
    async with reports(local_reports_door(ANY), leader) as server, grpc.aio.insecure_channel(server.address) as line:
        first, second = call(line, REPORT), call(line, REPORT)
        await first.write(hello())
        await _read(first)
        await second.write(hello())
        for stream, code in ((first, grpc.StatusCode.ABORTED), (second, grpc.StatusCode.DEADLINE_EXCEEDED)):
            assert await _last_word(stream) is code
