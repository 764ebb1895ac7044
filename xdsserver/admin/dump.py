"""Everything that is known, a JSON object a line: for a report of a bug, and for whoever wants to look at it elsewhere.

It is written while it is read, in turns: nothing large is ever held, and nobody waits for it. Each line is as its
object was when it was its turn; several lines may so be of different moments, which is said in the first of them.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final

import msgspec

from xdsserver.admin.turns import beside, in_turns
from xdsserver.inspection import backends, certificates, fleet, gateways, objects, problems, resources, routes, tenants
from xdsserver.inspection.served import around
from xdsserver.inspection.served import pieces as pieces_served
from xdsserver.translation.documents import pieces

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator

    from xdsserver.inspection.world import World
    from xdsserver.pipeline import ResourceKey

ROWS: Final = 20
"""Rows of one turn; the longest have thousands of characters."""


async def dump(world: World, release: str) -> AsyncIterator[bytes]:
    """Write everything; each line says in `line` what it is."""
    head = {"line": "dump", "release": release, "replica": world.replica, "began": datetime.now(UTC).isoformat()}
    yield _line(head)
    async for kind, row in in_turns(_rows(world), ROWS):
        if row is not None:
            yield _line({"line": kind, **_plain(row)})
    for key in sorted(world.pipeline.resources.rows):
        async for part in resource(world, key):
            yield part


async def served(world: World) -> AsyncIterator[bytes]:
    """Write what is served, to be compared; the first line and the last have the change after which it is so.

    Where these are two, something changed in between, and it is no picture of one moment. Without a last line it is
    not whole.
    """
    head = {"line": "served", "change": world.history.last, **_plain(around(world.reconciler))}
    yield _line(head)
    async for piece in in_turns(pieces_served(world.pipeline)):
        yield _line({"line": type(piece).__name__.lower(), **_plain(piece)})
    yield _line({"line": "end", "change": world.history.last})


async def resource(world: World, key: ResourceKey) -> AsyncIterator[bytes]:
    """Write one resource with its content as Envoys get it, in which nothing is secret; nothing where there is none."""
    found, served = resources.resource(world, key), resources.serves(world, key)
    if found is None:
        return
    head = _line({"line": "resource", **_plain(found)})[:-2]
    if served is None:
        yield head + b',"content":null}\n'
        return
    yield head + b',"content":'
    async for text in beside(pieces(served)):
        yield text.encode()
    yield b"}\n"


def _rows(world: World) -> Iterator[tuple[str, Any]]:
    pipeline, now = world.pipeline, datetime.now(UTC)
    for name in sorted(pipeline.names()):
        yield "object", objects.detail(pipeline, name)
    for kind, scan in (
        ("gateway", gateways.scan(pipeline)),
        ("listener", gateways.scan_listeners(pipeline)),
        ("route", routes.scan(pipeline, routes.RouteFilter())),
        ("tenant", tenants.scan(pipeline)),
        ("backend", backends.scan(pipeline)),
        ("certificate", certificates.scan(pipeline, now)),
        ("problem", problems.scan(world, now)),
        ("envoy", fleet.scan(world)),
    ):
        yield from ((kind, row) for _, row in scan)
    yield from (("change", entry) for entry in world.history.newest_first())


def _plain(row: object) -> dict[str, Any]:
    found: dict[str, Any] = msgspec.to_builtins(row)
    return found


def _line(document: dict[str, Any]) -> bytes:
    return msgspec.json.encode(document) + b"\n"
