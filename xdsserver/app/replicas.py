"""This server as one of several: a door for reports, and a part that leads or follows, around one control plane."""

from __future__ import annotations

import asyncio
import contextlib
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

from xdsserver.authority import FolderStore, kept_up
from xdsserver.authority.certificates import utc_now
from xdsserver.observe.notices import Level, Notice
from xdsserver.replicas.membership import Membership
from xdsserver.server.inspections import InspectionPeers
from xdsserver.server.meeting import GivenLeadership, Pace
from xdsserver.server.mutual_tls import ServerCertificates, replica_channel, replica_door
from xdsserver.server.reporter import Links, Reporter, connect_locally
from xdsserver.server.reports import ReportsServer, local_reports_door

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable

    import grpc

    from xdsserver.authority import Authorities
    from xdsserver.observe.notices import Report
    from xdsserver.replicas.membership import Leadership
    from xdsserver.server.meeting import Member
    from xdsserver.server.reporter import Situation
    from xdsserver.settings import Replica

_GRACE_S = 1.0


@dataclass(frozen=True, slots=True)
class Part:
    """What one of several servers is given.

    Attributes:
        name: its own.
        address: where it takes reports, `HOST:PORT`.
        leadership: says who leads, and where the others are.
        authorities: by whom servers prove to be servers; None for plaintext on loopback.
    """

    name: str
    address: str
    leadership: Leadership
    authorities: Authorities | None

    def connect(self) -> Callable[[str], grpc.aio.Channel]:
        """Give the way to another server, by which this one proves what it is."""
        return connect_locally if self.authorities is None else partial(replica_channel, self.authorities)

    def peers(self) -> InspectionPeers:
        """Give the others, as those who can be asked."""
        return InspectionPeers(self.name, self.leadership, self.connect())


def given(settings: Replica) -> Part:
    """Make of settings what does not change; the authority is made where there is none yet.

    Raises:
        AuthorityError: the authority cannot be read or kept.
    """
    store = None if settings.authority_dir is None else FolderStore(settings.authority_dir)
    if store is not None:
        kept_up(store, utc_now())
    leadership = GivenLeadership(Membership(settings.addresses, settings.leader))
    return Part(settings.name, settings.addresses[settings.name], leadership, store)


class Replicated:
    """One of several servers."""

    def __init__(
        self, part: Part, member: Member, report: Report, answer: Callable[[bytes], Awaitable[bytes]] | None = None
    ) -> None:
        """Make what the server proves itself with; `answer` is for questions of other servers.

        Raises:
            AuthorityError: there is no authority that is valid now.
        """
        self._name = part.name
        self._member = member
        self._report = report
        self._leadership = part.leadership
        self._pace = Pace()
        self._answer = answer
        self._connect = part.connect()
        if part.authorities is None:
            self._door = local_reports_door(part.address)
        else:
            self._door = replica_door(part.address, ServerCertificates(part.authorities, on_problem=self._warn))

    @contextlib.asynccontextmanager
    async def taking_part(self) -> AsyncIterator[None]:
        """Lead or follow until the end of the block.

        Raises:
            ServerError: the address for reports cannot be had.
        """
        server = ReportsServer(self._door, self._member, self._pace, self._answer)
        await server.start()
        links = Links(self._connect, server.resigned, self._tell)
        # Nothing is decided alone, not even for a moment.
        self._member.follow()
        playing = asyncio.create_task(Reporter(self._member, self._leadership, self._pace, links).run())
        try:
            yield
        finally:
            playing.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await playing
            await server.stop(_GRACE_S)

    def _tell(self, situation: Situation) -> None:
        if situation.problem:
            self._warn(f"{situation.leader} does not hear of our Envoys ({situation.problem}); it is tried again")
        elif situation.leader == self._name:
            self._report(Notice(Level.INFO, "replicas", "this server leads"))
        elif situation.leader is None:
            self._warn("nobody leads")
        else:
            self._report(Notice(Level.INFO, "replicas", f"{situation.leader} leads and hears of our Envoys"))

    def _warn(self, words: str) -> None:
        self._report(Notice(Level.WARNING, "replicas", words))
