"""The leader's end: other replicas report here what their Envoys have, and are told what is asked and decided.

Whoever comes in proves to be a server; a certificate of a fleet opens nothing here. A replica has one stream: a newer
one replaces the one before.
"""

from __future__ import annotations

import asyncio
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, TypeAlias

import grpc

from xdsserver.replicas.tally import OverfullError, UnknownReplicaError
from xdsserver.replicas.wire import MalformedStatementError, read_statement, write_agenda
from xdsserver.server import inspections
from xdsserver.server.bind import BindFailedError, require_local
from xdsserver.server.meeting import GRPC_OPTIONS, METHOD, SERVICE, ended
from xdsserver.server.stream import Ending

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from xdsserver.replicas.agenda import Reader
    from xdsserver.server.meeting import Member, Pace
    from xdsserver.server.stream import Context

_PIECE: Final = 500
"""Matters of one message: with the longest names that Kubernetes allows it is half a mebibyte."""

_NOT_LEADING: Final = Ending(grpc.StatusCode.FAILED_PRECONDITION, "this replica does not lead: ask again who does")
_REPLACED: Final = Ending(grpc.StatusCode.ABORTED, "a newer stream of this replica has come")
_SILENT: Final = Ending(grpc.StatusCode.DEADLINE_EXCEEDED, "nothing was said, or nothing was taken, for too long")
_STOPPING: Final = Ending(grpc.StatusCode.UNAVAILABLE, "the server is stopping")

Prove: TypeAlias = "Callable[[Context], Awaitable[Ending | float | None]]"
"""Says how a stream of somebody who is no replica ends, or in how many seconds its proof does (None: never)."""


@dataclass(frozen=True, slots=True)
class ReportsDoor:
    """One way in for replicas; without `credentials` it is plaintext, and must be on this machine."""

    address: str
    prove: Prove
    credentials: grpc.ServerCredentials | None = None


def local_reports_door(address: str) -> ReportsDoor:
    """Let in whoever reaches this address, which only this machine's users can."""

    async def prove(_context: Context) -> None:
        return None

    return ReportsDoor(address, prove)


class ReportsServer:
    """Takes reports for as long as this replica leads, and turns everybody away otherwise."""

    def __init__(
        self,
        door: ReportsDoor,
        member: Member,
        pace: Pace,
        answer: Callable[[bytes], Awaitable[bytes]] | None = None,
    ) -> None:
        """Prepare; with `answer` questions of other servers are answered here too, whoever leads."""
        self._answer = answer
        self._door = door
        self._member = member
        self._pace = pace
        self._server: grpc.aio.Server | None = None
        # The end of the stream of each replica, to be set once.
        self._streams: dict[str, asyncio.Future[Ending]] = {}
        self.address = ""
        """Where it listens, with the port that was given; empty before `start`."""

    async def start(self) -> None:
        """Listen.

        Raises:
            BindRefusedError: an address that plaintext must not be served on.
            BindFailedError: an address that is taken or not ours to have.
        """
        door = self._door
        self._server = grpc.aio.server(options=GRPC_OPTIONS)
        make: Any = grpc.stream_stream_rpc_method_handler
        handlers = [grpc.method_handlers_generic_handler(SERVICE, {METHOD: make(self._serve)})]
        if self._answer is not None:
            handlers.append(inspections.handler(door.prove, self._answer))
        self._server.add_generic_rpc_handlers(tuple(handlers))
        try:
            if door.credentials is None:
                require_local(door.address)
                port = self._server.add_insecure_port(door.address)
            else:
                port = self._server.add_secure_port(door.address, door.credentials)
        except RuntimeError as error:
            message = f"address {door.address} for reports cannot be listened on: is another one there? ({error})"
            raise BindFailedError(message) from error
        self.address = f"{door.address.rpartition(':')[0]}:{port}"
        await self._server.start()

    async def stop(self, grace_s: float) -> None:
        """End all streams and stop listening."""
        self._end_all(_STOPPING)
        if self._server is not None:
            await self._server.stop(grace_s)

    def resigned(self) -> None:
        """Send everybody away: somebody else leads."""
        self._end_all(_NOT_LEADING)

    def _end_all(self, ending: Ending) -> None:
        for stream in self._streams.values():
            if not stream.done():
                stream.set_result(ending)

    async def _serve(self, _request: object, context: Context) -> None:
        proof = await self._door.prove(context)
        ending = proof if isinstance(proof, Ending) else await self._take(context, proof)
        context.set_code(ending.code)
        context.set_details(ending.words)

    async def _take(self, context: Context, expires_in_s: float | None) -> Ending:
        if not self._member.leads:
            return _NOT_LEADING
        end: asyncio.Future[Ending] = asyncio.get_running_loop().create_future()
        stream = _Stream(context, self._member, self._pace)
        try:
            async with asyncio.timeout(self._pace.silent_s):
                replica = await stream.introduced()
        except TimeoutError:
            return _SILENT
        if isinstance(replica, Ending):
            return replica
        if (before := self._streams.get(replica)) is not None and not before.done():
            before.set_result(_REPLACED)
        self._streams[replica] = end
        tasks = {asyncio.ensure_future(end), *map(asyncio.create_task, (stream.read(replica), stream.write()))}
        try:
            done, _ = await asyncio.wait(tasks, timeout=expires_in_s, return_when=asyncio.FIRST_COMPLETED)
        finally:
            await ended(tasks)
            if self._streams.get(replica) is end:
                del self._streams[replica]
            stream.close()
        return next((task.result() for task in done), Ending(grpc.StatusCode.UNAUTHENTICATED, "the proof has expired"))


