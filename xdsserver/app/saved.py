"""A saved state, served to any Envoys: no folder, no API server, only a file that somebody made elsewhere."""

from __future__ import annotations

import asyncio
import contextlib
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from xdsserver.app.administration import Administration
from xdsserver.app.doors import secure_doors
from xdsserver.app.measures import observation
from xdsserver.app.plane import ControlPlane, Hooks
from xdsserver.app.replicas import Replicated, given
from xdsserver.files import Change, Scan
from xdsserver.files.saved import read_saved
from xdsserver.files.sealing import read_key
from xdsserver.files.snapshot import Snapshot
from xdsserver.files.state import StateError
from xdsserver.gatewayapi.installed import OUR_SCHEMAS
from xdsserver.gatewayapi.lacking import lacking
from xdsserver.infrastructure.allocation import Pool
from xdsserver.narrator import Narrator
from xdsserver.objects.meta import Name
from xdsserver.observe.notices import Level, Notice
from xdsserver.pipeline import Options
from xdsserver.proxy.authorities import system_authorities
from xdsserver.reconciler import FLEET, Reconciler, Surroundings
from xdsserver.server import XdsOptions
from xdsserver.xds.rules import Rules

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from xdsserver.files.snapshot import Saved
    from xdsserver.observe.notices import Report
    from xdsserver.settings import ServeSettings

POLL_S = 1.0
"""How often the file is looked at; one look is one system call."""


class ServeSaved:
    """One run of a saved state."""

    def __init__(self, settings: ServeSettings, report: Report) -> None:
        """Read the state; blocks.

        Raises:
            AuthorityError: the authority that was asked for cannot be read or kept.
            StateError: the file or its key cannot be read, or are not what they should be.
        """
        self._settings = settings
        self._report = report
        self._seen = _signature(settings.file)
        self._first = self._read()
        self._narrator = Narrator(report, settings.file)
        self._known = Snapshot({}, {})
        # Ports are opened by Envoys, on machines of which nothing is known here.
        surroundings = Surroundings(
            Pool(()), schemas=OUR_SCHEMAS, options=Options(system_authorities=system_authorities())
        )
        rules = Rules(fleet_of=lambda _node: FLEET)
        # What was allocated is in the file, and what is not stays without: nobody decides it here.
        self._observation = observation(settings.health, report)
        measures = None if self._observation is None else self._observation.measures
        hooks = Hooks(keep=lambda _written: None, place=lambda _key: None, measures=measures)
        options = XdsOptions(settings.xds, rules, secure_doors(settings.secure_xds, report))
        replica = settings.replica
        name = "" if replica is None else replica.name
        self._plane = ControlPlane(Reconciler(surroundings), options, self._narrator, hooks, name)
        part = None if replica is None else given(replica)
        peers = None if part is None else part.peers()
        self._administration = Administration(settings.admin, self._plane, report, peers)
        answer = self._administration.answerer.answer
        self._replicated = None if part is None else Replicated(part, self._plane.answers, report, answer)

    async def run(self, stop: asyncio.Event, reload: asyncio.Event) -> None:
        """Serve until `stop`; read the file again when it is another one, and on `reload`.

        Raises:
            AdminError: the address or the token of the admin API cannot be had.
            EndpointError: the address for probes cannot be had.
            ServerError: an xDS address cannot be had.
        """
        nothing = contextlib.nullcontext()
        observed = nothing if self._observation is None else self._observation.serving(self._plane.condition)
        among_others = nothing if self._replicated is None else self._replicated.taking_part()
        async with observed, self._plane.serving(), among_others, self._administration.serving():
            for address in self._plane.server.addresses:
                self._report(Notice(Level.INFO, "xDS", f"listening on {address}"))
            self._plane.server.quarantine.recall(self._first.snapshot.precedents)
            await self._take(self._first)
            self._plane.server.ready()
            following = asyncio.create_task(self._follow(reload))
            stopping = asyncio.create_task(stop.wait())
            await asyncio.wait({following, stopping}, return_when=asyncio.FIRST_COMPLETED)
            stopping.cancel()
            following.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await following
            self._report(Notice(Level.INFO, "", "stopping"))

    async def _follow(self, reload: asyncio.Event) -> None:
        while True:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(POLL_S):
                    await reload.wait()
            asked = reload.is_set()
            reload.clear()
            # Before the file is read: what replaces it in between is seen the next time.
            signature = await asyncio.to_thread(_signature, self._settings.file)
            if signature == self._seen and not asked:
                continue
            self._seen = signature
            try:
                saved = await asyncio.to_thread(self._read)
            except StateError as error:
                self._report(Notice(Level.ERROR, "state", f"{error}; what was read before is served on"))
            else:
                await self._take(saved)

    def _read(self) -> Saved:
        """Read the file, and the key too: both may have been replaced."""
        key_file = self._settings.state_key_file
        return read_saved(self._settings.file, read_key(key_file) if key_file is not None else None)

    async def _take(self, saved: Saved) -> None:
        """Serve this state instead of the one before."""
        snapshot = saved.snapshot
        addresses = dict.fromkeys(one.address for one in snapshot.written.values())
        self._plane.reconciler.adopt(Pool(tuple(addresses)), snapshot.written)
        scan = Scan(tuple(_changes(self._known, snapshot)))
        self._known = snapshot
        when = datetime.fromtimestamp(snapshot.saved_at_s, UTC).strftime("%Y-%m-%d %H:%M:%S UTC")
        words = f"{len(snapshot.objects)} objects, saved {when} by xdsserver {snapshot.release or '(unknown)'}"
        self._report(Notice(Level.INFO, "state", words))
        self._narrator.scan(scan)
        self._tell_missing(saved)
        # First as they were when they were good, so that what is bad since has something to fall back to.
        changed = {one.key for one in scan.changes}
        last_good = [("Secret", one.name, one) for key, one in snapshot.last_good.items() if key in changed]
        async with contextlib.nullcontext() if self._plane.condition().ready else self._plane.unseen():
            await self._plane.many_objects(last_good)
            await self._plane.many_objects([(one.kind, one.name, one.object) for one in scan.changes])
        self._narrator.references(scan, self._plane.reconciler, lambda _key: None)

    def _tell_missing(self, saved: Saved) -> None:
        told = set()
        for owner, listener, missing in lacking(saved.snapshot.objects, saved.missing):
            words = f"listener {listener} lacks its certificate: {missing} {saved.missing[missing]}"
            self._report(Notice(Level.WARNING, str(owner), words))
            told.add(missing)
        for key, words in sorted(saved.missing.items()):
            if key not in told:
                self._report(Notice(Level.WARNING, str(key), words))


def _changes(before: Snapshot, after: Snapshot) -> Iterator[Change]:
    for key in sorted({*before.objects, *after.objects}):
        now = after.objects.get(key)
        if before.objects.get(key) != now:
            yield Change(key.kind, Name(key.namespace, key.name), now)


def _signature(path: Path) -> tuple[int, ...] | None:
    """Give what differs between a file and the one that replaces it; None where there is none."""
    try:
        found = path.stat()
    except OSError:
        return None
    return (found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns, found.st_ctime_ns)
