"""What a run says to the people who watch it: what changed, what is wrong, what is mended, where to curl."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

from xdsserver.gatewayapi.rejections import in_words
from xdsserver.gatewayapi.statuses import GatewayStatus, ListenerSetStatus, doubts, faults, programmed
from xdsserver.model.places import EVERYWHERE, ListenerKey
from xdsserver.objects.meta import ObjectKey
from xdsserver.observe.notices import Level, Notice
from xdsserver.proxy.states import Crashed, Draining, Missing, Ready, Starting, Stopped
from xdsserver.xds.resource import LISTENER, ROUTE

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping
    from pathlib import Path

    from xdsserver.files import Scan
    from xdsserver.gatewayapi.statuses import ListenerStatus, ObjectStatus
    from xdsserver.model.places import Bind
    from xdsserver.proxy.states import State
    from xdsserver.reconciler import Outcome, Reconciler
    from xdsserver.xds.case import Blame, Rejection

    PlaceOf = Callable[[ObjectKey], tuple[str, int] | None]
    """File and line (from 1) of the definition of an object that is in force."""

_NAMED = 3
"""Objects that a notice names before it counts the rest."""

_PARENTS = frozenset({"GatewayClass", "Gateway", "ListenerSet"})
"""Kinds that others refer to, and that no status tells of when they are gone."""

_ENVOY_LEVELS = {"warning": Level.WARNING, "error": Level.ERROR, "critical": Level.ERROR}


class Socket(NamedTuple):
    """Where a listener is served: port and protocol that its user wrote, and what Envoy opened for it."""

    port: int
    protocol: str
    bind: Bind

    @property
    def url(self) -> str:
        """Where clients find it; an HTTPS listener wants to be asked for by its hostname."""
        host = f"[{self.bind.ip}]" if ":" in self.bind.ip else self.bind.ip
        return f"{self.protocol.lower()}://{host}:{self.bind.port}"


@dataclass(frozen=True, slots=True)
class Whereabouts:
    """Where things are now: the socket of a listener, and the definition of an object."""

    socket: Callable[[ListenerKey], Socket | None]
    definition: PlaceOf


class Narrator:
    """Turns outcomes into notices, and says each thing once: it remembers what it said last of each subject."""

    def __init__(self, report: Callable[[Notice], None], folder: Path) -> None:
        self._report = report
        self._folder = folder
        self._problems: frozenset[str] = frozenset()
        self._faults: dict[ObjectKey, tuple[str, ...]] = {}
        self._serving: dict[ObjectKey, frozenset[tuple[str, Socket]]] = {}
        self._dangling: dict[ObjectKey, tuple[str, ...]] = {}
        self._out_of_time: Mapping[ObjectKey, str] = {}

    def scan(self, scan: Scan) -> None:
        """Tell what a reading of the folder found."""
        if scan.changes:
            names = [f"{change.key}{' (gone)' if change.object is None else ''}" for change in scan.changes[:_NAMED]]
            more = f" and {len(scan.changes) - _NAMED} more" if len(scan.changes) > _NAMED else ""
            self._report(Notice(Level.INFO, "changed", ", ".join(names) + more))
        problems = {str(problem): problem for problem in (one.below(self._folder) for one in scan.problems)}
        for words, problem in problems.items():
            if words not in self._problems:
                self._report(Notice(Level.ERROR if problem.severity == "error" else Level.WARNING, "", words))
        mended = self._problems - problems.keys()
        if mended and not any(problem.severity == "error" for problem in scan.problems):
            self._report(Notice(Level.OK, "files", "no errors any more"))
        self._problems = frozenset(problems)

    def polling(self, why: str) -> None:
        """Tell that the folder is read by the clock."""
        self._report(Notice(Level.WARNING, "", why))

    def outcome(self, outcome: Outcome, whereabouts: Whereabouts) -> None:
        """Tell what a round decided: faults that came and went, listeners that are served now, and where."""
        for (table, row), error in outcome.failures.items():
            words = f"a bug in xdsserver: {table} of {row} failed with {error!r}; what comes from it is left out"
            self._report(Notice(Level.ERROR, "internal", words))
        for key, status in outcome.statuses.items():
            self._tell_faults(key, status, whereabouts.definition(key))
            if isinstance(status, GatewayStatus | ListenerSetStatus):
                self._tell_listeners(key, status.listeners, whereabouts.socket)
            elif status is None:
                self._serving.pop(key, None)

    def references(self, scan: Scan, reconciler: Reconciler, place_of: PlaceOf) -> None:
        """Tell which references of objects lead to nobody, after a reading has been reconciled."""
        targets_gone = any(change.object is None and change.kind in _PARENTS for change in scan.changes)
        # What changed, and what was told before; all that may refer to something only where something is gone.
        pipeline = reconciler.pipeline
        candidates = {*self._dangling, *(change.key for change in scan.changes)}
        if targets_gone:
            candidates |= {
                *pipeline.route_heads.rows,
                *(ObjectKey("Gateway", *name) for name in pipeline.gateways.rows),
                *(ObjectKey("ListenerSet", *name) for name in pipeline.listener_sets.rows),
            }
        if any(change.kind == "Gateway" for change in scan.changes):
            # It may have been, or have become, a default.
            heads = pipeline.route_heads.rows
            candidates |= {key for key, head in heads.items() if head.default_scope is not None}
        before, self._dangling = self._dangling, reconciler.dangling(candidates)
        for key, words in sorted(self._dangling.items()):
            for line in words:
                if line not in before.get(key, ()):
                    self._tell_fault(key, line, place_of(key))

    def validity(self, doubts: Mapping[ObjectKey, str], place_of: PlaceOf) -> None:
        """Tell which certificates are shown though their time is out, of all that are."""
        before, self._out_of_time = self._out_of_time, doubts
        for key, words in sorted(doubts.items()):
            if before.get(key) != words:
                self._tell_fault(key, words, place_of(key))
        for key in sorted(before.keys() - doubts.keys()):
            self._report(Notice(Level.OK, str(key), "no expired certificate of it is shown any more"))

    def _tell_fault(self, key: ObjectKey, line: str, place: tuple[str, int] | None) -> None:
        where = f" ({self._folder / place[0]}:{place[1]})" if place is not None else ""
        self._report(Notice(Level.WARNING, str(key), f"{line}{where}"))

    def _tell_faults(self, key: ObjectKey, status: ObjectStatus | None, place: tuple[str, int] | None) -> None:
        before = self._faults.pop(key, ())
        if status is None:
            return
        # The same words may stand in several conditions and for several parents.
        words = {f"{one.reason}: {one.message}": None for _, one in faults(status)}
        now = (*words, *doubts(status))
        for line in now:
            if line not in before:
                self._tell_fault(key, line, place)
        if now:
            self._faults[key] = now
        elif before:
            self._report(Notice(Level.OK, str(key), "has no problems any more"))

    def _tell_listeners(
        self,
        key: ObjectKey,
        listeners: Iterable[ListenerStatus],
        socket_of: Callable[[ListenerKey], Socket | None],
    ) -> None:
        served = {listener.name for listener in listeners if programmed(listener)}
        sockets = ((name, socket_of(ListenerKey(*key, name))) for name in served)
        now = frozenset((name, socket) for name, socket in sockets if socket is not None)
        for name, socket in sorted(now - self._serving.get(key, frozenset())):
            self._report(_served(key, name, socket))
        self._serving[key] = now

    # Envoy.

    def rejections(self, news: Mapping[Blame, Rejection | None]) -> None:
        """Tell what Envoys reject that is no object's own doing, or no more; objects have a condition for theirs."""
        for blame, said in news.items():
            if blame.owner or blame.type_url in (LISTENER, ROUTE):
                continue
            subject = f"{blame.type_url.rpartition('.')[2]} {blame.name}"
            if said is None:
                self._report(Notice(Level.OK, subject, "is not rejected any more"))
            else:
                self._report(Notice(Level.WARNING, subject, in_words(said.nodes, said.words)))

    def envoy_line(self, line: str) -> None:
        """Pass on what Envoy writes, `[level] [logger] text`, as far as somebody should act on it."""
        level, _, text = line.removeprefix("[").partition("] ")
        if level in _ENVOY_LEVELS:
            self._report(Notice(_ENVOY_LEVELS[level], "Envoy", text))

    def envoy_state(self, state: State) -> None:
        """Tell what became of the Envoy that we run."""
        match state:
            case Ready(pid, adopted):
                self._report(Notice(Level.OK, "Envoy", f"{'taken over' if adopted else 'ready'} (pid {pid})"))
            case Crashed(reason, retry_in_s):
                self._report(Notice(Level.ERROR, "Envoy", f"ended: {reason}; starting again in {retry_in_s:g} s"))
            case Missing(path, remedy, retry_in_s):
                words = f"{path} is not there: {remedy}; looking again in {retry_in_s:g} s"
                self._report(Notice(Level.ERROR, "Envoy", words))
            case Draining():
                self._report(Notice(Level.INFO, "Envoy", "draining: requests under way may finish"))
            case Stopped(kept_pid):
                words = "stopped" if kept_pid is None else f"left running (pid {kept_pid}), as asked"
                self._report(Notice(Level.INFO, "Envoy", words))
            case Starting():
                pass


def _served(key: ObjectKey, name: str, socket: Socket) -> Notice:
    bind = socket.bind
    if bind.ip == EVERYWHERE and bind.port != socket.port:
        # Clients come by a Service or by ports of nodes, whose addresses are in the Gateway's status.
        return Notice(Level.OK, str(key), f"listener {name} is served, at port {bind.port} of its Envoys")
    mapped = "" if bind.port == socket.port else f" (port {socket.port} could not be opened here)"
    return Notice(Level.OK, str(key), f"listener {name} is served at {socket.url}{mapped}", socket.url)
