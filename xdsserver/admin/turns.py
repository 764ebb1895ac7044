"""Long answers in turns: after so many rows whoever else waits for the event loop gets it.

A change of objects, the answer of an Envoy and a probe are all served by the one loop. A list of 5,000 routes takes
longer than any of them should wait, so it is walked a few rows at a time; a walk sees each row as it is then.
"""

from __future__ import annotations

import asyncio
from itertools import islice
from typing import TYPE_CHECKING, Final, TypeVar

from xdsserver.inspection.paging import Gathering

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterable, Iterator

    from xdsserver.inspection.paging import Page, Scan

T = TypeVar("T")

ROWS: Final = 100
"""Rows of one turn: some milliseconds."""


async def in_turns(rows: Iterable[T], at_once: int = ROWS) -> AsyncIterator[T]:
    """Give the rows, with a rest after so many."""
    for number, row in enumerate(rows, 1):
        yield row
        if number % at_once == 0:
            await asyncio.sleep(0)


async def gather_in_turns(scan: Scan[T], limit: int) -> Page[T]:
    """Walk as far as it takes to fill a page."""
    gathering = Gathering[T](limit)
    async for name, item in in_turns(scan):
        if gathering.take(name, item):
            break
    return gathering.page()


async def beside(pieces: Iterator[str], at_once: int = 50) -> AsyncIterator[str]:
    """Have text made in a thread, some pieces at a time: for what takes long and reads nothing that changes."""

    def some() -> list[str]:
        return list(islice(pieces, at_once))

    while found := await asyncio.to_thread(some):
        yield "".join(found)
