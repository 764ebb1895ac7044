"""Apply: what it answers, what it costs, and what it refuses."""

from typing import NamedTuple

import pytest

from xdsserver.tables import Change, Graph, Source, Stats, Table, TableError


class Doubled(NamedTuple):
    graph: Graph
    numbers: Source[str, int]
    doubles: Table[str, int]

    @classmethod
    def declare(cls) -> "Doubled":
        graph = Graph()
        numbers = graph.source("numbers", int)
        return cls(graph, numbers, graph.derive("doubles", numbers, lambda _read, key, number: {key: 2 * number}))


def test_delta_has_the_rows_that_are_others_now_and_none_for_those_that_are_gone() -> None:
    graph, numbers, doubles = Doubled.declare()
    delta = graph.apply([Change(numbers, "a", 1), Change(numbers, "b", 2), Change(numbers, "c", 3)])
    assert delta[numbers] == {"a": 1, "b": 2, "c": 3}
    assert delta[doubles] == {"a": 2, "b": 4, "c": 6}
    assert delta

    delta = graph.apply([Change(numbers, "a", None), Change(numbers, "b", 2), Change(numbers, "c", 4)])
    assert delta[numbers] == {"a": None, "c": 4}
    assert delta[doubles] == {"a": None, "c": 8}


def test_an_empty_delta_is_false() -> None:
    graph, numbers, doubles = Doubled.declare()

    delta = graph.apply([])
    assert not delta
    assert delta[doubles] == {}
    assert delta.stats == Stats(derivations=0, rows=0, folds=0, tables=0)

    assert not graph.apply([Change(numbers, "never there", None)])


def test_a_delta_stays_as_it_was_when_the_graph_goes_on() -> None:
    graph, numbers, doubles = Doubled.declare()
    first = graph.apply([Change(numbers, "a", 1)])

    graph.apply([Change(numbers, "a", 2)])

    assert first[doubles] == {"a": 2}
    assert first.stats == Stats(derivations=1, rows=1, folds=0, tables=2)


def test_of_several_changes_of_one_row_the_last_wins() -> None:
    graph, numbers, doubles = Doubled.declare()

    delta = graph.apply([Change(numbers, "a", 1), Change(numbers, "a", None), Change(numbers, "a", 5)])

    assert delta[doubles] == {"a": 10}
    assert delta.stats.derivations == 1


def test_a_row_that_is_changed_and_restored_in_one_apply_did_not_change() -> None:
    graph, numbers, _doubles = Doubled.declare()
    graph.apply([Change(numbers, "a", 1)])

    for detour in (2, None):
        delta = graph.apply([Change(numbers, "a", detour), Change(numbers, "a", 1)])
        assert not delta
        assert delta.stats.derivations == 0

    assert not graph.apply([Change(numbers, "b", 1), Change(numbers, "b", None)])


def test_what_was_changed_before_is_not_told_again() -> None:
    graph, numbers, doubles = Doubled.declare()
    graph.apply([Change(numbers, "a", 1)])

    delta = graph.apply([Change(numbers, "b", 2)])

    assert delta[doubles] == {"b": 4}
    assert delta.stats.derivations == 1


def test_stats_count_derivations_the_rows_they_got_and_folds() -> None:
    graph = Graph()
    routes = graph.source("routes", tuple[str, ...])
    services = graph.source("services", int)
    ports = graph.derive("ports", routes, lambda read, key, names: {key: tuple(read(services, name) for name in names)})
    graph.group("all", ports, by=lambda _key, _row: 0, fold=lambda _group, members: len(members))
    graph.index("by_length", ports, by=lambda _key, row: len(row))

    delta = graph.apply(
        [Change(routes, "r", ("a", "b", "missing")), Change(services, "a", 1), Change(services, "b", 2)]
    )
    stats = Stats(derivations=1, rows=3, folds=2, tables=5)
    assert delta.stats == stats, "its own row and two that it read; a group, an index"

    delta = graph.apply([Change(services, "missing", 3)])
    assert delta.stats == Stats(derivations=1, rows=4, folds=1, tables=4), "the index does not care"

    delta = graph.apply([Change(routes, "r", None)])
    stats = Stats(derivations=0, rows=0, folds=0, tables=4)
    assert delta.stats == stats, "what is gone is taken back without a run"


def test_tables_that_a_change_does_not_reach_are_not_visited() -> None:
    graph, numbers, doubles = Doubled.declare()
    for number in range(300):
        source = graph.source(f"source {number}", int)
        graph.derive(f"derived {number}", source, lambda _read, key, row: {key: row})

    delta = graph.apply([Change(numbers, "a", 1)])

    assert delta[doubles] == {"a": 2}
    assert delta.stats.tables == 2
    assert graph.apply([Change(numbers, "a", 1)]).stats.tables == 1, "an equal row reaches nobody"


def test_a_name_is_given_once() -> None:
    graph = Graph()
    graph.source("pods")

    with pytest.raises(TableError, match="two tables are called pods"):
        graph.source("pods")


def test_a_derivation_reads_only_tables_before_it() -> None:
    graph = Graph()
    numbers = graph.source("numbers", int)
    later: list[Table[str, int]] = []
    graph.derive("early", numbers, lambda read, key, _number: {key: read(later[0], key)})
    later.append(graph.derive("late", numbers, lambda _read, key, number: {key: number}))

    with pytest.raises(TableError, match="early reads late, which stands behind it"):
        graph.apply([Change(numbers, "a", 1)])


def test_a_derivation_does_not_read_its_own_table() -> None:
    graph = Graph()
    numbers = graph.source("numbers", int)
    own: list[Table[str, int]] = []
    own.append(graph.derive("own", numbers, lambda read, key, _number: {key: read(own[0], key) or 0}))

    with pytest.raises(TableError, match="own reads own, which stands behind it"):
        graph.apply([Change(numbers, "a", 1)])


def test_a_table_of_another_graph_is_refused_before_anything_is_written() -> None:
    graph, numbers, doubles = Doubled.declare()
    stranger = Graph().source("stranger", int)

    with pytest.raises(TableError, match="stranger belongs to another graph"):
        graph.index("index", stranger, by=lambda key, _row: key)
    with pytest.raises(TableError, match="stranger belongs to another graph"):
        graph.apply([Change(numbers, "a", 1), Change(stranger, "a", 1)])

    assert graph.apply([Change(numbers, "b", 1)])[doubles] == {"b": 2}
    assert numbers.rows == {"b": 1}


def test_a_table_that_comes_too_late_for_the_rows_is_refused() -> None:
    graph, numbers, _doubles = Doubled.declare()
    graph.apply([])

    with pytest.raises(TableError, match="halves is declared after the first apply"):
        graph.derive("halves", numbers, lambda _read, key, number: {key: number / 2})


def test_after_an_apply_that_broke_off_no_other_is_answered() -> None:
    graph = Graph()
    numbers = graph.source("numbers", int)
    graph.derive("clash", numbers, lambda _read, _key, number: {number: ""})
    with pytest.raises(TableError, match="comes from both"):
        graph.apply([Change(numbers, "a", 1), Change(numbers, "b", 1)])

    with pytest.raises(TableError, match="an earlier apply broke off"):
        graph.apply([Change(numbers, "b", None)])


def test_changes_that_cannot_be_listed_change_nothing() -> None:
    graph, numbers, doubles = Doubled.declare()

    with pytest.raises(ZeroDivisionError):
        graph.apply(Change(numbers, f"a{divisor}", 1 // divisor) for divisor in (1, 0))

    assert graph.apply([Change(numbers, "b", 1)])[doubles] == {"b": 2}
