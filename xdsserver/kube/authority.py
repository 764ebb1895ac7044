"""The authority of a cluster: its keys are in one Secret, which the leader makes and all replicas read.

Handshakes ask for a copy in memory, so an API server that is away stops none of them. The copy is read again every half
minute: whoever is new is trusted for ninety days before it signs, so nobody needs to hear of it sooner.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from xdsserver.authority import AuthorityError, renewed
from xdsserver.authority.pem import FILE, from_pem, to_pem
from xdsserver.kube.errors import Conflict, KubeError
from xdsserver.kube.executor import Clock
from xdsserver.kube.secrets import Wanted
from xdsserver.objects.secret import SecretBytes

if TYPE_CHECKING:
    from collections.abc import Callable

    from xdsserver.authority import KeyPair
    from xdsserver.kube.secrets import Secrets, Stored
    from xdsserver.objects.meta import Name

_TYPE: Final = "gateway.xdsserver.io/authority"
"""Of no use to anything else: a Gateway that names it as its certificate is refused."""

_LOOK_S: Final = 30.0
_SOON_S: Final = 1.0
"""While it is not known, or could not be read: nobody is served before."""


@dataclass(frozen=True, slots=True)
class Rights:
    """When we may write, and whom to tell: `tell` is handed what is concerned and what is wrong with it.

    It is told once of each problem, with "" when it is over.
    """

    may_write: Callable[[], bool]
    tell: Callable[[str, str], None] = lambda _what, _words: None
    clock: Clock = field(default_factory=Clock)


class ClusterAuthority:
    """The authorities that a Secret holds, as they were read last; `run` reads them, and keeps them up as leader."""

    def __init__(self, secrets: Secrets, name: Name, rights: Rights) -> None:
        self._secrets = secrets
        self._name = name
        self._rights = rights
        self._pairs: tuple[KeyPair, ...] = ()
        self._known = asyncio.Event()
        self._problem = ""

    def read(self) -> tuple[KeyPair, ...]:
        """Return all authorities, as far as is known; none before `known`."""
        return self._pairs

    async def known(self) -> None:
        """Return when there is an authority."""
        await self._known.wait()

    async def run(self) -> None:
        """Follow the Secret, until it is cancelled."""
        while True:
            problem = await self._look()
            if problem != self._problem:
                self._problem = problem
                self._rights.tell(f"Secret {self._name}", problem)
            await self._rights.clock.sleep(_LOOK_S if self._pairs and not problem else _SOON_S)

    async def _look(self) -> str:
        """Read once, and write what is missing where we may; say what is wrong."""
        try:
            stored = await self._secrets.read(self._name)
            kept = () if stored is None else self._parse(stored)
            # One that was deleted is put back: by now everybody shows certificates that it has signed.
            wanted = renewed(kept or self._pairs, self._rights.clock.today())
            if wanted != kept and self._rights.may_write():
                kept = self._parse(await self._write(wanted, stored))
        except Conflict:
            # Another replica led a moment ago and made it. That one counts.
            return ""
        except (AuthorityError, KubeError) as error:
            return str(error)
        if kept:
            self._pairs = kept
            self._known.set()
        return "" if self._pairs else f"there is no Secret {self._name} yet: the replica that leads makes it"

    async def _write(self, pairs: tuple[KeyPair, ...], stored: Stored | None) -> Stored:
        wanted = Wanted(self._name, _TYPE, {}, {FILE: SecretBytes(to_pem(pairs))})
        return await (self._secrets.create(wanted) if stored is None else self._secrets.change(wanted, stored))

    def _parse(self, stored: Stored) -> tuple[KeyPair, ...]:
        return from_pem(stored.data.get(FILE, SecretBytes(None)).reveal(), f"the Secret {self._name}")
