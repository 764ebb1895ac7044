"""A folder of YAML, served by a local Envoy (or by any that connects); and what all ways to run have in common."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import gc
import socket
import time
from contextlib import AsyncExitStack, aclosing
from dataclasses import dataclass
from functools import partial
from importlib.metadata import version
from typing import TYPE_CHECKING

from xdsserver.app.doors import secure_doors
from xdsserver.files import Folder, scans
from xdsserver.files.saved import write_saved
from xdsserver.files.saver import Saver
from xdsserver.files.sealing import read_key
from xdsserver.files.snapshot import Snapshot
from xdsserver.files.state import StateError, read_state, write_state
from xdsserver.infrastructure.allocation import Pool
from xdsserver.model.places import Delivery, DeliveryKey
from xdsserver.narrator import Narrator, Socket, Whereabouts
from xdsserver.objects.schemas import BUNDLE_VERSION
from xdsserver.observe.notices import Level, Notice
from xdsserver.pipeline import Options
from xdsserver.proxy.authorities import system_authorities
from xdsserver.proxy.bootstrap import BootstrapOptions, UnixSocket, build_bootstrap
from xdsserver.proxy.envoy import find_envoy
from xdsserver.proxy.local_envoy import LocalEnvoy
from xdsserver.proxy.supervisor import Supervisor
from xdsserver.reconciler import FLEET, Reconciler, Surroundings
from xdsserver.server import XdsOptions, XdsServer
from xdsserver.xds.cache import Cache
from xdsserver.xds.ledger import Acked, Ledger, Rejected
from xdsserver.xds.resource import LISTENER, ROUTE
from xdsserver.xds.rules import Rules

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
    from pathlib import Path

    from xdsserver.infrastructure.allocation import Written
    from xdsserver.model.places import ListenerKey
    from xdsserver.objects.meta import Name, ObjectKey
    from xdsserver.observe.notices import Report
    from xdsserver.reconciler import ObjectChange, Outcome
    from xdsserver.settings import StandaloneSettings
    from xdsserver.xds.ledger import Event

_GRACE_S = 2.0
"""How long the xDS streams may take to end."""

_MANY = 100
"""Changes at once that are a start, or a folder replaced, rather than somebody at work."""


def can_open(address: str, port: int, transport: str) -> str | None:
    """Try a port: say why it cannot be opened, with the remedy, or None. It is free again when this returns."""
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    kind = socket.SOCK_DGRAM if transport == "UDP" else socket.SOCK_STREAM
    try:
        with socket.socket(family, kind) as probe:
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


@contextlib.contextmanager
def _uncollected() -> Iterator[None]:
    """Build a lot that stays without looking for cycles in it, now and later.

    At 10,000 routes the collector would take two fifths of the time of a start, and later stop single changes for tens
    of milliseconds. What is replaced later is freed as ever, by its count of references: rows hold no cycles.
    """
    gc.disable()
    try:
        yield
    finally:
        gc.freeze()
        gc.enable()


class Standalone:
    """One run of a folder."""

    def __init__(self, settings: StandaloneSettings, report: Report) -> None:
        self._settings = settings
        self._report = report
        self._folder = Folder(settings.folder)
        self._narrator = Narrator(report, settings.folder)
        self._state_file = settings.state_dir / "allocations.json"
        reconciler = Reconciler(
            Surroundings(
                Pool(FLEET, settings.pool),
                can_open,
                BUNDLE_VERSION,
                Options(system_authorities=system_authorities()),
            ),
            self._read_state(),
        )
        self._kept = reconciler.written
        socket_address = f"unix:{settings.runtime_dir / 'xds.sock'}"
        addresses = (*((socket_address,) if settings.run_envoy else ()), *settings.xds)
        # There is one fleet: whoever may connect (this machine only) gets it.
        rules = Rules(fleet_of=lambda _node: FLEET)
        hooks = Hooks(self._write_state, self._folder.place)
        options = XdsOptions(addresses, rules, secure_doors(settings.secure_xds, report))
        self._plane = ControlPlane(reconciler, options, self._narrator, hooks)
        self._saver = self._saves(settings.save_state, settings.state_key_file) if settings.save_state else None

    async def run(self, stop: asyncio.Event) -> None:
        """Serve until `stop`; then drain Envoy, or keep it, and end.

        Raises:
            EnvoyNotFoundError: there is no Envoy to run.
            HomeBusyError: the folder is served by another process.
            ServerError: an xDS address cannot be had.
        """
        async with AsyncExitStack() as stack:
            if self._settings.run_envoy:
                # First, since it owns the folder of the sockets; Envoy tries again until our server is there.
                await stack.enter_async_context(self._supervisor())
            await stack.enter_async_context(self._plane.serving())
            if self._saver is not None:
                await stack.enter_async_context(self._saver.running())
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

    def _supervisor(self) -> Supervisor:
        settings = self._settings
        runtime_dir = settings.runtime_dir
        bootstrap = build_bootstrap(
            BootstrapOptions(
                node_id="standalone",
                fleet=FLEET,
                xds=UnixSocket(str(runtime_dir / "xds.sock")),
                admin=UnixSocket(str(runtime_dir / "admin.sock")),
            )
        )
        envoy = LocalEnvoy(
            find_envoy(settings.envoy),
            bootstrap,
            runtime_dir,
            concurrency=settings.concurrency,
            drain_s=settings.drain_s,
            keep=settings.keep_envoy,
        )
        return Supervisor(envoy, self._narrator.envoy_state, self._narrator.envoy_line)

    async def _follow(self) -> None:
        async with aclosing(scans(self._folder, on_poll=self._narrator.polling)) as readings:
            async for scan in readings:
                self._narrator.scan(scan)
                self._plane.objects([(one.kind, one.name, one.object) for one in scan.changes])
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

    def _write_state(self, written: Mapping[Name, Written]) -> None:
        if written == self._kept:
            return
        self._kept = written
        try:
            write_state(self._state_file, written)
        except StateError as error:
            self._report(Notice(Level.WARNING, "state", str(error)))

    def _saves(self, file: Path, key_file: Path | None) -> Saver:
        """Make what saves into this file.

        Raises:
            StateError: the key cannot be read, or is none.
        """
        key = read_key(key_file) if key_file is not None else None
        release = version("xdsserver")

        def prepare() -> Callable[[], None]:
            reconciler = self._plane.reconciler
            objects, last_good = reconciler.pipeline.objects(), reconciler.last_good()
            snapshot = Snapshot(objects, reconciler.written, last_good, release, time.time())
            return partial(write_saved, file, snapshot, key)

        return Saver(prepare, self._tell_saving)

    def _tell_saving(self, words: str) -> None:
        level = Level.WARNING if words else Level.OK
        self._report(Notice(level, "state", words or f"{self._settings.save_state} is saved again"))


@dataclass(frozen=True, slots=True)
class Hooks:
    """What a way to run adds: `keep` writes down what was allocated, `place` says where an object is defined."""

    keep: Callable[[Mapping[Name, Written]], None]
    place: Callable[[ObjectKey], tuple[str, int] | None]


class ControlPlane:
    """What all ways to run have in common: objects come in; they are served, acknowledged and told of.

    source ──objects──► Reconciler ──resources──► XdsServer ──► Envoys
                 ▲   └────statuses──► notices          │
                 └───────────deliveries◄───────────────┘
    """

    def __init__(self, reconciler: Reconciler, options: XdsOptions, narrator: Narrator, hooks: Hooks) -> None:
        self.reconciler = reconciler
        self._narrator = narrator
        self._hooks = hooks
        self._whereabouts = Whereabouts(self._socket_of, hooks.place)
        self._ledger = Ledger()
        self._answered: set[DeliveryKey] = set()
        self.server = XdsServer(Cache(), options, self.on_event, self._ledger)

    @contextlib.asynccontextmanager
    async def serving(self) -> AsyncIterator[None]:
        """Listen for Envoys until the end of the block; they are held until the server is told that all is known.

        Raises:
            ServerError: an xDS address cannot be had.
        """
        await self.server.start()
        try:
            yield
        finally:
            await self.server.stop(_GRACE_S)

    def objects(self, changes: Sequence[ObjectChange]) -> None:
        """Take changes of objects."""
        with _uncollected() if len(changes) >= _MANY else contextlib.nullcontext():
            self._take(self.reconciler.objects(changes))

    def _take(self, outcome: Outcome) -> None:
        """Serve what changed, keep what was allocated, tell what people should know."""
        # Written down before it is served: what a crash in between leaves behind is an address that nobody uses yet.
        self._hooks.keep(self.reconciler.written)
        self.server.publish(outcome.resources)
        self._narrator.outcome(outcome, self._whereabouts)
        removed = (DeliveryKey(*key) for key, resource in outcome.resources.items() if resource is None)
        if gone := [key for key in removed if key in self.reconciler.pipeline.deliveries.rows]:
            self._take(self.reconciler.deliveries(dict.fromkeys(gone)))

    def _socket_of(self, key: ListenerKey) -> Socket | None:
        pipeline = self.reconciler.pipeline
        listener, serving = pipeline.listeners.rows.get(key), pipeline.binds.rows.get(key)
        return (
            Socket(listener.port, listener.protocol, serving.bind)
            if listener is not None and serving is not None
            else None
        )

    # What the Envoys say.

    def on_event(self, event: Event) -> None:
        """Take what an Envoy was sent or said."""
        self._ledger.fold(event)
        if isinstance(event, Acked | Rejected) and event.type_url in (LISTENER, ROUTE):
            if not self._answered:
                # Once per turn of the loop: answers to one change come together.
                asyncio.get_running_loop().call_soon(self._settle)
            self._answered.update(DeliveryKey(FLEET, event.type_url, name) for name, _ in event.versions)

    def _settle(self) -> None:
        """Bring to the statuses what the Envoys answered since the last time."""
        rows = self.reconciler.pipeline.deliveries.rows
        served = self.reconciler.pipeline.resources.rows
        answers = {key: self._delivery(key) for key in self._answered if tuple(key) in served}
        self._answered.clear()
        changed = {key: answer for key, answer in answers.items() if rows.get(key) != answer}
        if changed:
            self._take(self.reconciler.deliveries(changed))

    def _delivery(self, key: DeliveryKey) -> Delivery:
        """Put together what all streams say of one resource; live is what one Envoy has acknowledged."""
        acknowledged, rejected = False, ""
        for record in self._ledger.streams(key.fleet):
            if (said := record.types.get(key.type_url)) is not None:
                acknowledged = acknowledged or key.name in said.acked
                rejected = rejected or said.rejected.get(key.name, ("", ""))[1]
        return Delivery(acknowledged, rejected)
