"""Where replicas meet: who leads and where it is reached, given from outside; what both ends of a stream keep to.

In a cluster a Lease says it. Whoever says it must name all replicas that exist: of those that do not report, the
leader knows nothing, and says so.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, Protocol

from xdsserver.replicas.wire import MAX_MESSAGE_BYTES

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable

    from xdsserver.replicas import Matter, Statement, Witness
    from xdsserver.replicas.agenda import Agenda
    from xdsserver.replicas.membership import Membership

SERVICE: Final = "xdsserver.delivery.v1.DeliveryReports"
METHOD: Final = "Report"

GRPC_OPTIONS: Final = (
    ("grpc.max_receive_message_length", MAX_MESSAGE_BYTES),
    ("grpc.max_send_message_length", MAX_MESSAGE_BYTES),
    # A second server on the port would get every other connection instead of an error.
    ("grpc.so_reuseport", 0),
    # A connection that was refused is tried again by us, and with the certificate of then.
    ("grpc.enable_retries", 0),
    ("grpc.use_local_subchannel_pool", 1),
)


@dataclass(frozen=True, slots=True)
class Pace:
    """Times of a stream between replicas, in seconds.

    Attributes:
        heartbeat_s: how often either side says at least that it is there.
        silent_s: how long the other side may say nothing, or take nothing, before the stream is given up.
        backoff_s: how long the first wait for a new stream may be; each is drawn, and may be twice as long as before,
            up to `silent_s`.
    """

    heartbeat_s: float = 3.0
    silent_s: float = 10.0
    backoff_s: float = 0.5


class GivenLeadership:
    """A leadership that somebody sets; it never changes by itself."""

    def __init__(self, membership: Membership) -> None:
        self._now = membership
        self._changed = asyncio.Event()

    @property
    def now(self) -> Membership:
        """Who leads."""
        return self._now

    def set(self, membership: Membership) -> None:
        """Say it anew."""
        self._now = membership
        self._changed.set()
        self._changed = asyncio.Event()

    async def changed(self, before: Membership) -> None:
        """Return when it is different from this."""
        while self._now == before:
            await self._changed.wait()


class Member(Protocol):
    """This server, as one of several: what it knows and decides."""

    witness: Witness
    agenda: Agenda

    @property
    def leads(self) -> bool:
        """Whether it decides."""
        ...

    def lead(self, others: frozenset[str]) -> None:
        """Decide from now on, for these others too."""
        ...

    def follow(self) -> None:
        """Decide nothing, and answer a leader that knows nothing yet."""
        ...

    def report(self, replica: str, statement: Statement) -> None:
        """Take what another replica says.

        Raises:
            UnknownReplicaError: it is none of those that exist.
            OverfullError: it says too much.
        """
        ...

    def told(self, matters: Iterable[Matter]) -> None:
        """Take what the leader says."""
        ...


async def ended(tasks: Collection[asyncio.Future[Any]]) -> None:
    """Cancel tasks and wait for their end; whoever is cancelled while waiting is cancelled."""
    for task in tasks:
        task.cancel()
    await asyncio.wait(tasks)


Call = Any
"""Either end of a stream of bytes; the stubs want serialisers."""
