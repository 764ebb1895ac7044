"""One of 500 HTTPS listeners of a port changed until a new handshake shows it, beside a hand-written server."""

from __future__ import annotations

import socket
import statistics
import tempfile
import time
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from cryptography import x509

from bench import rig
from bench.figure import Figure
from tests.live.many_listeners import LISTENERS, host
from tests.live.tls_clients import Tls
from tests.ports import free_port

if TYPE_CHECKING:
    from collections.abc import Iterator

_CHANGES = 30
_WARM = 4
_PAUSE_S = 0.2
_POLL_S = 0.001
_WITHIN_S = 60.0


@dataclass
class Samples:
    """What the changes took, ours and those by hand in turn, and what we sent for each."""

    ours_ms: list[float] = field(default_factory=list)
    reference_ms: list[float] = field(default_factory=list)
    sent: list[int] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Side:
    """A control plane with an Envoy of its own."""

    child: rig.Child
    port: int

    def show(self, number: int, shown: int) -> tuple[float, int]:
        """Let a listener show another certificate; give the milliseconds until it did, and the bytes that were sent."""
        self.child.tell("show", number, shown)
        shown_ns = self.until(number, shown)
        said = self.child.hear()
        return (shown_ns - said["begun_ns"]) / 1e6, int(said.get("bytes", 0))

    def until(self, number: int, shown: int) -> int:
        """Shake hands until the certificate of this number is shown; give the time, in ns of the monotonic clock."""
        tls, end = Tls(host(number)), time.monotonic() + _WITHIN_S
        while time.monotonic() < end:
            with suppress(OSError), socket.create_connection(("127.0.0.1", self.port), timeout=5) as plain:
                with tls.context.wrap_socket(plain, server_hostname=tls.sni) as secure:
                    found = secure.getpeercert(binary_form=True)
                    now = time.monotonic_ns()
                if found is not None and _name(found) == host(shown):
                    return now
            time.sleep(_POLL_S)
        message = f"listener {number} did not show certificate {shown} within {_WITHIN_S:g} s"
        raise TimeoutError(message)


def _name(certificate: bytes) -> str:
    names = x509.load_der_x509_certificate(certificate).extensions
    return names.get_extension_for_class(x509.SubjectAlternativeName).value.get_values_for_type(x509.DNSName)[0]


def measure(listeners: int = LISTENERS, changes: int = _CHANGES) -> Samples:
    """Change one listener after the other."""
    samples = Samples()
    with tempfile.TemporaryDirectory(prefix="xds-") as folder, rig.echo() as backend_port, ExitStack() as stack:
        home = Path(folder)
        ours = stack.enter_context(_ours(home, listeners, backend_port))
        hand = stack.enter_context(_handwritten(home, ours))
        for turn in range(changes):
            number = turn * 7 % (listeners // 2)
            took_ms, sent = ours.show(number, number + listeners // 2)
            time.sleep(_PAUSE_S)
            reference_ms, _ = hand.show(number, number + listeners // 2)
            time.sleep(_PAUSE_S)
            if turn >= _WARM:
                samples.ours_ms.append(took_ms)
                samples.reference_ms.append(reference_ms)
                samples.sent.append(sent)
    return samples


@contextmanager
def _ours(home: Path, listeners: int, backend_port: int) -> Iterator[Side]:
    port, xds = free_port(), f"unix:{home}/xds.sock"
    with rig.process("bench.plane", str(home), xds, core=rig.CONTROL_CORE) as child:
        child.hear()
        with rig.data_plane(home / "ours", xds):
            child.tell("load-https", listeners, port, backend_port)
            child.hear()
            side = Side(child, port)
            side.until(listeners - 1, listeners - 1)
            yield side


@contextmanager
def _handwritten(home: Path, ours: Side) -> Iterator[Side]:
    port, xds, dump = free_port(), f"unix:{home}/hand.sock", home / "dump.json"
    ours.child.tell("dump", dump)
    ours.child.hear()
    with rig.process("bench.handwritten_https", str(dump), xds, str(port), core=rig.CONTROL_CORE) as child:
        child.hear()
        with rig.data_plane(home / "hand", xds):
            side = Side(child, port)
            side.until(0, 0)
            yield side


def figures() -> Iterator[Figure]:
    """Measure, and compare with what any server that sends the same Listener would need."""
    found = measure()
    params: dict[str, int | str] = {"listeners": LISTENERS}
    reference = statistics.median(found.reference_ms)
    note = "one Envoy Listener for all: Envoy's own work grows with it"
    ours = statistics.median(found.ours_ms)
    yield Figure("https_listener_change_ms", ours, "ms", {**params, "at": "p50"}, note=note)
    yield Figure("https_listener_change_ms", max(found.ours_ms), "ms", {**params, "at": "max"}, note=note)
    note = f"hand-written server in the same run: {reference:.2f} ms"
    yield Figure("https_listener_change_ratio_to_handwritten", ours / reference, "x", params, at_most=1.3, note=note)
    yield Figure("https_listener_change_bytes", statistics.median(found.sent), "bytes", params)
