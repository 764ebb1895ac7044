"""A round in steps: between them others see what was before it, and nobody else may apply anything."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from xdsserver.tables import Change, Graph, TableError, finished

if TYPE_CHECKING:
    from collections.abc import Mapping

    from xdsserver.tables import Source, Steps, Table


def doubles() -> tuple[Graph, Source[str, int], Table[str, int]]:
    graph = Graph(step=1)
    numbers = graph.source("numbers", int)
    return graph, numbers, graph.derive("doubles", numbers, lambda _read, key, row: {key: 2 * row})


def written(graph: Graph, numbers: Source[str, int], rows: Mapping[str, int | None]) -> Steps[None]:
    with graph.round():
        yield from graph.steps(Change(numbers, key, row) for key, row in rows.items())


def test_rows_are_shown_as_they_were_however_one_looks() -> None:
    graph, numbers, table = doubles()
    graph.apply([Change(numbers, "stays", 1), Change(numbers, "goes", 2), Change(numbers, "turns", 3)])
    before = {"stays": 2, "goes": 4, "turns": 6}

    steps = written(graph, numbers, {"goes": None, "turns": 4, "comes": 5})
    while table.newest == before:
        next(steps)
    for _ in range(3):
        rows = table.rows
        assert rows == before
        assert before == rows
        assert dict(rows) == {**rows} == dict(rows.items()) == before
        assert sorted(rows) == sorted(rows.keys()) == sorted(before)
        assert sorted(rows.values()) == [2, 4, 6]
        assert len(rows) == 3
        assert rows["goes"] == rows.get("goes") == 4
        assert rows["turns"] == 6
        assert rows["stays"] == 2
        assert "goes" in rows
        assert "comes" not in rows
        assert rows.get("comes") is None
        assert rows.get("comes", 7) == 7
        with pytest.raises(KeyError):
            rows["comes"]
        next(steps)
    finished(steps)

    assert table.rows == table.newest == {"stays": 2, "turns": 8, "comes": 10}


def test_two_applies_of_one_round_are_seen_as_one() -> None:
    graph, numbers, table = doubles()
    graph.apply([Change(numbers, "a", 1)])
    with graph.round():
        graph.apply([Change(numbers, "a", 2)])
        assert table.rows == {"a": 2}
        assert table.newest == {"a": 4}
        graph.apply([Change(numbers, "a", None), Change(numbers, "b", 3)])
        assert table.rows == {"a": 2}
    assert table.rows == {"b": 6}


def test_without_a_round_an_apply_is_seen_at_once() -> None:
    graph, numbers, table = doubles()
    graph.apply([Change(numbers, "a", 1)])
    assert table.rows == {"a": 2}
    with graph.round():
        pass
    graph.apply([Change(numbers, "a", 2)])
    assert table.rows == {"a": 4}


def test_nothing_is_applied_between_the_steps_of_another() -> None:
    graph, numbers, _ = doubles()
    steps = graph.steps([Change(numbers, "a", 1)])
    next(steps)
    with pytest.raises(TableError, match="not at its end"):
        graph.apply([Change(numbers, "a", 2)])


def test_a_round_can_be_taken_through_a_table_first() -> None:
    graph, numbers, table = doubles()
    behind = graph.derive("negatives", table, lambda _read, key, row: {key: -row})
    with graph.round():
        delta = finished(graph.steps([Change(numbers, "a", 1)], table))
        assert delta[table] == table.newest == {"a": 2}
        assert delta[behind] == behind.newest == {}
        assert table.rows == {}, "it is not at its end"
        with pytest.raises(TableError, match="not at its end"):
            graph.apply([Change(numbers, "a", 2)])
        whole = finished(graph.rest())
    assert whole[table] == {"a": 2}
    assert whole[behind] == behind.rows == {"a": -2}
    assert graph.apply([Change(numbers, "b", 1)])[behind] == {"b": -2}


def test_a_round_that_is_left_half_way_shows_what_was_and_refuses_to_go_on() -> None:
    graph, numbers, table = doubles()
    graph.apply([Change(numbers, "a", 1)])
    steps = written(graph, numbers, {"a": 2})
    while table.newest == {"a": 2}:
        next(steps)
    steps.close()

    assert table.rows == {"a": 2}
    with pytest.raises(TableError):
        graph.apply([])


def test_no_step_has_more_than_a_few_derivations_to_do() -> None:
    graph = Graph()
    numbers, factor = graph.source("numbers", int), graph.source("factor", int)
    calls = 0

    def times(read: object, key: int, row: int) -> Mapping[int, int]:
        nonlocal calls
        calls += 1
        return {key: row * (read(factor, "") or 1)}  # type: ignore[operator] # as of any derivation

    products = graph.derive("products", numbers, times)
    total = graph.group(
        "sums", products, by=lambda _key, _row: "all", fold=lambda _group, rows: sum(r for _, r in rows)
    )
    graph.apply(Change(numbers, key, key) for key in range(5000))

    most, before, steps = 0, calls, graph.steps([Change(factor, "", 3)])
    for _ in steps:
        most, before = max(most, calls - before), calls
    assert calls == 10_000
    assert most == 4
    assert total.rows == {"all": 3 * sum(range(5000))}
