"""Derive: one row gives rows, and reading is what makes it run again."""

from collections.abc import Mapping

import pytest

from xdsserver.tables import Change, Graph, Read, TableError


def test_one_row_gives_any_number_of_rows_and_takes_them_back() -> None:
    graph = Graph()
    words = graph.source("words", str)
    letters = graph.derive("letters", words, lambda _read, key, word: {(key, letter): 1 for letter in word})

    graph.apply([Change(words, 1, "abc")])
    assert set(letters.rows) == {(1, "a"), (1, "b"), (1, "c")}

    graph.apply([Change(words, 1, "bd")])
    assert set(letters.rows) == {(1, "b"), (1, "d")}

    graph.apply([Change(words, 1, "")])
    assert letters.rows == {}

    graph.apply([Change(words, 1, None)])
    assert all(table.empty for table in graph.tables)


def test_a_row_moves_from_one_source_key_to_another_within_one_apply() -> None:
    graph = Graph()
    claims = graph.source("claims", str)
    owners = graph.derive("owners", claims, lambda _read, key, address: {address: key})
    graph.apply([Change(claims, "a", "10.0.0.1"), Change(claims, "b", "10.0.0.2")])

    delta = graph.apply([Change(claims, "a", "10.0.0.2"), Change(claims, "b", "10.0.0.1")])
    assert owners.rows == {"10.0.0.1": "b", "10.0.0.2": "a"}
    assert delta[owners] == {"10.0.0.1": "b", "10.0.0.2": "a"}

    graph.apply([Change(claims, "a", None), Change(claims, "b", "10.0.0.2")])
    assert owners.rows == {"10.0.0.2": "b"}

    graph.apply([Change(claims, "b", None)])
    assert all(table.empty for table in graph.tables)


def test_a_row_that_is_claimed_while_its_owner_keeps_it_is_an_error() -> None:
    graph = Graph()
    claims = graph.source("claims", str)
    graph.derive("owners", claims, lambda _read, key, address: {address: key})
    graph.apply([Change(claims, "a", "10.0.0.1")])

    with pytest.raises(TableError, match=r"owners: '10\.0\.0\.1' comes from both 'a' and 'b'"):
        graph.apply([Change(claims, "b", "10.0.0.1")])


def test_a_read_of_a_missing_row_wakes_when_it_appears_and_when_it_goes() -> None:
    graph = Graph()
    routes = graph.source("routes", str)
    services = graph.source("services", int)
    ports = graph.derive("ports", routes, lambda read, key, backend: {key: read(services, backend) or "unknown"})
    graph.apply([Change(routes, "r", "shop")])
    assert ports.rows == {"r": "unknown"}

    graph.apply([Change(services, "shop", 80)])
    assert ports.rows == {"r": 80}

    graph.apply([Change(services, "shop", None)])
    assert ports.rows == {"r": "unknown"}


def test_what_is_no_longer_read_no_longer_wakes() -> None:
    graph = Graph()
    routes = graph.source("routes", str)
    services = graph.source("services", int)
    graph.derive("ports", routes, lambda read, key, backend: {key: read(services, backend)})
    graph.apply([Change(routes, "r", "old"), Change(services, "old", 1), Change(services, "new", 2)])

    graph.apply([Change(routes, "r", "new")])

    assert graph.apply([Change(services, "old", 3)]).stats.derivations == 0
    assert graph.apply([Change(services, "new", 4)]).stats.derivations == 1


def test_which_row_is_read_may_depend_on_a_row_that_was_read() -> None:
    graph = Graph()
    starts = graph.source("starts", str)
    links = graph.source("links", str)

    def follow(read: Read, key: str, at: str) -> Mapping[str, str]:
        while (further := read(links, at)) is not None:
            at = further
        return {key: at}

    ends = graph.derive("ends", starts, follow)
    graph.apply([Change(starts, "s", "a"), Change(links, "a", "b"), Change(links, "b", "c")])
    assert ends.rows == {"s": "c"}

    graph.apply([Change(links, "c", "d")])
    assert ends.rows == {"s": "d"}

    graph.apply([Change(links, "a", "z")])
    assert ends.rows == {"s": "z"}
    assert graph.apply([Change(links, "c", None)]).stats.derivations == 0


def test_a_derivation_may_read_other_rows_of_its_own_source() -> None:
    graph = Graph()
    parents = graph.source("parents", str)
    grandparents = graph.derive("grandparents", parents, lambda read, key, parent: {key: read(parents, parent) or "?"})
    graph.apply([Change(parents, "a", "b"), Change(parents, "b", "c")])
    assert grandparents.rows == {"a": "c", "b": "?"}

    graph.apply([Change(parents, "b", "d")])
    assert grandparents.rows == {"a": "d", "b": "?"}


def test_a_row_that_is_computed_again_and_equal_wakes_nobody() -> None:
    graph = Graph()
    numbers = graph.source("numbers", int)
    odd = graph.derive("odd", numbers, lambda _read, key, number: {key: (number % 2,)})
    named = graph.derive("named", odd, lambda _read, key, rest: {key: "odd" if rest == (1,) else "even"})
    graph.apply([Change(numbers, "n", 1)])

    delta = graph.apply([Change(numbers, "n", 3)])

    assert delta.stats.derivations == 1
    assert delta[odd] == {}
    assert delta[named] == {}


def test_it_runs_once_per_apply_however_much_of_what_it_read_changed() -> None:
    graph = Graph()
    pairs = graph.source("pairs", tuple[str, str])
    numbers = graph.source("numbers", int)
    sums = graph.derive(
        "sums", pairs, lambda read, key, pair: {key: sum(read(numbers, number) or 0 for number in pair)}
    )
    graph.apply([Change(pairs, "p", ("a", "b"))])

    delta = graph.apply([Change(pairs, "p", ("b", "a")), Change(numbers, "a", 1), Change(numbers, "b", 2)])

    assert sums.rows == {"p": 3}
    assert delta.stats.derivations == 1
