"""Who leads, by the Lease, and which replicas there are, by their pods: what those who report to each other go by.

The holder of the Lease is named by its process, whose first part is its pod. So a replica knows where the leader is as
soon as it has read the Lease, and nobody has to write down an address.
"""

from __future__ import annotations

import asyncio
from ipaddress import ip_address
from typing import TYPE_CHECKING

from xdsserver.replicas.membership import Membership

if TYPE_CHECKING:
    from collections.abc import Mapping

    from xdsserver.kube.pods import Pod
    from xdsserver.objects.meta import Name


class LeaseLeadership:
    """Puts together what the Lease and the pods say; it is told of both.

    `identity` is ours in the Lease, `port` that on which every replica takes reports.
    """

    def __init__(self, identity: str, port: int) -> None:
        self.name = replica_name(identity)
        """Ours among the replicas: that of our pod."""
        self._identity = identity
        self._port = port
        self._holder = ""
        self._addresses: dict[str, str] = {}
        self._leaders: dict[str, str] = {}
        self._now = Membership({}, None)
        self._changed = asyncio.Event()

    @property
    def now(self) -> Membership:
        """Who leads, and who is there."""
        return self._now

    async def changed(self, before: Membership) -> None:
        """Return when it is different from this."""
        while self._now == before:
            await self._changed.wait()

    def held_by(self, identity: str) -> None:
        """Take who leads as far as is known; "" for nobody."""
        self._holder = identity
        self._settle()

    def pods(self, known: Mapping[Name, Pod]) -> None:
        """Take the pods of our replicas. Those that are not ready hold no Envoys, and nobody waits for them."""
        places = {name.name: sorted(pod.addresses) for name, pod in known.items() if pod.addresses}
        self._leaders = {name: self._address(found[0]) for name, found in places.items()}
        ready = {name.name for name, pod in known.items() if pod.ready}
        self._addresses = {name: address for name, address in self._leaders.items() if name in ready}
        self._settle()

    def _settle(self) -> None:
        leader = replica_name(self._holder) or None
        if leader == self.name and self._holder != self._identity:
            # A process of ours that has ended: its Lease has to run out, or to be taken by somebody.
            leader = None
        addresses = dict(self._addresses)
        if leader is not None and leader in self._leaders:
            # Whoever leads takes reports, ready or not.
            addresses[leader] = self._leaders[leader]
        now = Membership(addresses, leader)
        if now != self._now:
            self._now = now
            self._changed.set()
            self._changed = asyncio.Event()

    def _address(self, address: str) -> str:
        bracketed = f"[{address}]" if ip_address(address).version == 6 else address  # noqa: PLR2004
        return f"{bracketed}:{self._port}"


def replica_name(identity: str) -> str:
    """Give the pod of a process that takes part in the election (`POD_PROCESS_RANDOM`)."""
    return identity.rsplit("_", 2)[0]
