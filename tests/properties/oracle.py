"""The oracle: whatever the way, a graph holds what a fresh graph computes from the same sources at once.

It knows nothing of what the rows mean, so that it serves toy graphs and the real pipeline alike:

    world = watch(pipeline.graph)
    for changes in history:
        assert_delta_is_difference(world, pipeline.apply(changes))
        assert_equal_to_recomputed(pipeline.graph, Pipeline().graph)
    assert_empties(pipeline.graph)
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, TypeVar

from xdsserver.tables import Change, Delta, Graph, Source, Steps, Table

Rows = Mapping[Any, Any]
T = TypeVar("T")


def assert_equal_to_recomputed(graph: Graph, fresh: Graph) -> None:
    """Give `fresh`, of the same declaration and still without rows, all sources of `graph`; every table must be equal.

    The sources are given in the opposite order, so that an answer that hangs on who came first is seen too.
    """
    assert [table.name for table in graph.tables] == [table.name for table in fresh.tables], "not the same declaration"
    assert not any(table.rows for table in fresh.tables), "the fresh graph has rows already"
    fresh.apply(
        Change(twin, key, row)
        for table, twin in zip(graph.tables, fresh.tables, strict=True)
        if isinstance(twin, Source)
        for key, row in reversed(tuple(table.rows.items()))
    )
    for table, twin in zip(graph.tables, fresh.tables, strict=True):
        assert_same_rows(f"{table.name}: incremental, and computed again", table.rows, twin.rows)


def assert_empties(graph: Graph) -> None:
    """Delete all rows of all sources; then no table may keep a row, a member, an owner, or a record of a reader."""
    graph.apply(
        Change(table, key, None) for table in graph.tables if isinstance(table, Source) for key in tuple(table.rows)
    )
    kept = {table.name: describe(table) for table in graph.tables if not table.empty}
    assert not kept, f"left when all sources are empty: {kept}"


@dataclass(frozen=True, slots=True)
class World:
    """The rows of all tables of a graph as they were when it was last looked at."""

    graph: Graph
    before: dict[str, dict[Any, Any]]


def watch(graph: Graph) -> World:
    """Remember the rows of all tables, for `assert_delta_is_difference`."""
    return World(graph, {table.name: dict(table.rows) for table in graph.tables})


def assert_delta_is_difference(world: World, delta: Delta) -> None:
    """Require that `delta` has exactly the rows that differ from when `world` was last looked at; look at it again."""
    for table in world.graph.tables:
        before = world.before[table.name]
        difference: dict[Any, Any] = {key: row for key, row in table.rows.items() if before.get(key) != row}
        difference |= {key: None for key in before if key not in table.rows}
        assert_same_rows(f"{table.name}: delta, and difference", delta[table], difference)
        world.before[table.name] = dict(table.rows)


def assert_unseen(world: World, steps: Steps[T], every: int = 1) -> T:
    """Do all steps, and require after every so many that each table still shows what `world` saw; look at it again."""
    number = 0
    while True:
        try:
            next(steps)
        except StopIteration as end:
            result: T = end.value
            break
        number += 1
        if number % every == 0:
            for table in world.graph.tables:
                assert_same_rows(f"{table.name}: before the round, and within it", world.before[table.name], table.rows)
    for table in world.graph.tables:
        world.before[table.name] = dict(table.rows)
    return result


def assert_same_rows(what: str, left: Rows, right: Rows) -> None:
    """Require equal rows, and show only those that are not."""
    differences = {
        key: (left.get(key, "(none)"), right.get(key, "(none)"))
        for key in [*left, *(key for key in right if key not in left)]
        if key not in left or key not in right or left[key] != right[key]
    }
    assert not differences, f"{what}: {differences}"


def describe(table: Table[Any, Any]) -> dict[str, object]:
    """Show what a table keeps that it should not."""
    return {name: value for name, value in vars(table).items() if value and isinstance(value, dict)}