class _Stream:
    """One replica that reports."""

    def __init__(self, context: Context, member: Member, pace: Pace) -> None:
        self._context = context
        self._member = member
        self._pace = pace
        self._news = asyncio.Event()
        self._reader: Reader | None = None

    async def introduced(self) -> str | Ending:
        """Take the first statement; return who it is."""
        content = await self._context.read()
        if content is grpc.aio.EOF:  # type: ignore[attr-defined] # the stubs do not know it
            return Ending(grpc.StatusCode.INVALID_ARGUMENT, "nothing was said")
        try:
            statement = read_statement(content)
        except MalformedStatementError as error:
            return Ending(grpc.StatusCode.INVALID_ARGUMENT, str(error))
        if not statement.replica:
            return Ending(grpc.StatusCode.INVALID_ARGUMENT, "the first message must name the replica")
        try:
            self._member.report(statement.replica, statement)
        except UnknownReplicaError:
            words = f"no replica {statement.replica!r} is known here, yet or any more"
            return Ending(grpc.StatusCode.UNAVAILABLE, words)
        except OverfullError:
            return _overfull()
        self._reader = self._member.agenda.open(self._news.set)
        self._news.set()
        return statement.replica

    async def read(self, replica: str) -> Ending:
        """Take what it says until it says nothing more."""
        while True:
            try:
                async with asyncio.timeout(self._pace.silent_s):
                    content = await self._context.read()
                if content is grpc.aio.EOF:  # type: ignore[attr-defined] # the stubs do not know it
                    return Ending(grpc.StatusCode.OK, "the replica closed the stream")
                self._member.report(replica, read_statement(content))
            except TimeoutError:
                return _SILENT
            except MalformedStatementError as error:
                return Ending(grpc.StatusCode.INVALID_ARGUMENT, str(error))
            except UnknownReplicaError:
                return Ending(grpc.StatusCode.UNAVAILABLE, f"no replica {replica!r} is known here any more")
            except OverfullError:
                return _overfull()

    async def write(self) -> Ending:
        """Tell what is asked and decided, and that we are there."""
        while True:
            with suppress(TimeoutError):
                async with asyncio.timeout(self._pace.heartbeat_s):
                    await self._news.wait()
            self._news.clear()
            matters = self._reader.take(_PIECE) if self._reader is not None else ()
            if matters:
                # There may be more.
                self._news.set()
            if not await self._taken(write_agenda(matters)):
                return _SILENT

    async def _taken(self, content: bytes) -> bool:
        """Write, and tell whether it was taken in time.

        A write that has begun is waited for also by who is cancelled: beside one that was given up gRPC may refuse the
        status (TOO_MANY_OPERATIONS), and the replica would never hear that the stream has ended.
        """
        writing = asyncio.ensure_future(self._context.write(content))
        try:
            await asyncio.wait({writing}, timeout=self._pace.silent_s)
        except asyncio.CancelledError:
            await asyncio.wait({writing}, timeout=self._pace.silent_s)
            raise
        finally:
            if not writing.done():
                writing.cancel()
            elif (error := writing.exception()) is not None:
                raise error
        return writing.done()

    def close(self) -> None:
        """Tell it no more."""
        if self._reader is not None:
            self._member.agenda.close(self._reader)


def _overfull() -> Ending:
    return Ending(grpc.StatusCode.RESOURCE_EXHAUSTED, "more is reported than there is room for")
