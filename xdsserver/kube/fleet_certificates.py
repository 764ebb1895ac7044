"""The certificates of fleets: a Secret for each, which its pods mount, made and renewed in time by the leader.

These are no rows of what is owed to the cluster: a certificate is drawn, so no two replicas would ever intend the same.
What is in the Secret decides whether it is good, and only where it is not something is written.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from xdsserver.authority import AuthorityError, standing
from xdsserver.authority.holders import renewed_files
from xdsserver.kube.errors import Conflict, KubeError
from xdsserver.kube.secrets import Wanted
from xdsserver.objects.secret import SecretBytes

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from xdsserver.authority import Authorities
    from xdsserver.kube.authority import Rights
    from xdsserver.kube.secrets import Secrets, Stored
    from xdsserver.objects.meta import Name

_TYPE: Final = "gateway.xdsserver.io/fleet-certificate"
"""A Secret of another type is somebody else's, and stays as it is."""

_LOOK_S: Final = 60.0
"""How often each is looked at. One that somebody deleted keeps no pod from running, but new ones from starting."""
_STANDBY_S: Final = 0.5
_FIRST_WAIT_S: Final = 1.0


@dataclass(frozen=True, slots=True)
class FleetSecret:
    """The Secret of one fleet; with its owner, by whose deletion it goes too."""

    fleet: str
    name: Name
    labels: Mapping[str, str]
    owner: Mapping[str, Any] | None = None
    """An owner reference, of the same namespace."""

    @property
    def owners(self) -> frozenset[str]:
        """The uid of the owner, if there is one."""
        return frozenset() if self.owner is None else frozenset((self.owner["uid"],))


@dataclass(slots=True)
class _Turn:
    secret: FleetSecret
    due_s: float = 0.0
    wait_s: float = _FIRST_WAIT_S
    problem: str = ""


class FleetCertificates:
    """Keeps the Secrets of all fleets good, while this replica leads."""

    def __init__(self, secrets: Secrets, authorities: Authorities, rights: Rights) -> None:
        self._secrets = secrets
        self._authorities = authorities
        self._rights = rights
        self._clock = rights.clock
        self._turns: dict[Name, _Turn] = {}
        self._news = asyncio.Event()

    def want(self, wanted: Iterable[FleetSecret]) -> None:
        """Say which fleets there are; what is new, or different, is looked at next."""
        before, self._turns = self._turns, {}
        for one in wanted:
            known = before.get(one.name)
            self._turns[one.name] = known if known is not None and known.secret == one else _Turn(one)
        self._news.set()

    async def run(self) -> None:
        """Make and renew, until it is cancelled."""
        while True:
            self._news.clear()
            wait_s = _STANDBY_S
            if self._rights.may_write():
                for turn in tuple(self._turns.values()):
                    if turn.due_s <= self._clock.monotonic():
                        await self._take(turn)
                due_s = min((turn.due_s for turn in self._turns.values()), default=self._clock.monotonic() + _LOOK_S)
                wait_s = max(0.0, due_s - self._clock.monotonic())
            await self._nap(wait_s)

    async def _take(self, turn: _Turn) -> None:
        problem = await self._look(turn.secret)
        if problem != turn.problem:
            turn.problem = problem
            self._rights.tell(f"Secret {turn.secret.name}", problem)
        wait_s = turn.wait_s if problem else _LOOK_S
        turn.wait_s = min(2 * turn.wait_s, _LOOK_S) if problem else _FIRST_WAIT_S
        # From four fifths of it to all of it, so that many fleets do not stay together for ever.
        turn.due_s = self._clock.monotonic() + wait_s * (0.8 + 0.2 * self._clock.jitter())

    async def _look(self, one: FleetSecret) -> str:
        """Read the Secret, and write it where it is not good; say what is wrong."""
        try:
            stored = await self._secrets.read(one.name)
            if stored is not None and stored.type != _TYPE:
                return f"there is a Secret {one.name} that is not ours; it is left alone"
            now = self._clock.today()
            owned = stored is not None and stored.owners == one.owners
            held = {name: value.reveal() for name, value in stored.data.items()} if stored is not None and owned else {}
            files = renewed_files(held, one.fleet, standing(self._authorities.read(), now), now)
            if files is not None and self._rights.may_write():
                await self._write(one, files, stored)
        except Conflict:
            return "somebody else writes its Secret; it is tried again"
        except (AuthorityError, KubeError, ValueError) as error:
            return str(error)
        return ""

    async def _write(self, one: FleetSecret, files: Mapping[str, str], stored: Stored | None) -> None:
        owners = {} if one.owner is None else {"ownerReferences": [dict(one.owner)]}
        data = {name: SecretBytes(text.encode("ascii")) for name, text in files.items()}
        wanted = Wanted(one.name, _TYPE, {"labels": dict(one.labels), **owners}, data)
        if stored is None:
            await self._secrets.create(wanted)
        else:
            await self._secrets.change(wanted, stored)

    async def _nap(self, seconds: float) -> None:
        """Sleep for so long, or until there are others."""
        sleeping = asyncio.ensure_future(self._clock.sleep(seconds))
        waking = asyncio.create_task(self._news.wait())
        try:
            await asyncio.wait((sleeping, waking), return_when=asyncio.FIRST_COMPLETED)
        finally:
            sleeping.cancel()
            waking.cancel()
