"""Changes as they happen: each once, in order, and what was forgotten meanwhile is told of."""

from __future__ import annotations

import asyncio
import json
from typing import TYPE_CHECKING, Any

from bench import worlds
from tests.admin.asking import ask, with_routes
from xdsserver.admin import changes
from xdsserver.inspection.history import History
from xdsserver.objects.meta import ObjectKey

if TYPE_CHECKING:
    from collections.abc import AsyncIterator


def change(history: History, name: str, *, gone: bool = False) -> None:
    history.note(1.0, [(ObjectKey("HTTPRoute", "default", name), gone)], {})


async def events(stream: AsyncIterator[bytes], count: int) -> list[tuple[str, int, dict[str, Any]]]:
    """Read so many events, heartbeats apart."""
    found: list[tuple[str, int, dict[str, Any]]] = []
    async with asyncio.timeout(10):
        async for content in stream:
            fields = dict(line.split(": ", 1) for line in content.decode().strip().splitlines())
            if "event" in fields:
                found.append((fields["event"], int(fields["id"]), json.loads(fields["data"])))
            if len(found) == count:
                break
    return found


async def test_who_watches_is_told_of_each_change_once() -> None:
    history = History()
    change(history, "before")
    stream = changes.stream(history, None, 10)
    reading = asyncio.create_task(events(stream, 3))
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    for name in ("a", "b"):
        change(history, name)
    await asyncio.sleep(0)
    change(history, "c", gone=True)
    found = await reading
    assert [(event, number) for event, number, _ in found] == [("change", 2), ("change", 3), ("change", 4)]
    assert [one["objects"][0]["name"] for _, _, one in found] == ["a", "b", "c"]
    assert [one["objects"][0]["gone"] for _, _, one in found] == [False, False, True]


async def test_who_comes_again_goes_on_where_it_was_and_hears_of_a_gap() -> None:
    history = History(kept=3)
    for number in range(10):
        change(history, f"r{number}")
    assert [number for _, number, _ in await events(changes.stream(history, 8, 10), 2)] == [9, 10]
    late = await events(changes.stream(history, 4, 10), 4)
    assert [(event, number) for event, number, _ in late] == [("gap", 7), ("change", 8), ("change", 9), ("change", 10)]
    assert late[0][2] == {"forgotten": 3}
    # A number of an earlier process: nothing is known of it, and what comes next is told.
    stream = changes.stream(history, 99, 10)
    reading = asyncio.create_task(events(stream, 1))
    await asyncio.sleep(0)
    change(history, "next")
    assert [number for _, number, _ in await reading] == [11]


async def test_who_leaves_is_forgotten() -> None:
    history = History()
    stream = changes.stream(history, 0, 0.0)
    assert [content async for content in stream] == [b": xdsserver\n\n"]
    assert not history._listeners


async def test_changes_are_asked_for_by_number_or_by_the_last_that_was_seen() -> None:
    running = with_routes(2)
    for number in range(3):
        running.take(worlds.changes([worlds.route(0, f"stamp{number}")]))
    for path, headers in (("?after=2", {}), ("", {"last-event-id": "2"})):
        answer = await ask(running.app, f"/api/v1/changes{path}", headers=headers)
        assert answer.headers["content-type"].startswith("text/event-stream")
        assert [line for line in answer.body.decode().splitlines() if line.startswith("id: ")] == ["id: 3", "id: 4"]
    history = (await ask(running.app, "/api/v1/history?limit=2")).document
    assert [one["number"] for one in history["items"]] == [4, 3]
    assert (await ask(running.app, f"/api/v1/history?limit=2&after={history['next']}")).document["items"][0][
        "number"
    ] == 2
    newest = history["items"][0]
    assert [(one["kind"], one["name"]) for one in newest["objects"]] == [("HTTPRoute", "r0")]
    assert [one["type"] for one in newest["resources"]] == ["RouteConfiguration"], "one route is one table, sent anew"


def test_what_changes_nothing_is_no_change_and_a_start_is_told_by_numbers() -> None:
    history = History()
    history.note(1.0, [], {})
    assert history.last == 0
    history.note(1.0, [(ObjectKey("HTTPRoute", "default", f"r{number}"), False) for number in range(5000)], {})
    (entry,) = history.since(0)
    assert (len(entry.objects), entry.objects_total) == (20, 5000)
