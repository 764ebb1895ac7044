"""Processes of a measurement: a control plane that takes commands, an Envoy, a backend, and a client that polls."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import time
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import IO, TYPE_CHECKING, Any

from bench import worlds
from tests.live import envoy
from xdsserver.proxy.bootstrap import BootstrapOptions, UnixSocket, build_bootstrap, to_yaml
from xdsserver.proxy.launch import __file__ as launch
from xdsserver.proxy.local_envoy import LocalEnvoy
from xdsserver.reconciler import FLEET

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

CONTROL_CORE = 0
DATA_CORE = 1
"""Control planes have one core and Envoys another, as on a machine with enough of them: else the kernel puts both on
one from time to time, and what Envoy does with an update counts as our time until it was written."""

_POLL_S = 0.0002
_WITHIN_S = 60.0


@dataclass(frozen=True, slots=True)
class Child:
    """A process that takes commands on stdin and answers in JSON lines."""

    stdin: IO[str]
    stdout: IO[str]

    def tell(self, *words: object) -> None:
        """Give a command."""
        self.stdin.write(" ".join(map(str, words)) + "\n")
        self.stdin.flush()

    def hear(self) -> dict[str, Any]:
        """Wait for an answer."""
        found: dict[str, Any] = json.loads(self.stdout.readline())
        return found


@contextmanager
def process(*arguments: str, core: int | None = None) -> Iterator[Child]:
    """Run a Python module of ours for the length of a block, on one core where it is given."""
    command = (sys.executable, "-m", *arguments)
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as running:
        _pin(running.pid, core)
        assert running.stdin is not None
        assert running.stdout is not None
        try:
            yield Child(running.stdin, running.stdout)
        finally:
            running.kill()


@contextmanager
def data_plane(folder: Path, xds: str, core: int | None = DATA_CORE) -> Iterator[int]:
    """Run an Envoy as `standalone` runs it, with one worker, connected to a socket; gives its pid."""
    bootstrap = build_bootstrap(
        BootstrapOptions(
            node_id=folder.name,
            fleet=FLEET,
            xds=UnixSocket(xds.removeprefix("unix:")),
            admin=UnixSocket(str(folder / "admin.sock")),
        )
    )
    local = LocalEnvoy(envoy.binary(), bootstrap, folder, concurrency=1)
    folder.mkdir()
    config = folder / "bootstrap.yaml"
    config.write_text(to_yaml(bootstrap))
    with _bound(local.command(config), core) as pid:
        yield pid


@contextmanager
def envoy_of(folder: Path, bootstrap: dict[str, Any]) -> Iterator[int]:
    """Run an Envoy of one worker with a bootstrap of anybody's; gives its pid."""
    folder.mkdir()
    config = folder / "bootstrap.json"
    config.write_text(json.dumps(bootstrap))
    options = ("--concurrency", "1", "--disable-hot-restart", "--log-level", "warning")
    with _bound((str(envoy.binary()), "--config-path", str(config), *options)) as pid:
        yield pid


def _pin(pid: int, core: int | None) -> None:
    """Keep a process on one core of those that we may use; where there is one only, or no such call, leave it."""
    if core is None or not hasattr(os, "sched_setaffinity"):
        return
    cores = sorted(os.sched_getaffinity(0))
    if len(cores) > 1:
        os.sched_setaffinity(pid, {cores[core % len(cores)]})


@contextmanager
def _bound(command: tuple[str, ...], core: int | None = DATA_CORE) -> Iterator[int]:
    bound = (sys.executable, "-I", "-S", str(launch), "bound", str(os.getpid()))
    with subprocess.Popen((*bound, *command), stderr=subprocess.DEVNULL) as running:
        _pin(running.pid, core)
        try:
            yield running.pid
        finally:
            running.kill()


class Client:
    """One kept connection that asks for a route every 0.2 ms until its answer shows a stamp."""

    def __init__(self, port: int) -> None:
        self._port = port
        self._socket: socket.socket | None = None

    def until(self, number: int, stamp: str) -> int:
        """Give the time of the answer that shows it, in ns of the monotonic clock that all processes share."""
        request = f"GET {worlds.path(number)} HTTP/1.1\r\nhost: {worlds.host(number)}\r\n\r\n".encode()
        wanted = f'["{worlds.STAMP}", "{stamp}"]'.encode()
        end = time.monotonic() + _WITHIN_S
        while time.monotonic() < end:
            with suppress(OSError):
                if wanted in self._exchange(request):
                    return time.monotonic_ns()
            time.sleep(_POLL_S)
        message = f"route {number} did not show {stamp} within {_WITHIN_S:g} s"
        raise TimeoutError(message)

    def _exchange(self, request: bytes) -> bytes:
        try:
            if self._socket is None:
                self._socket = socket.create_connection(("127.0.0.1", self._port), timeout=5)
                self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            self._socket.sendall(request)
            data = b""
            while b"\r\n\r\n" not in data:
                data += self._receive()
            head, _, body = data.partition(b"\r\n\r\n")
            length = int(head.lower().partition(b"content-length: ")[2].split(b"\r\n")[0])
            while len(body) < length:
                body += self._receive()
        except OSError:
            self.close()
            raise
        return body

    def _receive(self) -> bytes:
        assert self._socket is not None
        data = self._socket.recv(65536)
        if not data:
            raise ConnectionResetError
        return data

    def close(self) -> None:
        """End the connection; the next question opens another."""
        if self._socket is not None:
            self._socket.close()
            self._socket = None


@contextmanager
def echo() -> Iterator[int]:
    """Run a backend for the length of a block; gives its port."""
    with process("bench.echo") as child:
        yield int(child.stdout.readline())
