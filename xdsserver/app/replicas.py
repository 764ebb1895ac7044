"""This server as one of several: a door for reports, and a part that leads or follows, around one control plane."""

from __future__ import annotations

import asyncio
import contextlib
from functools import partial
from typing import TYPE_CHECKING

from xdsserver.authority import FolderStore, kept_up
from xdsserver.authority.certificates import utc_now
from xdsserver.observe.notices import Level, Notice
from xdsserver.server.meeting import GivenLeadership, Membership, Pace
from xdsserver.server.mutual_tls import ServerCertificates, replica_channel, replica_door
from xdsserver.server.reporter import Links, Reporter, connect_locally
from xdsserver.server.reports import ReportsServer, local_reports_door

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

    import grpc

    from xdsserver.observe.notices import Report
    from xdsserver.server.meeting import Leadership, Member
    from xdsserver.server.reporter import Situation
    from xdsserver.settings import Replica

_GRACE_S = 1.0


class Replicated:
    """One of several servers.

    `leadership` says who leads, where somebody knows better than the settings.
    """

    def __init__(self, settings: Replica, member: Member, report: Report, leadership: Leadership | None = None) -> None:
        """Make what the server proves itself with.

        Raises:
            AuthorityError: the authority cannot be read or kept.
        """
        self._settings = settings
        self._member = member
        self._report = report
        self._leadership = leadership or GivenLeadership(Membership(settings.addresses, settings.leader))
        self._pace = Pace()
        address = settings.addresses[settings.name]
        self._connect: Callable[[str], grpc.aio.Channel]
        if settings.authority_dir is None:
            self._door, self._connect = local_reports_door(address), connect_locally
        else:
            store = FolderStore(settings.authority_dir)
            kept_up(store, utc_now())
            self._door = replica_door(address, ServerCertificates(store, on_problem=self._warn))
            self._connect = partial(replica_channel, store)

    @contextlib.asynccontextmanager
    async def taking_part(self) -> AsyncIterator[None]:
        """Lead or follow until the end of the block.

        Raises:
            ServerError: the address for reports cannot be had.
        """
        server = ReportsServer(self._door, self._member, self._pace)
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
        elif situation.leader == self._settings.name:
            self._report(Notice(Level.INFO, "replicas", "this server leads"))
        elif situation.leader is None:
            self._warn("nobody leads")
        else:
            self._report(Notice(Level.INFO, "replicas", f"{situation.leader} leads and hears of our Envoys"))

    def _warn(self, words: str) -> None:
        self._report(Notice(Level.WARNING, "replicas", words))
