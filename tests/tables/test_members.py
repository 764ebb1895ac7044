"""Members of large groups: always in order, and what was made of neighbours is made again only where one changed."""

from __future__ import annotations

import os
import subprocess
import sys
from itertools import chain
from typing import TYPE_CHECKING

from hypothesis import given
from hypothesis import strategies as st

from xdsserver.tables import Change, Graph, InPieces, finished
from xdsserver.tables.members import FEW, Few, Many

if TYPE_CHECKING:
    from collections.abc import Sequence

    from xdsserver.tables.members import Entry, Members


def keys(entries: Sequence[Entry]) -> tuple[int, ...]:
    return tuple(key for _, key, _ in entries)


@given(st.integers(0, 4 * FEW), st.lists(st.tuples(st.integers(0, 3), st.integers(0, 4 * FEW)), max_size=FEW))
def test_whatever_comes_and_goes_members_are_those_of_a_sorted_list(first: int, steps: list[tuple[int, int]]) -> None:
    """Each step puts a key in an order, or takes it out where it is there; pieces are asked for now and then."""
    members: Members = Few()
    orders: dict[int, int] = {}
    filled = [(key % 3, key) for key in range(first)]
    for number, (order, key) in enumerate(chain(filled, steps, [(0, key) for _, key in steps])):
        if key in orders:
            members.drop((orders.pop(key), key))
        else:
            orders[key] = order
            members = (members or Few()).add((order, key, f"row {key}"))
        if number % 50 == 0:
            finished(members.pieces(keys))
        if number % 29 == 0:
            expected = [key for _, key in sorted((order, key) for key, order in orders.items())]
            assert list(chain.from_iterable(finished(members.pieces(keys)))) == expected
    assert bool(members) is bool(orders)
    assert all(len(piece) <= FEW for piece in finished(members.pieces(keys)))


def test_a_large_group_of_which_little_is_left_is_a_short_row_of_blocks() -> None:
    members: Members = Few()
    for key in range(50 * FEW):
        members = members.add((0, key, None))
    assert isinstance(members, Many)
    for key in range(50 * FEW):
        if key % (2 * FEW):
            members.drop((0, key))

    assert len(finished(members.pieces(keys))) <= 4, "25 members are left"


def test_what_grows_too_large_is_cut_into_two_halves() -> None:
    members: Members = Few()
    for key in range(FEW):
        members = members.add((0, key, None))
    assert [len(piece) for piece in finished(members.pieces(keys))] == [FEW]

    members = members.add((0, FEW, None))

    assert [len(piece) for piece in finished(members.pieces(keys))] == [FEW // 2, FEW // 2 + 1]


def test_members_that_come_at_once_are_cut_alike_in_every_process() -> None:
    """A round is a set, which each process of Python walks in another order where its keys are text."""
    code = """
from xdsserver.tables import Change, Graph, InPieces
graph = Graph()
rows = graph.source("rows", int)
cuts = graph.group("cuts", rows, lambda _key, _row: 0, fold=InPieces(len, lambda _group, pieces: tuple(pieces)))
graph.apply([Change(rows, f"key {number}", number) for number in range(1_000)])
graph.apply([Change(rows, f"key {number}", None if number % 3 else number + 1) for number in range(900)])
print(cuts.rows)
"""
    found = {
        subprocess.run(
            [sys.executable, "-c", code],
            env={**os.environ, "PYTHONHASHSEED": seed},
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for seed in ("1", "2", "3", "4")
    }
    assert len(found) == 1, found


class Sums:
    """Numbers of one group, joined in pieces; what was looked at is counted."""

    def __init__(self, count: int) -> None:
        self.looked_at = 0
        self.graph = Graph()
        self.numbers = self.graph.source("numbers", int)
        self.table = self.graph.group(
            "joined",
            self.numbers,
            lambda _key, number: None if number < 0 else "all",
            order=lambda _key, number: number % 3,
            fold=InPieces(self._piece, lambda _group, pieces: tuple(chain.from_iterable(pieces))),
        )
        self.plain = self.graph.group(
            "plain",
            self.numbers,
            lambda _key, number: None if number < 0 else "all",
            order=lambda _key, number: number % 3,
            fold=lambda _group, members: tuple(number for _, number in members),
        )
        self.put(dict(enumerate(range(count))))

    def _piece(self, members: Sequence[tuple[int, int]]) -> list[int]:
        self.looked_at += len(members)
        return [number for _, number in members]

    def put(self, numbers: dict[int, int]) -> int:
        """Give how many members were looked at for it."""
        before = self.looked_at
        self.graph.apply([Change(self.numbers, key, number) for key, number in numbers.items()])
        assert self.table.rows == self.plain.rows
        return self.looked_at - before


def test_a_change_among_ten_thousand_members_looks_at_its_neighbours() -> None:
    sums = Sums(10_000)

    assert sums.put({7: 20_000}) <= 2 * FEW, "it moves from one block to another"
    assert sums.put({7: -1}) <= FEW
    assert sums.put({10_001: 5}) <= FEW


def test_a_piece_that_cannot_be_made_costs_the_group_until_it_can() -> None:
    graph = Graph()
    numbers = graph.source("numbers", int)

    def piece(members: Sequence[tuple[int, int]]) -> int:
        return sum(100 // number for _, number in members)

    table = graph.group("shares", numbers, lambda _key, _n: 0, fold=InPieces(piece, lambda _group, found: sum(found)))
    graph.apply([Change(numbers, key, 100) for key in range(3 * FEW)])
    assert table.rows == {0: 3 * FEW}

    delta = graph.apply([Change(numbers, 5, 0)])
    assert list(delta.failures) == [("shares", 0)]
    assert table.rows == {}
    assert list(graph.apply([Change(numbers, 2 * FEW, 50)]).failures) == [("shares", 0)], "it still cannot"

    graph.apply([Change(numbers, 5, 100)])
    assert table.rows == {0: 3 * FEW + 1}


def test_weights_are_summed() -> None:
    graph = Graph()
    numbers = graph.source("numbers", int)
    total = graph.count("total", numbers, lambda key, _n: key % 2, weight=lambda _key, number: number)

    graph.apply([Change(numbers, key, key) for key in range(5)])
    assert total.rows == {0: 6, 1: 4}
    graph.apply([Change(numbers, 2, 10), Change(numbers, 1, None), Change(numbers, 3, None)])
    assert total.rows == {0: 14}
