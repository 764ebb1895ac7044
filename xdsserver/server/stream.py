"""One stream: a task reads requests into an inbox, another feeds the session and writes what it answers.

One of three things can happen: a request arrives, resources change, or a time that the session named comes. What
changes while a write is under way merges into one set of names, so a slow client costs a set and not a queue.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final, TypeAlias

import grpc

from xdsserver.server.admission import FullSync
from xdsserver.server.bustle import Bustle
from xdsserver.xds.wire import MalformedRequestError

if TYPE_CHECKING:
    from collections.abc import Callable

    from xdsserver.server.admission import Admission
    from xdsserver.xds.cache import Cache, ChangedNames
    from xdsserver.xds.ledger import Event
    from xdsserver.xds.messages import Request, Response, Step
    from xdsserver.xds.session import Session

Context: TypeAlias = "grpc.aio.ServicerContext[bytes, bytes]"

_MAX_INBOX: Final = 64
"""Requests that are read ahead; a client that sends more is read again when these are answered."""


@dataclass(frozen=True, slots=True)
class Dialect:
    """How the values of a session are read from and written to one of the two kinds of stream."""

    read: Callable[[bytes], Request]
    write: Callable[[Response], bytes]


@dataclass(frozen=True, slots=True)
class Ending:
    """The status with which a stream ends, and why in words."""

    code: grpc.StatusCode
    words: str


_CLIENT_LEFT: Final = Ending(grpc.StatusCode.OK, "the client closed the stream")
_LOST: Final = Ending(grpc.StatusCode.CANCELLED, "the connection was lost")


@dataclass(frozen=True, slots=True)
class Common:
    """What all streams of a server have in common."""

    cache: Cache
    admission: Admission
    on_event: Callable[[Event], None]
    write_timeout_s: float
    bustle: Bustle = field(default_factory=Bustle)


class Stream:
    """One stream; `notify` and `end` may be called at any time from the same event loop.

    The task in which gRPC calls `run` reads; another one works, from when there is something to do until there is not.
    A stream at rest is one task that reads, for each thing that a thousand of them have is there a thousand times.
    """

    __slots__ = (
        "_awake",
        "_changed",
        "_common",
        "_context",
        "_dialect",
        "_ending",
        "_inbox",
        "_outcome",
        "_reader",
        "_room",
        "_sync",
        "_timer",
        "_work",
        "session",
    )

    def __init__(self, session: Session, dialect: Dialect, common: Common) -> None:
        self.session = session
        self._dialect = dialect
        self._common = common
        self._sync = FullSync(common.admission, self._wake_up)
        self._inbox: list[Request] = []
        # What a reader that found the inbox full waits for.
        self._room: asyncio.Future[None] | None = None
        self._changed: dict[str, set[str]] = {}
        # Why the stream shall end, and why it does: what was read before the client left is answered first.
        self._ending: Ending | None = None
        self._outcome: Ending | None = None
        # Something happened that was not looked at.
        self._awake = False
        self._timer: asyncio.TimerHandle | None = None
        # There from when `run` is called until it returns; while it reads; while there is something to do.
        self._context: Context | None = None
        self._reader: asyncio.Task[None] | None = None
        self._work: asyncio.Task[None] | None = None

    def notify(self, changed: ChangedNames) -> None:
        """Merge changed names into what the session is told next; without any, it is only woken."""
        for type_url, names in changed.items():
            self._changed.setdefault(type_url, set()).update(names)
        self._wake_up()

    def end(self, ending: Ending) -> None:
        """Ask the stream to end; the first reason stays."""
        self._ending = self._ending or ending
        self._wake_up()

    async def run(self, context: Context) -> None:
        """Serve until the client leaves, breaks the protocol or stops reading, or the server stops."""
        self._context = context
        ending = _LOST
        if self._awake:
            self._wake_up()
        try:
            await self._read(context)
            if self._work is not None:
                await self._work
            ending = self._outcome or _LOST
            context.set_code(ending.code)
            context.set_details(ending.words)
        finally:
            self._context = None
            self._cancel_timer()
            self._sync.leave()
            self._tell(self.session.on_close(ending.words))
            # Last, since gRPC may cancel us once more while we wait.
            if (work := self._work) is not None and not work.done():
                work.cancel()
                await asyncio.wait((work,))

    # ----------------------------------------------------------------------------------------------------- reading
    async def _read(self, context: Context) -> None:
        """Put requests into the inbox until the client's side ends, and with it the stream, or the work does."""
        self._reader = asyncio.current_task()
        try:
            while True:
                if len(self._inbox) >= _MAX_INBOX:
                    self._room = asyncio.get_running_loop().create_future()
                    await self._room
                message = await context.read()
                if message is grpc.aio.EOF:  # type: ignore[attr-defined] # the stubs do not know it
                    self.end(_CLIENT_LEFT)
                    return
                self._inbox.append(self._dialect.read(message))
                self._wake_up()
        except MalformedRequestError as error:
            self.end(Ending(grpc.StatusCode.INVALID_ARGUMENT, str(error)))
        except asyncio.CancelledError:
            # Either gRPC ends the call, because the connection is lost or the server's grace is over, or the work does.
            if self._work is None or not self._work.done() or self._reader is None or self._reader.uncancel():
                raise
        finally:
            self._reader = None

    # ----------------------------------------------------------------------------------------------------- working
    def _wake_up(self) -> None:
        self._awake = True
        if self._work is None and self._context is not None:
            self._cancel_timer()
            self._work = asyncio.create_task(self._do(self._context), name=f"xds-{self.session.stream}")
            self._common.bustle.begins(self._work)

    async def _do(self, context: Context) -> None:
        """Do what there is to do; the task that does it is forgotten unless it ends the stream, or fails."""
        try:
            while self._awake and self._outcome is None:
                self._awake = False
                self._outcome = await self._look(context)
            tick = self.session.next_tick()
        except BaseException:
            self._stop_reading()
            raise
        if self._outcome is not None:
            self._stop_reading()
            return
        self._work = None
        if tick is not None:
            self._timer = asyncio.get_running_loop().call_at(tick, self._wake_up)

    def _stop_reading(self) -> None:
        if self._reader is not None:
            self._reader.cancel()

    def _cancel_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    async def _look(self, context: Context) -> Ending | None:
        """Answer what was asked, tell what changed, let time pass; say whether the stream is at its end."""
        loop = asyncio.get_running_loop()
        if not self._sync.may_open(ready=self._common.cache.ready) and self._ending is None:
            return None
        while self._inbox and self._ending in (None, _CLIENT_LEFT):
            # What is behind a request that must wait for a place waits with it: the order of requests counts.
            if not self._sync.admits(self._inbox[0], ready=self._common.cache.ready):
                break
            step = self.session.on_request(self._take(), loop.time())
            if (ending := await self._perform(step, context)) is not None:
                return ending
        if self._ending is not None:
            return self._ending
        changed, self._changed = self._changed, {}
        names = {type_url: frozenset(names) for type_url, names in changed.items()}
        return await self._perform(self.session.on_change(names, loop.time()), context)

    def _take(self) -> Request:
        if self._room is not None and not self._room.done():
            self._room.set_result(None)
        return self._inbox.pop(0)

    async def _perform(self, step: Step, context: Context) -> Ending | None:
        self._tell(step)
        if step.refused is not None:
            return Ending(grpc.StatusCode[step.refused.code.value], step.refused.words)
        for response in step.responses:
            try:
                async with asyncio.timeout(self._common.write_timeout_s):
                    await context.write(self._dialect.write(response))
            except grpc.aio.InternalError:
                # A write fails when there is nobody any more; gRPC is about to cancel the call.
                return _LOST
            except TimeoutError:
                # The write stays under way inside gRPC and the call cannot be used again: the client, which has most
                # likely stopped reading, must connect anew.
                words = f"the client took nothing for {self._common.write_timeout_s:g} s"
                return Ending(grpc.StatusCode.DEADLINE_EXCEEDED, words)
        self._sync.settle()
        return None

    def _tell(self, step: Step) -> None:
        self._sync.heard(step.events)
        for event in step.events:
            self._common.on_event(event)
