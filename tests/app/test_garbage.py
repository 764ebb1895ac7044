"""When Python looks for garbage: counted by how many objects it looks at, never by the time that it takes."""

from __future__ import annotations

import asyncio
import gc
from contextlib import contextmanager
from typing import TYPE_CHECKING

from tests.live import manifests as m
from tests.live.many_listeners import Plane
from xdsserver.app.garbage import ALMOST_ALL, LARGE, MANY, PER_ROW, SELDOM, SPARE, Garbage

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

ROUNDS = 700
"""Routes that come one by one: so many that Python by itself would look through all of them."""


@contextmanager
def counted(least: int = 2) -> Iterator[list[int]]:
    """Note of each collection of this generation or an older one how many objects it looks at."""
    seen: list[int] = []

    def note(phase: str, info: dict[str, int]) -> None:
        if phase == "start" and info["generation"] >= least:
            seen.append(sum(len(gc.get_objects(generation)) for generation in range(info["generation"] + 1)))

    gc.callbacks.append(note)
    try:
        yield seen
    finally:
        gc.callbacks.remove(note)


async def test_routes_that_come_one_by_one_are_looked_through_once(tmp_path: Path) -> None:
    plane = Plane(f"unix:{tmp_path}/xds.sock")
    plane.put(m.gateway_class(), m.gateway(m.listener(80)), *m.service("web", 8000))
    gc.collect()
    gc.freeze()
    with counted() as seen:
        for number in range(ROUNDS):
            plane.put(m.http_route(f"r{number}", m.rule(m.to("web"), matches=[m.path(f"/{number}")])))
            await asyncio.sleep(0)
    gc.unfreeze()
    made = len(gc.get_objects())
    gc.freeze()

    of_many = made / ROUNDS * MANY
    assert len(seen) >= ROUNDS // MANY - 1, "the first time all is set aside unseen"
    assert max(seen) < 3 * of_many, "one look is at what came of a few hundred changes, however many there were before"


def test_python_by_itself_looks_only_where_much_was_made() -> None:
    garbage = Garbage(lambda: 0)
    garbage.tidy()
    with counted(least=0) as seen:
        for _ in range(MANY - 1):
            with garbage.changes(1):
                kept: list[list[object]] = [[] for _ in range(SPARE // MANY)]
    assert kept
    assert not seen, "nothing before it is time to tidy"

    garbage.tidy()
    with counted(least=0) as seen:
        kept = [[] for _ in range(2 * SPARE)]
    assert len(seen) >= 1, "it is not switched off"


class Node:
    """Garbage in a cycle, as soon as nobody else has it."""

    def __init__(self) -> None:
        self.me = self


def test_what_was_set_aside_and_became_garbage_is_found() -> None:
    """A10: a slow growth, as of streams that were set aside while they were open, ends."""
    garbage = Garbage(lambda: 0)
    garbage.tidy()
    before = gc.get_freeze_count()
    for _ in range(3 * SELDOM):
        nodes = [Node() for _ in range(SPARE // SELDOM)]
        garbage.tidy()
        del nodes

    # A node is two objects: itself and its dictionary.
    assert gc.get_freeze_count() - before < 2 * SPARE + SPARE, "of six times as many that there were"


def test_what_rows_explain_is_not_looked_through_again() -> None:
    rows = 0
    garbage = Garbage(lambda: rows)
    garbage.tidy()
    kept: list[object] = []
    with counted() as seen:
        for _ in range(3 * SELDOM):
            rows += 1000
            kept += [[] for _ in range(PER_ROW // 2 * 1000)]
            garbage.tidy()

    assert len(kept) > 3 * SPARE
    assert max(seen) < SPARE


def test_of_one_change_that_concerns_everything_nothing_is_looked_through() -> None:
    """K10: Python would look through all that it made as soon as it may again, and keep the event loop meanwhile."""
    garbage = Garbage(lambda: 0)
    garbage.tidy()
    with counted(least=0) as seen:
        with garbage.changes(1):
            kept: list[list[object]] = [[] for _ in range(2 * LARGE)]
        after: list[list[object]] = [[] for _ in range(10_000)]

    assert (len(kept), len(after)) == (2 * LARGE, 10_000)
    assert max(seen, default=0) < LARGE
    assert not garbage.due


def test_of_a_start_nothing_is_looked_through() -> None:
    garbage = Garbage(lambda: 0)
    with counted() as seen:
        with garbage.changes(ALMOST_ALL):
            kept = [[] for _ in range(SPARE)]  # type: ignore[var-annotated]
        assert garbage.due
        garbage.tidy()

    assert len(kept) == SPARE
    assert not seen
    assert not garbage.due
