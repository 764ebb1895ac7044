"""Changes as they happen, as a stream of events for whoever watches (server-sent events, WHATWG HTML 9.2)."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from typing import TYPE_CHECKING, Final

import msgspec

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from xdsserver.inspection.history import History

HEARTBEAT_S: Final = 15.0
"""How often something is said at least, so that whoever is between does not take the stream for dead."""


async def stream(history: History, after: int | None, for_s: float | None) -> AsyncIterator[bytes]:
    """Write changes from behind a number on (None: from now on), for so many seconds (None: until nobody listens).

    Each event has the number of its change as its id, by which a client that comes again goes on where it was. What was
    forgotten meanwhile is told as an event `gap`, since whoever kept a picture must make a new one then.
    """
    moved = asyncio.Event()
    leave = history.follow(moved.set)
    loop = asyncio.get_running_loop()
    end_s = None if for_s is None else loop.time() + for_s
    # A number of an earlier process means nothing here.
    last = history.last if after is None or after > history.last else after
    try:
        yield b": xdsserver\n\n"
        while True:
            moved.clear()
            for entry in history.since(last):
                if entry.number > last + 1:
                    yield _event("gap", entry.number - 1, {"forgotten": entry.number - 1 - last})
                yield _event("change", entry.number, entry)
                last = entry.number
            left_s = HEARTBEAT_S if end_s is None else min(HEARTBEAT_S, end_s - loop.time())
            if left_s <= 0:
                return
            with suppress(TimeoutError):
                async with asyncio.timeout(left_s):
                    await moved.wait()
            if not moved.is_set():
                yield b": still here\n\n"
    finally:
        leave()


def _event(name: str, number: int, data: object) -> bytes:
    # JSON has no line ends outside of strings, and escapes them there.
    return f"id: {number}\nevent: {name}\ndata: ".encode() + msgspec.json.encode(data) + b"\n\n"
