"""Tenants of a cluster: their objects are followed, and what they need is written by whoever holds the Lease.

```text
 API server ──► ClusterSource ──changes, readings──► Operator
     ▲                                                  │ may it write?
     └──────────────────── writes ──────────────────────┘ Elector (a Lease of its own)
```
A run of its own, with its own Lease and rights, beside the one that serves Envoys or without it: whoever serves Envoys
need not be allowed to make a single pod, and whoever runs Tenants writes no route.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
from contextlib import AsyncExitStack
from dataclasses import replace
from typing import TYPE_CHECKING

from xdsserver.app import watching
from xdsserver.app.census import tenants_measured
from xdsserver.app.measures import observation
from xdsserver.app.operator import Operator, OperatorSurroundings
from xdsserver.effects.events import Recorder
from xdsserver.kube.access import InCluster, Kubeconfig
from xdsserver.kube.client import KubeClient
from xdsserver.kube.elector import Elector, KubeLease, Listeners, process_identity
from xdsserver.kube.events import EventWriter
from xdsserver.kube.lease import Election
from xdsserver.kube.source import ClusterSource, tenants
from xdsserver.kube.writes import Writes
from xdsserver.observe.condition import Condition
from xdsserver.observe.notices import Level, Notice
from xdsserver.tenant.names import MANAGER
from xdsserver.tenant.workload import Making

if TYPE_CHECKING:
    from collections.abc import Mapping

    from xdsserver.app.measures import Observation
    from xdsserver.kube.source import Batch
    from xdsserver.objects.meta import ObjectKey
    from xdsserver.observe.notices import Report
    from xdsserver.settings import TenantSettings


class ServeTenants:
    """One run in a cluster."""

    def __init__(self, settings: TenantSettings, report: Report, beside: Observation | None = None) -> None:
        """Put the parts together; nothing is asked of anybody yet.

        Where another run of this process is observed, this one is too, `beside` it: at its port.
        """
        self._report = report
        self._observation = None if beside is not None else observation(settings.health, report)
        files = settings.kubeconfig
        self._client = KubeClient(InCluster() if files is None else Kubeconfig(files, settings.context))
        self._source = ClusterSource(
            self._client, tenants(settings.namespaces), lambda state: report(watching.notice(state))
        )
        lease = KubeLease(self._client, settings.namespace, MANAGER)
        self._elector = Elector(
            lease, Election(process_identity(settings.pod)), Listeners(self._tell_leading, self._tell_lease)
        )
        may_write = self._elector.may_write
        self._events = EventWriter(self._client, Recorder(socket.gethostname(), controller=MANAGER), may_write)
        around = OperatorSurroundings(
            Writes(self._client, self._source.version, manager=MANAGER),
            may_write,
            self._events.happened,
            self._tell_refused,
            self._tell_failed,
            making=Making(settings.image),
        )
        if (observed := beside or self._observation) is not None:
            wrote = watching.measured(observed, self._source.states, None)
            metrics = tenants_measured(observed.registry, lambda: self._operator.story, may_write)
            around = replace(around, wrote_status=wrote, reconciled=metrics.reconciled, requeued=metrics.requeued)
        if beside is not None:
            beside.beside("tenants", self._condition)
        self._operator = Operator(around)
        self._problems: Mapping[ObjectKey, str] = {}
        self._listed = False

    async def run(self, stop: asyncio.Event) -> None:
        """Run Tenants until `stop`, then give back the Lease and end.

        Raises:
            EndpointError: the address for probes cannot be had.
        """
        async with AsyncExitStack() as stack:
            if self._observation is not None:
                await stack.enter_async_context(self._observation.serving(self._condition))
            await stack.enter_async_context(self._client)
            await stack.enter_async_context(self._source.running())
            # What writes has ended before the Lease is given back.
            await stack.enter_async_context(self._elector.taking_part())
            tasks = [asyncio.create_task(self._work()), asyncio.create_task(stop.wait())]
            try:
                done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
                for one in done:
                    one.result()
            finally:
                for task in tasks:
                    task.cancel()
                for task in tasks:
                    with contextlib.suppress(asyncio.CancelledError, Exception):
                        await task

    async def _work(self) -> None:
        async with asyncio.TaskGroup() as tasks:
            self._take(await self._source.batch())
            self._listed = True
            self._report(Notice(Level.OK, "Tenants", f"{len(self._operator.story.tenants.rows)} there"))
            # What is not decided by now is not wanted.
            tasks.create_task(self._operator.run())
            tasks.create_task(self._events.run())
            while True:
                self._take(await self._source.batch())

    def _take(self, batch: Batch) -> None:
        self._operator.take(batch.changes, batch.readings)
        before, self._problems = self._problems, dict(batch.problems)
        for key, words in sorted(batch.problems.items()):
            if before.get(key) != words:
                self._report(Notice(Level.WARNING, str(key), f"cannot be read: {words}; the last good one stays"))

    # What people are told.

    def _condition(self) -> Condition:
        kinds = watching.detail(self._source.states())
        return Condition(self._listed, {"leader": self._elector.may_write(), "kinds": kinds})

    def _tell_leading(self, leads: bool) -> None:  # noqa: FBT001 (told by position)
        words = "this server leads: it runs Tenants" if leads else "this server does not lead"
        self._report(Notice(Level.INFO, f"Lease {MANAGER}", words))

    def _tell_lease(self, words: str) -> None:
        level = Level.WARNING if words else Level.OK
        self._report(Notice(level, f"Lease {MANAGER}", words or "is to be had again"))

    def _tell_refused(self, key: ObjectKey, words: str, wait_s: float) -> None:
        self._report(Notice(Level.WARNING, str(key), f"cannot be written: {words}; tried again in {wait_s:.0f} s"))

    def _tell_failed(self, row: tuple[str, object], fault: Exception) -> None:
        self._report(Notice(Level.ERROR, f"{row[0]} {row[1]}", f"a fault of ours: {fault!r}"))
