"""Objects of a cluster, served to Envoys, with statuses written back by whoever holds the Lease.

```text
 API server ──► ClusterSource ──changes──► ControlPlane ──► Envoys
     ▲                │ readings                │ statuses
     └─── writes ─── Executor ◄─────────────────┘
                        │ may it write?
                     Elector (Lease)
```
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
import time
from contextlib import AsyncExitStack
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from xdsserver.admin.turns import in_turns
from xdsserver.app import watching
from xdsserver.app.administration import Administration
from xdsserver.app.announcer import Announcer
from xdsserver.app.doors import secure_doors
from xdsserver.app.local import local_addresses, supervisor
from xdsserver.app.measures import observation
from xdsserver.app.plane import ControlPlane, Hooks
from xdsserver.app.saving import saver
from xdsserver.app.trust import Trust, Us
from xdsserver.effects import Decided
from xdsserver.effects.events import Recorder
from xdsserver.files.saved import read_saved
from xdsserver.files.sealing import read_key
from xdsserver.files.state import StateError
from xdsserver.gatewayapi.quotas import Quota
from xdsserver.infrastructure.allocation import Pool
from xdsserver.infrastructure.observed import (
    ingress_in_status,
    node_addresses_in_status,
    programmed_in_status,
    tenant_programmed_in_status,
    written_in_status,
)
from xdsserver.infrastructure.permissions import NAME
from xdsserver.inspection.world import Unread
from xdsserver.kube.access import InCluster, Kubeconfig
from xdsserver.kube.client import KubeClient
from xdsserver.kube.elector import Elector, KubeLease, Listeners, process_identity
from xdsserver.kube.events import EventWriter
from xdsserver.kube.executor import Executor
from xdsserver.kube.executor import Surroundings as Cluster
from xdsserver.kube.leadership import replica_name
from xdsserver.kube.lease import Election
from xdsserver.kube.source import ClusterSource
from xdsserver.kube.writes import Writes
from xdsserver.model.places import Delivery, ListenerKey
from xdsserver.narrator import Narrator
from xdsserver.objects.gatewayclass import CONTROLLER
from xdsserver.objects.meta import Name, ObjectKey
from xdsserver.observe.condition import Condition
from xdsserver.observe.notices import Level, Notice
from xdsserver.pipeline import Options
from xdsserver.proxy.authorities import system_authorities
from xdsserver.proxy.pods import data_plane
from xdsserver.reconciler import FLEET, Reconciler, Surroundings
from xdsserver.server import XdsOptions
from xdsserver.xds.footing import Footing, Start, footing
from xdsserver.xds.rules import Rules

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from xdsserver.effects import Decision
    from xdsserver.files.snapshot import Saved
    from xdsserver.infrastructure.allocation import Written
    from xdsserver.infrastructure.dataplane import Envoys
    from xdsserver.kube.source import Batch, KindState
    from xdsserver.kube.store import Reading
    from xdsserver.observe.notices import Report
    from xdsserver.reconciler import ObjectChange, Outcome
    from xdsserver.settings import ClusterSettings

_AT_ONCE = 500
"""Objects of which it is noted, in a turn of the event loop, how they stand at the API server."""

_BEHIND_S = 0.01
"""How long statuses wait for Envoys to be sent what they tell of; of one that does not read, no longer than this."""

_LOOK_S = 1.0
"""How often it is looked whether the API server has been silent for too long, until it has listed."""


class ServeCluster:
    """One run in a cluster."""

    def __init__(self, settings: ClusterSettings, report: Report) -> None:
        """Put the parts together; nothing is asked of anybody yet.

        Raises:
            AuthorityError: the authority that was asked for cannot be read or kept.
            StateError: the key of the saved state cannot be read, or is none.
        """
        self._settings = settings
        self._report = report
        self._narrator = Narrator(report, Path())
        self.observation = observation(settings.health, report)
        """What is measured of this run, and of those that join it."""
        measures = None if self.observation is None else self.observation.measures
        controllers = (CONTROLLER, *settings.controllers)
        run = settings.fleets
        decisive = Options(
            controllers,
            quota=Quota(**settings.quota),
            system_authorities=system_authorities(),
            data_plane=None if run is None else data_plane(run.xds, run.image),
        )
        self._reconciler = Reconciler(Surroundings(Pool(settings.pool), options=decisive, promising=True))
        hooks = Hooks(lambda _written: None, lambda _key: None, measures, self._decided, self._save_soon, self._unread)
        rules = Rules(fleet_of=lambda _node: FLEET)
        addresses = (*local_addresses(settings.envoy), *settings.xds)
        options = XdsOptions(addresses, rules, secure_doors(settings.secure_xds, report))
        identity = process_identity(settings.pod)
        among_others = settings.trust is not None and settings.trust.reports is not None
        name = replica_name(identity) if among_others else ""
        self._plane = ControlPlane(self._reconciler, options, self._narrator, hooks, name)
        self._saver = None if settings.saved_state is None else saver(settings.saved_state, self._plane, report)

        files = settings.kubeconfig
        self._client = KubeClient(InCluster() if files is None else Kubeconfig(files, settings.context))
        followed = watching.followed(settings.watched, runs_envoys=settings.fleets is not None)
        self._source = ClusterSource(self._client, followed, self._tell_standing)
        self._lacking = ""
        lease = KubeLease(self._client, settings.namespace, NAME)
        self._elector = Elector(
            lease, Election(identity), Listeners(self._tell_leading, self._tell_lease, self._hear_leader)
        )
        us = Us(identity, self._elector.may_write, self._client)
        self._trust = None if settings.trust is None else Trust(settings.trust, us, report)
        peers = None if self._trust is None else self._trust.peers()
        self._administration = Administration(settings.admin, self._plane, report, peers)
        cluster = Cluster(
            Writes(self._client, self._source.version),
            self._decision,
            self._elector.may_write,
            self._tell_refused,
            served=lambda: self._plane.server.written(_BEHIND_S),
            controllers=frozenset(controllers),
        )
        if self.observation is not None:
            wrote = watching.measured(self.observation, self._source.states, self._elector.may_write)
            cluster = replace(cluster, wrote_status=wrote)
        self._executor = Executor(cluster)
        self._events = EventWriter(self._client, Recorder(socket.gethostname()), self._elector.may_write)
        self._announcer = Announcer(self._events.happened, self._uid)
        self._written: dict[Name, Written] = {}
        self._envoys: Mapping[str, Envoys] = {}
        self._footing = Footing.NOTHING
        self._saved: frozenset[ObjectKey] = frozenset()
        """What is served from the saved state, until the API server says what there is."""
        self._problems: Mapping[ObjectKey, str] = {}

    async def run(self, stop: asyncio.Event) -> None:
        """Serve until `stop`, then drain our Envoy, give back the Lease and end.

        Raises:
            AdminError: the address or the token of the admin API cannot be had.
            EndpointError: the address for probes cannot be had.
            EnvoyNotFoundError: there is no Envoy to run.
            HomeBusyError: the Envoy's folder is in use by another process.
            ServerError: an xDS address cannot be had.
        """
        settings = self._settings
        async with AsyncExitStack() as stack:
            if settings.envoy is not None:
                # First, since it owns the folder of the sockets; Envoy tries again until our server is there.
                node_id = socket.gethostname()
                await stack.enter_async_context(supervisor(settings.envoy, node_id, self._narrator))
            if self.observation is not None:
                await stack.enter_async_context(self.observation.serving(self._condition))
            await stack.enter_async_context(self._plane.serving())
            await stack.enter_async_context(self._administration.serving())
            if self._saver is not None:
                await stack.enter_async_context(self._saver.running())
            for address in self._plane.server.addresses:
                self._report(Notice(Level.INFO, "xDS", f"listening on {address}"))
            await stack.enter_async_context(self._client)
            await stack.enter_async_context(self._source.running())
            # What writes has ended before the Lease is given back.
            await stack.enter_async_context(self._elector.taking_part())
            tasks = [asyncio.create_task(self._work()), asyncio.create_task(stop.wait())]
            if self._trust is not None:
                await stack.enter_async_context(self._trust.running())
                tasks.append(asyncio.create_task(self._trust.serve(self._plane, self._administration.answerer.answer)))
            try:
                await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
                self._report(Notice(Level.INFO, "", "stopping"))
            finally:
                for task in tasks:
                    task.cancel()
                for task in tasks:
                    with contextlib.suppress(asyncio.CancelledError):
                        await task

    async def _work(self) -> None:
        await self._recall()
        async with asyncio.TaskGroup() as tasks:
            falling_back = tasks.create_task(self._fall_back())
            first = await self._source.batch()
            falling_back.cancel()
            gone = self._saved - {change_key(change) for change in first.changes}
            self._saved = frozenset()
            async with self._plane.unseen():
                await self._take(first, gone)
            self._remember(first.readings)
            self._plane.server.ready()
            self._footing = Footing.LISTED
            self._report(Notice(Level.OK, "API server", f"{len(first.changes)} objects"))
            # What is not decided by now is not wanted.
            tasks.create_task(self._executor.run())
            tasks.create_task(self._events.run())
            while True:
                await self._take(await self._source.batch())

    async def _take(self, batch: Batch, gone: Iterable[ObjectKey] = ()) -> None:
        decides = await self._observe(batch.readings)
        changes = [*((key.kind, Name(key.namespace, key.name), None) for key in gone), *batch.changes]
        # Most batches of a busy cluster are echoes of statuses that we wrote: of these nothing follows.
        if changes or decides:
            await self._decide(changes)
        self._tell_problems(batch.problems)

    async def _decide(self, changes: Sequence[ObjectChange]) -> None:
        self._reconciler.observed(self._written)
        await self._plane.many_objects(changes)
        if self._trust is not None and (envoys := dict(self._reconciler.pipeline.envoys.rows)) != self._envoys:
            self._envoys = envoys
            self._trust.fleets(envoys.values())
        # An object that is new, or made anew, may be owed a status that was decided on before.
        async for change in in_turns(changes, _AT_ONCE):
            self._executor.touch((change_key(change),))
        if changes:
            self._save_soon()

    def _save_soon(self) -> None:
        if self._saver is not None:
            self._saver.changed()

    async def _observe(self, readings: Iterable[Reading]) -> bool:
        """Take what was read; True where decisions may hang on it, and not only what is still owed to an object."""
        services: dict[Name, tuple[str, ...] | None] = {}
        nodes: dict[str, tuple[str, ...] | None] = {}
        async for key, observed in in_turns(readings, _AT_ONCE):
            name = Name(key.namespace, key.name)
            if key.kind == "Node":
                nodes[key.name] = None if observed is None else node_addresses_in_status(observed.status)
                continue
            if key.kind == "Service":
                # Where load balancers lead to Services of others is nothing to us.
                services[name] = ingress_in_status(observed.status) if observed and observed.intent else None
            if observed is None:
                self._executor.gone(key)
            else:
                self._executor.read(key, observed)
            if key.kind == "Gateway":
                written = None if observed is None else written_in_status(observed.uid, observed.status)
                if written is None:
                    self._written.pop(name, None)
                else:
                    self._written[name] = written
        self._reconciler.noted(services, nodes)
        return any(key.kind in {"Gateway", "Node", "Service"} for key, _observed in readings)

    def _remember(self, readings: Iterable[Reading]) -> None:
        """Take over what statuses say of listeners: Programmed is decided once for each generation, not in each run."""
        known = self._plane.answers.awaited
        said = {
            ListenerKey(*key, name): generation
            for key, observed in readings
            if observed is not None and key.kind in {"Gateway", "ListenerSet"}
            for name, generation in programmed_in_status(observed.status).items()
        }
        for key, observed in readings:
            if key.kind == "Tenant" and observed is not None:
                generation = tenant_programmed_in_status(observed.status)
                if generation is not None:
                    said |= dict.fromkeys((one for one in known if one[:3] == key), generation)
        self._plane.remembered({key: Delivery(generation) for key, generation in said.items() if key in known})

    # What is owed.

    def _decision(self, key: ObjectKey) -> Decision | None:
        pipeline = self._reconciler.pipeline
        intended = pipeline.intended.rows.get(key)
        if intended is not None:
            return intended
        status, row = pipeline.statuses.rows.get(key), pipeline.object(key)
        return None if status is None or row is None else Decided(row.metadata.uid, status.document())

    def _decided(self, outcome: Outcome) -> None:
        self._executor.touch((*outcome.statuses, *outcome.intended))
        if self._elector.may_write():
            self._announcer.decided(outcome.statuses)

    def _uid(self, key: ObjectKey) -> str:
        row = self._reconciler.pipeline.object(key)
        return "" if row is None else row.metadata.uid

    # An API server that is away at a start.

    async def _fall_back(self) -> None:
        """Serve the saved state once the API server has been silent for too long."""
        settings = self._settings.saved_state
        if settings is None or not settings.file.exists():
            return
        started_s = time.monotonic()
        while self._footing is Footing.NOTHING:
            await asyncio.sleep(_LOOK_S)
            silent_s = min(
                [time.monotonic() - started_s, *(one.age_s for one in self._source.states() if one.age_s is not None)]
            )
            if footing(Start(listed=False, saved=True, silent_s=silent_s)) is Footing.SAVED:
                self._footing = Footing.SAVED
        try:
            key = read_key(settings.key_file) if settings.key_file is not None else None
            saved = await asyncio.to_thread(read_saved, settings.file, key)
        except StateError as error:
            self._report(Notice(Level.ERROR, "state", f"{error}; Envoys that hold nothing wait for the API server"))
            return
        await self._serve_saved(saved)

    async def _recall(self) -> None:
        """Learn what Envoys rejected before, where that was saved."""
        settings = self._settings.saved_state
        if settings is not None and settings.file.exists():
            # Why a file cannot be read is told when it is needed.
            with contextlib.suppress(StateError):
                saved = await asyncio.to_thread(read_saved, settings.file)
                self._plane.server.quarantine.recall(saved.snapshot.precedents)

    async def _serve_saved(self, saved: Saved) -> None:
        snapshot = saved.snapshot
        words = f"the API server is silent; {len(snapshot.objects)} objects of {self._settings.saved_state} are served"
        self._report(Notice(Level.WARNING, "state", f"{words} to Envoys that hold nothing"))
        self._reconciler.observed(snapshot.written)
        # First as they were when they were good, so that what is bad since has something to fall back to.
        # Should the API server answer meanwhile, what it does not have is gone, too.
        self._saved = frozenset(snapshot.objects)
        async with self._plane.unseen():
            for objects in (snapshot.last_good, snapshot.objects):
                changes = [(key.kind, Name(key.namespace, key.name), row) for key, row in objects.items()]
                await self._plane.many_objects(changes)
        self._plane.server.fall_back()

    # What people are told.

    def _condition(self) -> Condition:
        served = self._plane.condition()
        states = self._source.states()
        lacking = {"lacking": words} if (words := watching.lacking(states)) else {}
        ours = {**lacking, "leader": self._elector.may_write(), "kinds": watching.detail(states)}
        return Condition(served.ready, {**served.detail, **ours})

    def _tell_standing(self, state: KindState) -> None:
        self._report(watching.notice(state))
        before, self._lacking = self._lacking, watching.lacking(self._source.states())
        if self._lacking != before:
            level = Level.WARNING if self._lacking else Level.OK
            self._report(Notice(level, "Gateway API", self._lacking or "is installed now"))

    def _unread(self) -> tuple[Unread, ...]:
        return tuple(Unread("", key, f"{words}; the last good one stays") for key, words in self._problems.items())

    def _tell_problems(self, problems: Mapping[ObjectKey, str]) -> None:
        before, self._problems = self._problems, dict(problems)
        for key, words in sorted(problems.items()):
            if before.get(key) != words:
                self._report(Notice(Level.WARNING, str(key), f"cannot be read: {words}; the last good one stays"))
        for key in sorted(before.keys() - problems.keys()):
            self._report(Notice(Level.OK, str(key), "can be read again"))

    def _tell_leading(self, leads: bool) -> None:  # noqa: FBT001 (told by position)
        words = "this server leads: it writes statuses" if leads else "this server does not lead"
        self._report(Notice(Level.INFO, "Lease", words))

    def _hear_leader(self, identity: str) -> None:
        if self._trust is not None:
            self._trust.leadership.held_by(identity)

    def _tell_lease(self, words: str) -> None:
        level = Level.WARNING if words else Level.OK
        self._report(Notice(level, "Lease", words or "is to be had again"))

    def _tell_refused(self, key: ObjectKey, words: str, wait_s: float) -> None:
        self._report(Notice(Level.WARNING, str(key), f"cannot be written: {words}; tried again in {wait_s:.0f} s"))


def change_key(change: tuple[str, Name, object]) -> ObjectKey:
    """Give the key of a changed object."""
    kind, name, _ = change
    return ObjectKey(kind, *name)
