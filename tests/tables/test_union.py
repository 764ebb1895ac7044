"""Union: tables side by side, without a key in common."""

from typing import NamedTuple

import pytest

from xdsserver.tables import Change, Graph, Source, Table, TableError


class Sides(NamedTuple):
    graph: Graph
    left: Source[str, int]
    right: Source[str, int]
    both: Table[str, int]

    @classmethod
    def declare(cls) -> "Sides":
        graph = Graph()
        left = graph.source("left", int)
        right = graph.source("right", int)
        return cls(graph, left, right, graph.union("both", left, right))


def test_it_has_the_rows_of_all() -> None:
    graph, left, right, both = Sides.declare()
    graph.apply([Change(left, "a", 1), Change(right, "b", 2)])
    assert both.rows == {"a": 1, "b": 2}

    assert graph.apply([Change(left, "a", 3)])[both] == {"a": 3}
    assert graph.apply([Change(right, "b", None)])[both] == {"b": None}

    graph.apply([Change(left, "a", None)])
    assert all(table.empty for table in graph.tables)


def test_a_row_moves_from_one_table_to_another_and_back_within_one_apply_each() -> None:
    graph, left, right, both = Sides.declare()
    graph.apply([Change(left, "a", 1)])

    assert graph.apply([Change(left, "a", None), Change(right, "a", 2)])[both] == {"a": 2}
    assert graph.apply([Change(right, "a", None), Change(left, "a", 2)])[both] == {}

    graph.apply([Change(left, "a", None)])
    assert all(table.empty for table in graph.tables)


@pytest.mark.parametrize("together", [True, False])
def test_a_key_in_two_tables_is_an_error(together: bool) -> None:  # noqa: FBT001  # A parameter of a test has a name.
    graph, left, right, _both = Sides.declare()
    if not together:
        graph.apply([Change(left, "a", 1)])

    with pytest.raises(TableError, match=r"both: 'a' is in both <Source left: 1 rows> and <Source right: 1 rows>"):
        graph.apply([Change(left, "a", 1), Change(right, "a", 1)])
