"""Our control plane as a process that changes routes when told to: `python -m bench.plane RUNTIME_DIR SOCKET`.

It is `Standalone` without its folder: objects are made in memory, all else is what a user runs. Commands are lines on
stdin, answers lines on stdout: `load ROUTES PORT BACKEND_PORT`, `change ROUTE STAMP`, `dump FILE`; or
`load-https LISTENERS PORT BACKEND_PORT`, `show LISTENER CERTIFICATE`.
"""

from __future__ import annotations

import asyncio
import json
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from typing_extensions import override

from bench import worlds
from tests.live.many_listeners import Listeners, parent_of
from xdsserver.app import Standalone
from xdsserver.reconciler import FLEET
from xdsserver.server import XdsOptions, XdsServer
from xdsserver.settings import StandaloneSettings
from xdsserver.xds.cache import Cache
from xdsserver.xds.ledger import Acked
from xdsserver.xds.resource import LISTENER, ROUTE
from xdsserver.xds.rules import Rules

if TYPE_CHECKING:
    from collections.abc import Callable

    from xdsserver.observe.notices import Notice
    from xdsserver.server.doors import Door
    from xdsserver.server.stream import Context, Dialect
    from xdsserver.xds.ledger import Event


class Written:
    """A context of gRPC that notes when the last write was done, and how much was written."""

    def __init__(self, context: Context, note: Callable[[int], None]) -> None:
        self._context = context
        self._note = note

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401 (whatever the context has)
        return getattr(self._context, name)

    async def write(self, message: bytes) -> None:
        """Write; it returns when gRPC has taken all of it."""
        await self._context.write(message)
        self._note(len(message))


class TimedServer(XdsServer):
    """The server, with its writes noted."""

    written_ns = 0
    written_bytes = 0

    def _note(self, size: int) -> None:
        self.written_ns = time.monotonic_ns()
        self.written_bytes += size

    @override
    async def _serve(self, door: Door, dialect: Dialect, request: object, context: Context) -> None:
        noted = Written(context, self._note)
        await super()._serve(door, dialect, request, noted)  # type: ignore[arg-type] # all of it is there


class Plane(Standalone):
    """The composition of a user's run, led by commands."""

    _awaited = ROUTE
    """The type whose acknowledgement ends a change."""

    def __init__(self, folder: Path, socket: str) -> None:
        settings = StandaloneSettings(folder=folder, pool=("127.0.0.1",), envoy=None, xds=(socket,), state_dir=folder)
        super().__init__(settings, _silent)
        self._timed = TimedServer(Cache(), XdsOptions((socket,), Rules(fleet_of=lambda _node: FLEET)), self._heard)
        self._plane.server = self._timed
        self._acked = asyncio.Event()
        self._listeners = Listeners(0)

    def _heard(self, event: Event) -> None:
        self._plane.on_event(event)
        if isinstance(event, Acked) and event.type_url == self._awaited:
            self._acked.set()

    @override
    async def _follow(self) -> None:
        commands = asyncio.StreamReader()
        loop = asyncio.get_running_loop()
        await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(commands), sys.stdin)
        _say({"ready": True})
        while line := await commands.readline():
            match line.decode().split():
                case ["load", *numbers]:
                    await self._load(*map(int, numbers))
                case ["change", number, stamp]:
                    await self._change(int(number), stamp)
                case ["load-https", *numbers]:
                    await self._load_https(*map(int, numbers))
                case ["show", number, shown]:
                    await self._show(int(number), int(shown))
                case ["dump", path]:
                    self._dump(Path(path))

    async def _load(self, count: int, port: int, backend_port: int) -> None:
        everything = worlds.changes([*worlds.base(port, backend_port), *worlds.routes(count)])
        begun = time.monotonic_ns()
        _say({"begun_ns": begun})
        self._plane.objects(everything)
        self._plane.server.ready()
        await self._acked.wait()
        _say({"acked_ns": time.monotonic_ns()})

    async def _change(self, number: int, stamp: str) -> None:
        change = worlds.change(worlds.route(number, stamp))
        self._acked.clear()
        sent = self._timed.written_bytes
        cpu_ns = time.process_time_ns()
        begun = time.monotonic_ns()
        self._plane.objects([change])
        await self._acked.wait()
        # One turn of the loop later what the answer means for statuses is decided too.
        await asyncio.sleep(0)
        _say(
            {
                "begun_ns": begun,
                "own_ms": (self._timed.written_ns - begun) / 1e6,
                "cpu_ms": (time.process_time_ns() - cpu_ns) / 1e6,
                "bytes": self._timed.written_bytes - sent,
            }
        )

    async def _load_https(self, count: int, port: int, backend_port: int) -> None:
        self._awaited = LISTENER
        self._listeners = Listeners(port, count)
        self._plane.objects(worlds.changes(self._listeners.documents(backend_port)))
        self._plane.server.ready()
        await self._acked.wait()
        _say({"acked_ns": time.monotonic_ns()})

    async def _show(self, number: int, shown: int) -> None:
        self._listeners.shows[number] = shown
        change = worlds.change(self._listeners.parent(parent_of(number)))
        self._acked.clear()
        sent = self._timed.written_bytes
        begun = time.monotonic_ns()
        self._plane.objects([change])
        await self._acked.wait()
        _say({"begun_ns": begun, "bytes": self._timed.written_bytes - sent})

    def _dump(self, path: Path) -> None:
        resources = self._plane.reconciler.pipeline.resources.rows.values()
        path.write_text(json.dumps([[one.type_url, one.name, one.body.hex()] for one in resources]))
        _say({"dumped": str(path)})


def _silent(_notice: Notice) -> None:
    """Say nothing: what is measured is not the terminal."""


def _say(fields: dict[str, object]) -> None:
    print(json.dumps(fields), flush=True)


if __name__ == "__main__":
    asyncio.run(Plane(Path(sys.argv[1]), sys.argv[2]).run(asyncio.Event()))
