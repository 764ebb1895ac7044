"""`xdsserver serve` as it is run, with times taken: when a route was read off its watch, when what came of it was sent.

`python -m bench.timed FOLDER python -m xdsserver serve ...` runs that command in this process. When it ends it leaves
two files in the folder: `times.json`, for each route that a watch told of the milliseconds from its line being read
until the last byte was written that was written before the next one came; and `dump.json`, the resources that it
served last, as `bench.handwritten` reads them.
"""

from __future__ import annotations

import json
import sys
import time
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING
from unittest.mock import patch

from typing_extensions import override

from bench.plane import Written
from xdsserver.app import cluster, plane
from xdsserver.cli import main
from xdsserver.kube.client import ContentType, KubeClient
from xdsserver.server import XdsServer

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Mapping

    from xdsserver.server.doors import Door
    from xdsserver.server.stream import Context, Dialect
    from xdsserver.xds.cache import ResourceKey
    from xdsserver.xds.resource import Resource

_COMMAND = 3
"""`python -m xdsserver`: words that we stand in for."""


class Noted:
    """What happened so far."""

    def __init__(self) -> None:
        self._read_ns: list[int] = []
        self._written_ns: list[int] = []
        self.resources: dict[ResourceKey, Resource] = {}

    def read(self, lines: list[bytes]) -> None:
        """Take that lines of a watch came; those that tell of a new object count."""
        now_ns = time.monotonic_ns()
        for line in lines:
            if line.startswith(b'{"type":"ADDED"'):
                self._read_ns.append(now_ns)
                self._written_ns.append(now_ns)

    def wrote(self, _size: int) -> None:
        """Take that gRPC has all of a response."""
        if self._written_ns:
            self._written_ns[-1] = time.monotonic_ns()

    def save(self, folder: Path) -> None:
        """Leave the two files."""
        pairs = zip(self._read_ns, self._written_ns, strict=True)
        (folder / "times.json").write_text(json.dumps([(written - read) / 1e6 for read, written in pairs]))
        dump = [[one.type_url, one.name, one.body.hex()] for one in self.resources.values()]
        (folder / "dump.json").write_text(json.dumps(dump))


_NOTED = Noted()


class _Client(KubeClient):
    @override
    @asynccontextmanager
    async def watch(
        self, path: str, query: Mapping[str, str | int], *, accept: str = ContentType.JSON
    ) -> AsyncIterator[AsyncIterator[list[bytes]]]:
        async with super().watch(path, query, accept=accept) as received:
            yield _noting(received) if path.endswith("/httproutes") else received


async def _noting(received: AsyncIterator[list[bytes]]) -> AsyncIterator[list[bytes]]:
    async for lines in received:
        _NOTED.read(lines)
        yield lines


class _Server(XdsServer):
    @override
    def publish(self, changes: Mapping[ResourceKey, Resource | None]) -> None:
        super().publish(changes)
        for key, resource in changes.items():
            if resource is None:
                _NOTED.resources.pop(key, None)
            else:
                _NOTED.resources[key] = resource

    @override
    async def _serve(self, door: Door, dialect: Dialect, request: object, context: Context) -> None:
        noted = Written(context, _NOTED.wrote)
        await super()._serve(door, dialect, request, noted)  # type: ignore[arg-type] # all of it is there


if __name__ == "__main__":
    _folder = Path(sys.argv[1])
    sys.argv = ["xdsserver", *sys.argv[2 + _COMMAND :]]
    with patch.object(cluster, "KubeClient", _Client), patch.object(plane, "XdsServer", _Server):
        try:
            main()
        finally:
            _NOTED.save(_folder)
