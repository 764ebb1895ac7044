"""Many Envoys at one server: what each costs, how long all wait for everything, and what one that stalls does to them.

Beside ours a naive server runs, with the same resources and the same clients.
"""

from __future__ import annotations

import json
import statistics
import subprocess
import sys
import tempfile
import time
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from bench import rig
from bench.figure import Figure, percentile

if TYPE_CHECKING:
    from collections.abc import Iterator

ROUTES = 5000
STREAMS = 1000
_FAN_STREAMS = 500
_STALL_STREAMS = 50
_CHANGES = 30
_SETTLE_S = 1.0
"""Until what a full sync left behind is given back; before it and after, so that neither reading counts it."""


@dataclass(frozen=True, slots=True)
class Fleet:
    """A server and its clients, each a process."""

    server: rig.Child
    clients: rig.Child

    def connect(self, count: int) -> float:
        """Connect so many clients at once; give the seconds until the last of them had everything."""
        self.clients.tell("connect", count)
        took_s: list[float] = self.clients.hear()["answer"]
        return max(took_s)

    def memory_kib(self) -> float:
        """Give the anonymous memory of the server."""
        return self._ask("memory", "anonymous_kib")

    def processor_s(self) -> float:
        """Give the processor time of the server so far."""
        return self._ask("processor", "cpu_s")

    def _ask(self, command: str, field: str) -> float:
        self.server.tell(command)
        found: float = self.server.hear()[field]
        return found

    def change(self) -> list[float]:
        """Change one resource; give the milliseconds after which each client had it."""
        self.clients.tell("watch")
        self.clients.hear()
        self.server.tell("change")
        begun_ns = self.server.hear()["begun_ns"]
        return [(at_ns - begun_ns) / 1e6 for at_ns in self.clients.hear()["answer"]]


@dataclass(frozen=True, slots=True)
class Found:
    """What was measured of one server."""

    full_sync_s: float
    kib_per_stream: float
    sync_cpu_s: float
    fanout_ms: float
    fanout_cpu_ms: float


def figures() -> Iterator[Figure]:
    """Measure ours, then the naive server."""
    ours, naive = _measure("ours"), _measure("naive")
    streams = {"streams": STREAMS, "routes": ROUTES}
    reference = "naive: "
    note = f"{reference}{naive.full_sync_s:.1f} s; processor {ours.sync_cpu_s:.1f} s, naive {naive.sync_cpu_s:.1f} s"
    yield Figure("full_sync_s", ours.full_sync_s, "s", streams, at_most=30, note=note)
    note = f"{reference}{naive.kib_per_stream:.0f}"
    yield Figure("kib_per_stream", ours.kib_per_stream, "KiB", streams, at_most=64, note=note)
    fan = {"streams": _FAN_STREAMS, "routes": ROUTES}
    note = f"{reference}{naive.fanout_ms:.0f} ms; one endpoint changed"
    yield Figure("fanout_ms", ours.fanout_ms, "ms", fan, at_most=60, note=note)
    note = f"{reference}{naive.fanout_cpu_ms:.2f} ms"
    yield Figure("fanout_cpu_ms_per_stream", ours.fanout_cpu_ms, "ms", fan, at_most=0.12, note=note)
    yield _stalled()


def _measure(kind: str) -> Found:
    with _fleet(kind) as fleet:
        fleet.connect(1)  # What is made once is made.
        time.sleep(_SETTLE_S)
        idle_kib, idle_s = fleet.memory_kib(), fleet.processor_s()
        full_sync_s = fleet.connect(STREAMS)
        time.sleep(_SETTLE_S)
        used_s, used_kib = fleet.processor_s(), fleet.memory_kib()
    with _fleet(kind) as fleet:
        fleet.connect(_FAN_STREAMS)
        times, cpu_s = [], []
        for _ in range(_CHANGES):
            before_s = fleet.processor_s()
            times.append(max(fleet.change()))
            time.sleep(0.05)
            cpu_s.append(fleet.processor_s() - before_s)
    per_stream_ms = statistics.median(cpu_s) * 1000 / _FAN_STREAMS
    kib = (used_kib - idle_kib) / STREAMS
    return Found(full_sync_s, kib, used_s - idle_s, statistics.median(times), per_stream_ms)


@contextmanager
def _fleet(kind: str) -> Iterator[Fleet]:
    with tempfile.NamedTemporaryFile() as file, ExitStack() as stack:
        subprocess.run((sys.executable, "-m", "bench.fleet_server", str(ROUTES)), stdout=file, check=True)
        server = stack.enter_context(rig.process("bench.fleet_server", kind, file.name, core=rig.CONTROL_CORE))
        said = server.hear()
        command = ("bench.fleet_clients", said["address"])
        clients = stack.enter_context(rig.process(*command, core=rig.DATA_CORE))
        clients.hear()
        clients.tell("learn", _compact(said["endpoints"]), _compact(said["tables"]))
        clients.hear()
        yield Fleet(server, clients)


def _compact(names: list[str]) -> str:
    return json.dumps(names, separators=(",", ":"))


def _stalled() -> Figure:
    with _fleet("ours") as fleet:
        fleet.connect(_STALL_STREAMS - 1)
        quiet = [took for _ in range(_CHANGES) for took in fleet.change()]
        fleet.clients.tell("stall")
        fleet.clients.hear()
        stalled = [took for _ in range(_CHANGES) for took in fleet.change()]
    ratio = percentile(stalled, 0.99) / percentile(quiet, 0.99)
    params = {"streams": _STALL_STREAMS, "routes": ROUTES}
    note = "p99 of the others' changes while one reads nothing, by p99 without it"
    return Figure("stalled_reader_ratio", ratio, "x", params, at_most=2, note=note)
