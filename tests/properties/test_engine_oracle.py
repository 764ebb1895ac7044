"""For random graphs and random histories, small steps end where one big step does, and nothing is left behind."""

from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings

from tests.properties.oracle import (
    assert_delta_is_difference,
    assert_empties,
    assert_equal_to_recomputed,
    assert_same_rows,
    assert_unseen,
    watch,
)
from tests.properties.toy_graphs import Step, Write, build, graphs, histories, sources
from xdsserver.tables import Change, Graph, Steps
from xdsserver.tables.table import Reader


# Time is not what is tested here, and the machine may be busy.
@settings(max_examples=1500, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(graphs, histories)
def test_tables_equal_those_of_a_fresh_graph_after_every_step(steps: list[Step], history: list[list[Write]]) -> None:
    graph = build(steps)
    world = watch(graph)
    written: list[dict[int, Any]] = [{} for _ in sources(graph)]
    for batch in history:
        delta = graph.apply(_changes(graph, batch))

        for place, key, row in batch:
            written[place][key] = row
        for source, rows in zip(sources(graph), written, strict=True):
            expected = {key: row for key, row in rows.items() if row is not None}
            assert_same_rows(f"{source.name}: kept, and written", source.rows, expected)
        assert_delta_is_difference(world, delta)
        assert_equal_to_recomputed(graph, build(steps))
    assert_empties(graph)


@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(graphs, histories)
def test_between_the_steps_of_a_round_tables_show_what_was_before_it(
    steps: list[Step], history: list[list[Write]]
) -> None:
    """A round of two applies, as one has whose first half asks for a decision; afterwards all is as without steps."""
    graph, twin = build(steps), build(steps)
    world = watch(graph)
    for first, second in zip(history[::2], history[1::2], strict=False):
        for batch in (first, second):
            twin.apply(_changes(twin, batch))

        assert_unseen(world, _round(graph, first, second))

        for table, other in zip(graph.tables, twin.tables, strict=True):
            assert_same_rows(f"{table.name}: in steps, and at once", table.rows, other.rows)
            assert table.newest == table.rows
    assert_empties(graph)


def _round(graph: Graph, *batches: list[Write]) -> Steps[None]:
    with graph.round():
        for batch in batches:
            yield from graph.steps(_changes(graph, batch))


def _changes(graph: Graph, batch: list[Write]) -> list[Change]:
    return [Change(sources(graph)[place], key, row) for place, key, row in batch]


def looking_past_read() -> Graph:
    graph = Graph()
    left, right = graph.source("left", int), graph.source("right", int)
    graph.derive("sums", left, lambda _read, key, row: {key: row + right.rows.get(key, 0)})
    return graph


def test_the_oracle_sees_a_derivation_that_was_not_woken() -> None:
    graph = looking_past_read()
    left, right = sources(graph)
    graph.apply([Change(left, "a", 1)])
    assert_equal_to_recomputed(graph, looking_past_read())

    graph.apply([Change(right, "a", 1)])

    with pytest.raises(AssertionError, match=r"sums: incremental, and computed again: \{'a': \(1, 2\)\}"):
        assert_equal_to_recomputed(graph, looking_past_read())


def test_the_oracle_sees_what_stays_behind() -> None:
    graph = looking_past_read()
    left, right = sources(graph)
    graph.apply([Change(left, "a", 1)])
    right.remember("a", Reader(graph.tables[-1], "nobody"))  # type: ignore[arg-type]

    with pytest.raises(AssertionError, match=r"left when all sources are empty: \{'right': \{'_readers'"):
        assert_empties(graph)


def test_the_oracle_sees_a_delta_that_leaves_something_out() -> None:
    graph = looking_past_read()
    left, _right = sources(graph)
    world = watch(graph)
    graph.apply([Change(left, "a", 1)])
    delta = graph.apply([])

    with pytest.raises(AssertionError, match=r"left: delta, and difference: \{'a': \('\(none\)', 1\)\}"):
        assert_delta_is_difference(world, delta)
