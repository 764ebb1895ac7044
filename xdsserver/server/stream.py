"""One stream: a task reads requests into an inbox, the loop feeds the session and writes what it answers.

One of three things can happen: a request arrives, resources change, or a time that the session named comes. What
changes while a write is under way merges into one set of names, so a slow client costs a set and not a queue.
"""

from __future__ import annotations

import asyncio
from collections import deque
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, TypeAlias

import grpc

from xdsserver.server.admission import FullSync
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


@dataclass(frozen=True, slots=True)
class Common:
    """What all streams of a server have in common."""

    cache: Cache
    admission: Admission
    on_event: Callable[[Event], None]
    write_timeout_s: float


class Stream:
    """The loop of one stream; `notify` and `end` may be called at any time from the same event loop."""

    __slots__ = ("_changed", "_common", "_dialect", "_ending", "_inbox", "_room", "_sync", "_wake", "session")

    def __init__(self, session: Session, dialect: Dialect, common: Common) -> None:
        self.session = session
        self._dialect = dialect
        self._common = common
        self._sync = FullSync(common.admission, self._wake_up)
        self._inbox: deque[Request] = deque()
        self._room = asyncio.Semaphore(_MAX_INBOX)
        self._changed: dict[str, set[str]] = {}
        self._ending: Ending | None = None
        self._wake = asyncio.Event()

    def notify(self, changed: ChangedNames) -> None:
        """Merge changed names into what the session is told next; without any, it is only woken."""
        for type_url, names in changed.items():
            self._changed.setdefault(type_url, set()).update(names)
        self._wake.set()

    def end(self, ending: Ending) -> None:
        """Ask the loop to end; the first reason stays."""
        self._ending = self._ending or ending
        self._wake.set()

    async def run(self, context: Context) -> None:
        """Serve until the client leaves, breaks the protocol or stops reading, or the server stops."""
        reader = asyncio.create_task(self._read(context), name=f"xds-read-{self.session.stream}")
        ending = Ending(grpc.StatusCode.CANCELLED, "the connection was lost")
        try:
            ending = await self._serve(context)
            context.set_code(ending.code)
            context.set_details(ending.words)
        finally:
            reader.cancel()
            with suppress(asyncio.CancelledError):
                await reader
            self._sync.leave()
            self._tell(self.session.on_close(ending.words))

    async def _serve(self, context: Context) -> Ending:
        loop = asyncio.get_running_loop()
        while True:
            tick = self.session.next_tick()
            timer = None if tick is None else loop.call_at(tick, self._wake.set)
            try:
                await self._wake.wait()
            finally:
                if timer is not None:
                    timer.cancel()
            self._wake.clear()
            if not self._sync.may_open(ready=self._common.cache.ready) and self._ending is None:
                continue
            while self._inbox and self._ending in (None, _CLIENT_LEFT):
                # What is behind a request that must wait for a place waits with it: the order of requests counts.
                if not self._sync.admits(self._inbox[0], ready=self._common.cache.ready):
                    break
                step = self.session.on_request(self._inbox.popleft(), loop.time())
                self._room.release()
                if (ending := await self._perform(step, context)) is not None:
                    return ending
            if self._ending is not None:
                return self._ending
            changed, self._changed = self._changed, {}
            names = {type_url: frozenset(names) for type_url, names in changed.items()}
            if (ending := await self._perform(self.session.on_change(names, loop.time()), context)) is not None:
                return ending

    async def _perform(self, step: Step, context: Context) -> Ending | None:
        self._tell(step)
        if step.refused is not None:
            return Ending(grpc.StatusCode[step.refused.code.value], step.refused.words)
        for response in step.responses:
            try:
                async with asyncio.timeout(self._common.write_timeout_s):
                    await context.write(self._dialect.write(response))
            except TimeoutError:
                # The write stays under way inside gRPC and the call cannot be used again: the client, which has most
                # likely stopped reading, must connect anew.
                words = f"the client took nothing for {self._common.write_timeout_s:g} s"
                return Ending(grpc.StatusCode.DEADLINE_EXCEEDED, words)
        self._sync.settle()
        return None

    async def _read(self, context: Context) -> None:
        """Put requests into the inbox; the end of the client's side is the end of the stream."""
        try:
            while True:
                await self._room.acquire()
                message = await context.read()
                if message is grpc.aio.EOF:  # type: ignore[attr-defined] # the stubs do not know it
                    return
                self._inbox.append(self._dialect.read(message))
                self._wake.set()
        except MalformedRequestError as error:
            self.end(Ending(grpc.StatusCode.INVALID_ARGUMENT, str(error)))
        finally:
            self.end(_CLIENT_LEFT)

    def _tell(self, step: Step) -> None:
        self._sync.heard(step.events)
        for event in step.events:
            self._common.on_event(event)

    def _wake_up(self) -> None:
        self._wake.set()
