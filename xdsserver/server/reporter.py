"""A replica's part among several: it leads or reports to who leads, and begins anew when that changes or breaks."""

from __future__ import annotations

import asyncio
import random
from contextlib import suppress
from dataclasses import dataclass
from importlib.metadata import version
from typing import TYPE_CHECKING, Any, Final

import grpc

from xdsserver.authority import AuthorityError
from xdsserver.replicas.wire import MalformedStatementError, read_agenda, write_statement
from xdsserver.server.meeting import GRPC_OPTIONS, METHOD, SERVICE, ended

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from xdsserver.replicas.membership import Leadership, Membership
    from xdsserver.server.meeting import Call, Member, Pace

_PATH: Final = f"/{SERVICE}/{METHOD}"


@dataclass(frozen=True, slots=True)
class Situation:
    """What a replica is told of its stream, for people: to whom it reports, or why it does not."""

    leader: str | None
    problem: str = ""


@dataclass(frozen=True, slots=True)
class Links:
    """What connects a replica with the rest.

    Attributes:
        connect: makes a channel for each attempt, so that it shows and trusts the certificates of then; may raise
            `AuthorityError`.
        resigned: called when this server leads no more.
        tell: told of each change of situation, once.
    """

    connect: Callable[[str], grpc.aio.Channel]
    resigned: Callable[[], None]
    tell: Callable[[Situation], None]


def connect_locally(address: str) -> grpc.aio.Channel:
    """Open a channel in plaintext."""
    return grpc.aio.insecure_channel(address, options=GRPC_OPTIONS)


class Reporter:
    """Plays the part that leadership gives to this server, until it is cancelled."""

    def __init__(self, member: Member, leadership: Leadership, pace: Pace, links: Links) -> None:
        self._member = member
        self._leadership = leadership
        self._pace = pace
        self._links = links
        self._told: Situation | None = None
        self._release = version("xdsserver")

    async def run(self) -> None:
        """Lead and follow, for ever."""
        while True:
            membership = self._leadership.now
            playing = asyncio.create_task(self._play(membership))
            changed = asyncio.create_task(self._other_part(membership))
            try:
                done, _ = await asyncio.wait({playing, changed}, return_when=asyncio.FIRST_COMPLETED)
            finally:
                await ended((playing, changed))
            for task in done:
                # A fault of ours is not passed over.
                task.result()

    async def _other_part(self, before: Membership) -> None:
        """Return when this server has another part: who follows need not care which others do."""
        now = before
        while self._part(now) == self._part(before):
            await self._leadership.changed(now)
            now = self._leadership.now

    def _part(self, membership: Membership) -> tuple[str | None, str | None, frozenset[str]]:
        leader = membership.leader
        others = frozenset(membership.addresses) if leader == self._member.witness.name else frozenset[str]()
        return leader, membership.addresses.get(leader or ""), others

    async def _play(self, membership: Membership) -> None:
        name = self._member.witness.name
        if membership.leader == name:
            self._member.lead(frozenset(membership.addresses.keys() - {name}))
            self._say(Situation(name))
            await asyncio.get_running_loop().create_future()
        if self._member.leads:
            self._member.follow()
            self._links.resigned()
        address = membership.addresses.get(membership.leader or "")
        if address is None:
            self._say(Situation(None, "nobody leads"))
            await asyncio.get_running_loop().create_future()
            return
        wait_s = self._pace.backoff_s
        while True:
            stream = _Stream(self._member, self._pace, self._release)
            try:
                channel = self._links.connect(address)
            except AuthorityError as error:
                problem = str(error)
            else:
                problem = await stream.run(channel, lambda: self._say(Situation(membership.leader)))
            self._say(Situation(membership.leader, problem))
            if stream.heard:
                wait_s = self._pace.backoff_s
            # All followers lose a leader at once, and are not to come back at once.
            await asyncio.sleep(random.uniform(0.0, wait_s))  # noqa: S311 (nobody gains by guessing it)
            wait_s = min(2 * wait_s, self._pace.silent_s)

    def _say(self, situation: Situation) -> None:
        if self._told != situation:
            self._told = situation
            self._links.tell(situation)


class _Stream:
    """One stream to a leader."""

    def __init__(self, member: Member, pace: Pace, release: str) -> None:
        self._member = member
        self._pace = pace
        self._release = release
        self.heard = False
        """Whether the leader ever said anything."""

    async def run(self, channel: grpc.aio.Channel, heard: Callable[[], None]) -> str:
        """Report until the stream breaks; return why it did."""
        member = self._member
        news = asyncio.Event()
        member.follow()
        member.witness.on_news = news.set
        async with channel:
            make: Any = channel.stream_stream
            call: Call = make(_PATH)()
            tasks = {asyncio.create_task(self._write(call, news)), asyncio.create_task(self._read(call, heard))}
            try:
                done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
            finally:
                call.cancel()
                await ended(tasks)
            return next(iter(done)).result()

    async def _write(self, call: Call, news: asyncio.Event) -> str:
        loop = asyncio.get_running_loop()
        while True:
            while (statement := self._member.witness.next_statement(loop.time())) is not None:
                if problem := await self._do(call, call.write(write_statement(statement, self._release))):
                    return problem
            with suppress(TimeoutError):
                async with asyncio.timeout(self._pace.heartbeat_s):
                    await news.wait()
            if not news.is_set() and (problem := await self._do(call, call.write(b""))):
                return problem
            news.clear()

    async def _read(self, call: Call, heard: Callable[[], None]) -> str:
        while True:
            try:
                async with asyncio.timeout(self._pace.silent_s):
                    content = await call.read()
                if not isinstance(content, bytes):
                    return f"{(await call.code()).name}: {await call.details()}"
                self._member.told(read_agenda(content))
            except TimeoutError:
                return f"the leader has said nothing for {self._pace.silent_s:g} s"
            except MalformedStatementError as error:
                return f"the leader is not understood: {error}"
            except grpc.aio.AioRpcError as error:
                return f"{error.code().name}: {error.details()}"
            if not self.heard:
                self.heard = True
                heard()

    async def _do(self, call: Call, write: Awaitable[None]) -> str:
        """Write; return why that was not possible."""
        try:
            async with asyncio.timeout(self._pace.silent_s):
                await write
        except TimeoutError:
            return f"the leader has taken nothing for {self._pace.silent_s:g} s"
        except (grpc.aio.AioRpcError, asyncio.InvalidStateError):
            return f"{(await call.code()).name}: {await call.details()}"
        return ""
