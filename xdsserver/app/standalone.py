"""A folder of YAML, served by a local Envoy (or by any that connects)."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import socket
from contextlib import AsyncExitStack, aclosing
from typing import TYPE_CHECKING

from xdsserver.app.administration import Administration
from xdsserver.app.doors import secure_doors
from xdsserver.app.local import local_addresses, supervisor
from xdsserver.app.measures import observation
from xdsserver.app.plane import ControlPlane, Hooks
from xdsserver.app.saving import saver, saver_of_precedents
from xdsserver.files import Folder, scans
from xdsserver.files.saved import read_saved
from xdsserver.files.state import StateError, read_state, write_state
from xdsserver.gatewayapi.installed import OUR_SCHEMAS
from xdsserver.infrastructure.allocation import Pool
from xdsserver.inspection.world import Unread
from xdsserver.narrator import Narrator
from xdsserver.observe.notices import Level, Notice
from xdsserver.pipeline import Options
from xdsserver.proxy.authorities import system_authorities
from xdsserver.reconciler import FLEET, Reconciler, Surroundings
from xdsserver.server import XdsOptions
from xdsserver.xds.rules import Rules

if TYPE_CHECKING:
    from collections.abc import Mapping

    from xdsserver.files.values import FileProblem
    from xdsserver.infrastructure.allocation import Written
    from xdsserver.objects.meta import Name
    from xdsserver.observe.notices import Report
    from xdsserver.settings import StandaloneSettings


def can_open(address: str, port: int, transport: str) -> str | None:
    """Try a port: say why it cannot be opened, with the remedy, or None. It is free again when this returns."""
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    kind = socket.SOCK_DGRAM if transport == "UDP" else socket.SOCK_STREAM
    try:
        with socket.socket(family, kind) as probe:
            if kind == socket.SOCK_STREAM:
                # Connections that have just ended are in nobody's way. For datagrams it would mean to share the port.
                probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind((address, port))
    except OSError as error:
        match error.errno:
            case errno.EACCES:
                return f"port {port} needs privileges (lower net.ipv4.ip_unprivileged_port_start, or run as root)"
            case errno.EADDRINUSE:
                return f"port {port} is in use by another program"
            case errno.EADDRNOTAVAIL:
                return f"this machine has no address {address}"
            case _:
                return f"port {port}: {error.strerror}"
    return None


def unread(problem: FileProblem) -> Unread:
    """Say of a problem of a file what others are told."""
    where = f"{problem.file or '.'}:{problem.line}" if problem.line else problem.file or "."
    words = f"{problem.field}: {problem.message}" if problem.field else problem.message
    return Unread(where, problem.key, words, problem.severity)


class Standalone:
    """One run of a folder."""

    def __init__(self, settings: StandaloneSettings, report: Report) -> None:
        self._settings = settings
        self._report = report
        self._folder = Folder(settings.folder)
        self._narrator = Narrator(report, settings.folder)
        self._state_file = settings.state_dir / "allocations.json"
        self._reconciler = Reconciler(
            Surroundings(
                Pool(settings.pool),
                can_open,
                OUR_SCHEMAS,
                Options(system_authorities=system_authorities()),
            ),
            self._read_state(),
        )
        self._kept = self._reconciler.written
        addresses = (*local_addresses(settings.envoy), *settings.xds)
        # There is one fleet: whoever may connect (this machine only) gets it.
        rules = Rules(fleet_of=lambda _node: FLEET)
        self._observation = observation(settings.health, report)
        measures = None if self._observation is None else self._observation.measures
        hooks = Hooks(
            self._write_state, self._folder.place, measures, rejected=self._save_rejected, unread=lambda: self._unread
        )
        options = XdsOptions(addresses, rules, secure_doors(settings.secure_xds, report))
        self._plane = ControlPlane(self._reconciler, options, self._narrator, hooks)
        self._administration = Administration(settings.admin, self._plane, report)
        self._unread: tuple[Unread, ...] = ()
        self._saver = None if settings.saved_state is None else saver(settings.saved_state, self._plane, report)
        self._rejected_file = settings.state_dir / "rejected.state"
        self._rejected_saver = saver_of_precedents(self._rejected_file, self._plane, report)
        self._recall()

    async def run(self, stop: asyncio.Event) -> None:
        """Serve until `stop`; then drain Envoy, or keep it, and end.

        Raises:
            AdminError: the address or the token of the admin API cannot be had.
            EndpointError: the address for probes cannot be had.
            EnvoyNotFoundError: there is no Envoy to run.
            HomeBusyError: the folder is served by another process.
            ServerError: an xDS address cannot be had.
        """
        async with AsyncExitStack() as stack:
            if self._settings.envoy is not None:
                # First, since it owns the folder of the sockets; Envoy tries again until our server is there.
                await stack.enter_async_context(supervisor(self._settings.envoy, "standalone", self._narrator))
            if self._observation is not None:
                await stack.enter_async_context(self._observation.serving(self._plane.condition))
            await stack.enter_async_context(self._plane.serving())
            await stack.enter_async_context(self._administration.serving())
            for saving in (self._saver, self._rejected_saver):
                if saving is not None:
                    await stack.enter_async_context(saving.running())
            for address in self._plane.server.addresses:
                self._report(Notice(Level.INFO, "xDS", f"listening on {address}"))
            following = asyncio.create_task(self._follow())
            stopping = asyncio.create_task(stop.wait())
            await asyncio.wait({following, stopping}, return_when=asyncio.FIRST_COMPLETED)
            stopping.cancel()
            following.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await following
            self._report(Notice(Level.INFO, "", "stopping"))

    async def _follow(self) -> None:
        async with aclosing(scans(self._folder, on_poll=self._narrator.polling)) as readings:
            async for scan in readings:
                self._narrator.scan(scan)
                self._unread = tuple(unread(one) for one in scan.problems)
                changes = [(one.kind, one.name, one.object) for one in scan.changes]
                async with contextlib.nullcontext() if self._plane.condition().ready else self._plane.unseen():
                    await self._plane.many_objects(changes)
                self._narrator.references(scan, self._plane.reconciler, self._folder.place)
                # A folder that cannot be read has not said anything yet: Envoys keep what they have.
                if not any(problem.severity == "error" and not problem.file for problem in scan.problems):
                    self._plane.server.ready()
                    if self._saver is not None:
                        self._saver.changed()

    # What must survive a restart.

    def _read_state(self) -> dict[Name, Written]:
        try:
            return read_state(self._state_file)
        except StateError as error:
            self._report(Notice(Level.WARNING, "state", str(error)))
            return {}

    def _recall(self) -> None:
        """Learn what Envoys rejected before, so that it is not tried again; what cannot be read is found out again."""
        if self._rejected_file.exists():
            try:
                self._plane.server.quarantine.recall(read_saved(self._rejected_file).snapshot.precedents)
            except StateError as error:
                self._report(Notice(Level.WARNING, "state", str(error)))

    def _save_rejected(self) -> None:
        for saving in (self._saver, self._rejected_saver):
            if saving is not None:
                saving.changed()

    def _write_state(self, written: Mapping[Name, Written]) -> None:
        if written == self._kept:
            return
        self._kept = written
        try:
            write_state(self._state_file, written)
        except StateError as error:
            self._report(Notice(Level.WARNING, "state", str(error)))
