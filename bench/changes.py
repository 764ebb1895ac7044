"""One route changed in memory until Envoy answers with it, alone and beside a hand-written server."""

from __future__ import annotations

import statistics
import tempfile
import time
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from bench import rig
from bench.figure import Figure, percentile
from tests.ports import free_port

if TYPE_CHECKING:
    from collections.abc import Iterator

SIZES = (10, 1000, 10_000)
_CHANGES = 110
_WARM = 10
_PAUSE_S = 0.02


@dataclass
class Samples:
    """What the changes of one size took."""

    answer_ms: list[float] = field(default_factory=list)
    own_ms: list[float] = field(default_factory=list)
    cpu_ms: list[float] = field(default_factory=list)
    sent: list[int] = field(default_factory=list)
    reference_ms: list[float] = field(default_factory=list)
    """The same changes by the hand-written server, in turn with ours."""
    cold_s: float = 0.0


@dataclass(frozen=True, slots=True)
class Side:
    """A control plane with an Envoy of its own."""

    child: rig.Child
    client: rig.Client

    def change(self, number: int, stamp: str) -> float:
        """Change a route; give the milliseconds until it was answered."""
        self.child.tell("change", number, stamp)
        shown_ns = self.client.until(number, stamp)
        said = self.child.hear()
        took_ns: int = shown_ns - said["begun_ns"]
        return took_ns / 1e6


def measure(routes: int, *, reference: bool = False, changes: int = _CHANGES) -> Samples:
    """Change a route again and again."""
    samples = Samples()
    with tempfile.TemporaryDirectory(prefix="xds-") as folder, rig.echo() as backend_port, ExitStack() as stack:
        home = Path(folder)
        ours, samples.cold_s = stack.enter_context(_ours(home, routes, backend_port))
        other = stack.enter_context(_handwritten(home, ours, routes)) if reference else None
        for turn in range(changes):
            number = turn * 7919 % routes
            took_ms = ours.change(number, f"ours-{turn}")
            reference_ms = None
            if other is not None:
                time.sleep(_PAUSE_S)
                reference_ms = other.change(number, f"other-{turn}")
            if turn >= _WARM:
                samples.answer_ms.append(took_ms)
                samples.reference_ms += [] if reference_ms is None else [reference_ms]
            time.sleep(_PAUSE_S)
        for turn in range(changes):
            # Our share without the client: its questions, every 0.2 ms, take processor time from us.
            ours.child.tell("change", turn * 7919 % routes, f"quiet-{turn}")
            said = ours.child.hear()
            if turn >= _WARM:
                samples.own_ms.append(said["own_ms"])
                samples.cpu_ms.append(said["cpu_ms"])
                samples.sent.append(int(said["bytes"]))
            time.sleep(_PAUSE_S)
    return samples


@contextmanager
def _ours(home: Path, routes: int, backend_port: int) -> Iterator[tuple[Side, float]]:
    port, xds = free_port(), f"unix:{home}/xds.sock"
    with rig.process("bench.plane", str(home), xds, core=rig.CONTROL_CORE) as child:
        child.hear()
        with rig.data_plane(home / "ours", xds):
            # Envoy has started and its stream is held, as it is when a server starts beside a running Envoy.
            time.sleep(1.0)
            client = rig.Client(port)
            child.tell("load", routes, port, backend_port)
            begun_ns = child.hear()["begun_ns"]
            shown_ns = client.until(routes - 1, "start")
            child.hear()
            yield Side(child, client), (shown_ns - begun_ns) / 1e9


@contextmanager
def _handwritten(home: Path, ours: Side, routes: int) -> Iterator[Side]:
    port, xds, dump = free_port(), f"unix:{home}/hand.sock", home / "dump.json"
    ours.child.tell("dump", dump)
    ours.child.hear()
    with rig.process("bench.handwritten", str(dump), xds, str(port), core=rig.CONTROL_CORE) as child:
        child.hear()
        with rig.data_plane(home / "hand", xds):
            client = rig.Client(port)
            client.until(routes - 1, "start")
            yield Side(child, client)


def figures() -> Iterator[Figure]:
    """Measure all sizes."""
    median: dict[int, float] = {}
    for routes in SIZES:
        found = measure(routes, reference=routes == 1000)
        median[routes] = statistics.median(found.answer_ms)
        yield from _of_size(routes, found)
    yield Figure("growth", median[10_000] / median[10], "x", at_most=3, note="p50 at 10,000 routes by p50 at 10")


def _of_size(routes: int, found: Samples) -> Iterator[Figure]:
    params: dict[str, int | str] = {"routes": routes}
    p50, p99 = {**params, "at": "p50"}, {**params, "at": "p99"}
    largest = routes == SIZES[-1]
    layout = "one RouteConfiguration per bind: Envoy's own work grows with it" if largest else ""
    answer = statistics.median(found.answer_ms)
    yield Figure("change_to_answer_ms", answer, "ms", p50, at_most=3 if largest else None, note=layout)
    worst = percentile(found.answer_ms, 0.99)
    yield Figure("change_to_answer_ms", worst, "ms", p99, at_most=10 if largest else None, note=layout)
    if found.reference_ms:
        reference = statistics.median(found.reference_ms)
        note = f"hand-written server in the same run: {reference:.2f} ms"
        yield Figure("change_ratio_to_handwritten", answer / reference, "x", params, at_most=1.3, note=note)
    own = statistics.median(found.own_ms)
    note = "change until the last byte is written"
    yield Figure("own_share_ms", own, "ms", p50, at_most=3 if routes == 1000 else None, note=note)
    cpu = statistics.mean(found.cpu_ms)
    yield Figure("cpu_ms_per_change", cpu, "ms", params, at_most=2 if largest else None)
    yield Figure("sent_bytes_per_change", statistics.median(found.sent), "bytes", params)
    yield Figure("cold_start_s", found.cold_s, "s", params, at_most=1.5 if largest else None)
