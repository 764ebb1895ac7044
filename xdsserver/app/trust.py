"""Identity in a cluster, put together: who signs, who comes in, and which of several servers leads.

```text
 Secret of the authority ──► ClusterAuthority ──► doors of Envoys, of clients with tokens, of other servers
                                   │
        Secrets of fleets ◄── FleetCertificates (the leader)
                        pods ──► FleetPods ──► who a node may say to be
              Lease and pods ──► LeaseLeadership ──► Replicated
```
"""

from __future__ import annotations

import asyncio
import time
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from xdsserver.app.replicas import Part, Replicated
from xdsserver.infrastructure.identity import MANAGED_BY, MANAGER, certificate_name, labels, name_of_fleet
from xdsserver.infrastructure.permissions import AUTHORITY, DEFAULT_CERTIFICATE, NAME
from xdsserver.kube.authority import ClusterAuthority, Rights
from xdsserver.kube.fleet_certificates import FleetCertificates, FleetSecret
from xdsserver.kube.fleet_pods import SELECTOR, FleetPods
from xdsserver.kube.leadership import LeaseLeadership
from xdsserver.kube.pods import Pods
from xdsserver.kube.secrets import Secrets
from xdsserver.kube.token_reviews import TokenReviews
from xdsserver.model.fleets import fleet_namespace
from xdsserver.objects.meta import Name
from xdsserver.observe.notices import Level, Notice
from xdsserver.reconciler import FLEET
from xdsserver.server.mutual_tls import ServerCertificates, certificate_door
from xdsserver.server.tokens import TokenRules, Tokens, token_door

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Iterator

    from xdsserver.app.plane import ControlPlane
    from xdsserver.infrastructure.dataplane import Envoys
    from xdsserver.kube.client import KubeClient
    from xdsserver.observe.notices import Report
    from xdsserver.server.doors import Door
    from xdsserver.server.inspections import InspectionPeers
    from xdsserver.settings import TrustSettings

_REPLICAS = f"app.kubernetes.io/name={NAME}"
"""The label of pods of our own, in our namespace."""


@dataclass(frozen=True, slots=True)
class Us:
    """This server among all: our name in the election, whether we may write, and the way to the API server."""

    identity: str
    may_write: Callable[[], bool]
    client: KubeClient


class Trust:
    """Identity of one run in a cluster."""

    def __init__(self, settings: TrustSettings, us: Us, report: Report) -> None:
        self._settings = settings
        self._client = us.client
        self._report = report
        rights = Rights(us.may_write, self._tell)
        secrets = Secrets(us.client)
        self._authority = ClusterAuthority(secrets, Name(settings.namespace, AUTHORITY), rights)
        self._certificates = FleetCertificates(secrets, self._authority, rights)
        # Envoys of the default fleet are in our own namespace, whatever is watched.
        namespaces = dict.fromkeys((*settings.namespaces, settings.namespace)) if settings.namespaces else ("",)
        self._pods = [Pods(us.client, SELECTOR, one) for one in namespaces]
        self.leadership = LeaseLeadership(us.identity, settings.reports.port if settings.reports is not None else 0)
        self._replicas = Pods(us.client, _REPLICAS, settings.namespace, self._count)
        self._fleets: frozenset[str] = frozenset()
        self.fleets(())

    @property
    def name(self) -> str:
        """Ours among the replicas; "" where there are no others."""
        return self.leadership.name if self._settings.reports is not None else ""

    def fleets(self, envoys: Iterable[Envoys]) -> None:
        """Take all fleets whose Envoys run in pods of ours."""
        # The default fleet needs no EnvoyFleet: whoever runs its Envoys finds their certificate there.
        default = FleetSecret(FLEET, Name(self._settings.namespace, DEFAULT_CERTIFICATE), {MANAGED_BY: MANAGER})
        wanted = {one.name: one for one in (default, *map(_secret, envoys))}
        self._fleets = frozenset(one.fleet for one in wanted.values())
        self._certificates.want(wanted.values())

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Follow and keep up what is trusted, until the end of the block. A bug in here ends the block too."""
        async with asyncio.TaskGroup() as group:
            loops = [self._authority.run(), self._certify(), *(one.run() for one in self._followed())]
            tasks = [group.create_task(one) for one in loops]
            try:
                yield
            finally:
                for task in tasks:
                    task.cancel()

    def peers(self) -> InspectionPeers | None:
        """Give the other servers, as those who can be asked; None where there are none."""
        return None if (part := self._part()) is None else part.peers()

    async def serve(self, plane: ControlPlane, answer: Callable[[bytes], Awaitable[bytes]] | None = None) -> None:
        """Let others in, as soon as there is an authority by which they can prove who they are, until cancelled.

        `answer` is for questions of other servers.

        Raises:
            AuthorityError: there is no authority that is valid now.
            ServerError: an address cannot be had.
        """
        await self._authority.known()
        for one in self._followed():
            await one.listed()
            if one.problem:
                self._report(Notice(Level.WARNING, "pods", f"cannot be read: {one.problem}"))
        before = len(plane.server.addresses)
        await plane.server.open(tuple(self._doors()))
        for address in plane.server.addresses[before:]:
            self._report(Notice(Level.INFO, "xDS", f"listening on {address}"))
        part = self._part()
        if part is None:
            await asyncio.get_running_loop().create_future()
            return
        async with Replicated(part, plane.answers, self._report, answer).taking_part():
            await asyncio.get_running_loop().create_future()

    def _part(self) -> Part | None:
        reports = self._settings.reports
        return None if reports is None else Part(self.name, str(reports), self.leadership, self._authority)

    async def _certify(self) -> None:
        await self._authority.known()
        await self._certificates.run()

    def _followed(self) -> Iterator[Pods]:
        settings = self._settings
        if settings.certificates and not settings.anywhere:
            yield from self._pods
        if settings.reports is not None:
            yield self._replicas

    def _doors(self) -> Iterator[Door]:
        settings = self._settings
        shown = ServerCertificates(self._authority, on_problem=lambda words: self._tell("authority", words))
        if settings.certificates:
            pods = None if settings.anywhere else FleetPods(self._pods, self._namespace_of).addresses
            yield certificate_door(settings.certificates, shown, pods)
        if settings.tokens:
            tokens = Tokens(TokenReviews(self._client), TokenRules(self._fleets_of), time.monotonic)
            yield token_door(settings.tokens, shown, tokens)

    def _fleets_of(self, account: str) -> frozenset[str]:
        """Give the fleet whose pods run as this service account."""
        return frozenset(one for one in self._fleets if f"{self._namespace_of(one)}/{name_of_fleet(one)}" == account)

    def _namespace_of(self, fleet: str) -> str:
        return self._settings.namespace if fleet == FLEET else fleet_namespace(fleet)

    def _count(self) -> None:
        self.leadership.pods(self._replicas.known)

    def _tell(self, what: str, words: str) -> None:
        self._report(Notice(Level.WARNING if words else Level.OK, what, words or "all is well again"))


def _secret(envoys: Envoys) -> FleetSecret:
    owner = envoys.owner
    name = Name(owner.name.namespace, certificate_name(owner))
    return FleetSecret(envoys.fleet, name, labels(envoys), owner.reference)
