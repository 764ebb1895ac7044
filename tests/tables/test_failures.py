"""A function that raises costs the rows that it would have made, and nothing else."""

from collections.abc import Mapping
from typing import NamedTuple

from xdsserver.tables import Change, Delta, Graph, Read, Source, Table


def kinds(delta: Delta) -> dict[tuple[str, object], type[Exception]]:
    return {place: type(error) for place, error in delta.failures.items()}


class Ratios(NamedTuple):
    """Each ratio is the row divided by the divisor that it names; a divisor of 0 raises."""

    graph: Graph
    names: Source[str, str]
    divisors: Source[str, int]
    ratios: Table[str, float]

    @classmethod
    def declare(cls) -> "Ratios":
        graph = Graph()
        names = graph.source("names", str)
        divisors = graph.source("divisors", int)

        def divide(read: Read, key: str, name: str) -> Mapping[str, float]:
            return {key: 1 / (read(divisors, name) or 0)}

        return cls(graph, names, divisors, graph.derive("ratios", names, divide))


def test_a_raising_derivation_drops_only_its_rows() -> None:
    graph, names, divisors, ratios = Ratios.declare()
    graph.apply([Change(names, "a", "x"), Change(names, "b", "y"), Change(divisors, "x", 2), Change(divisors, "y", 4)])
    assert ratios.rows == {"a": 0.5, "b": 0.25}

    delta = graph.apply([Change(divisors, "x", 0), Change(divisors, "y", 8)])

    assert delta[ratios] == {"a": None, "b": 0.125}
    assert kinds(delta) == {("ratios", "a"): ZeroDivisionError}


def test_it_runs_again_when_what_it_had_read_changes() -> None:
    graph, names, divisors, ratios = Ratios.declare()
    graph.apply([Change(names, "a", "x"), Change(divisors, "x", 0)])

    delta = graph.apply([Change(divisors, "x", 2)])

    assert ratios.rows == {"a": 0.5}
    assert kinds(delta) == {}


def test_it_is_reported_by_the_apply_in_which_it_happens_only() -> None:
    graph, names, divisors, _ratios = Ratios.declare()
    first = graph.apply([Change(names, "a", "x")])

    assert not graph.apply([Change(divisors, "other", 1)]).failures
    assert kinds(first) == {("ratios", "a"): ZeroDivisionError}


def test_nothing_is_left_of_a_row_that_failed() -> None:
    graph, names, _divisors, _ratios = Ratios.declare()
    graph.apply([Change(names, "a", "x")])

    graph.apply([Change(names, "a", None)])

    assert all(table.empty for table in graph.tables)


def test_a_group_that_cannot_be_told_costs_its_member_only() -> None:
    graph = Graph()
    numbers = graph.source("numbers", int)
    index = graph.index("index", numbers, by=lambda _key, number: 12 // number)
    count = graph.count("count", numbers, by=lambda _key, number: 12 // number)
    graph.apply([Change(numbers, "a", 1), Change(numbers, "b", 1)])

    delta = graph.apply([Change(numbers, "b", 0)])
    assert kinds(delta) == {("index", "b"): ZeroDivisionError, ("count", "b"): ZeroDivisionError}
    assert index.rows == {12: ("a",)}
    assert count.rows == {12: 1}

    graph.apply([Change(numbers, "b", 2)])
    assert index.rows == {12: ("a",), 6: ("b",)}
    assert count.rows == {12: 1, 6: 1}


def test_an_order_that_cannot_be_told_costs_its_member_only() -> None:
    graph = Graph()
    numbers = graph.source("numbers", int)
    names = graph.group(
        "names",
        numbers,
        by=lambda _key, _number: "all",
        order=lambda _key, number: 1 / number,
        fold=lambda _group, members: tuple(key for key, _number in members),
    )

    delta = graph.apply([Change(numbers, "a", 1), Change(numbers, "b", 0), Change(numbers, "c", 2)])

    assert kinds(delta) == {("names", "b"): ZeroDivisionError}
    assert names.rows == {"all": ("c", "a")}


def test_a_fold_that_raises_costs_its_group_until_a_member_changes() -> None:
    graph = Graph()
    numbers = graph.source("numbers", int)
    inverse = graph.group(
        "inverse",
        numbers,
        by=lambda key, _number: key[0],
        fold=lambda _group, members: 1 / sum(number for _key, number in members),
    )
    graph.apply([Change(numbers, "a1", 1), Change(numbers, "a2", 1), Change(numbers, "b1", 1)])

    delta = graph.apply([Change(numbers, "a2", -1), Change(numbers, "b1", 2)])
    assert kinds(delta) == {("inverse", "a"): ZeroDivisionError}
    assert delta[inverse] == {"a": None, "b": 0.5}

    graph.apply([Change(numbers, "a2", 3)])
    assert inverse.rows == {"a": 0.25, "b": 0.5}
