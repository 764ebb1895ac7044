"""Random small graphs: recipes that a random choice turns into tables, each reading random tables before it.

Keys are whole numbers, rows are whole numbers or tuples of them, and ranges are small, so that rows meet: reads hit and
miss, groups fill and empty, values come back to what they were.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

from hypothesis import strategies as st

from xdsserver.tables import Graph, Read, Source, Table

Row = int | tuple[int, ...]
Rows = Table[int, Any]
Made = Mapping[int, Row]

SOURCES = 2
KEYS = 5
VALUES = 8


def number(row: Row | None) -> int:
    """Return a small number that differs for most rows; a missing row has one too."""
    match row:
        case None:
            return 7
        case int():
            return row % VALUES
        case _:
            return sum((place + 1) * part for place, part in enumerate(row, start=1)) % VALUES


class Ingredients(NamedTuple):
    """What a recipe may use: the table that its rows follow from, two tables to read, and a constant."""

    graph: Graph
    name: str
    table: Rows
    other: Rows
    third: Rows
    salt: int

    def derive(self, function: Callable[[Read, int, Row], Made], suffix: str = "") -> Rows:
        return self.graph.derive(self.name + suffix, self.table, function)

    def grouping(self, key: int, row: Row) -> int | None:
        """Return one of four groups, 0 among them, or none."""
        group = (number(row) + key * (self.salt % 2)) % 5
        return None if group == 4 else group


def narrow(use: Ingredients) -> Rows:
    """Lose most of the row, so that the wave often ends here."""
    return use.derive(lambda _read, key, row: {key: number(row) % 2})


def keep_some(use: Ingredients) -> Rows:
    return use.derive(lambda _read, key, row: {key: row} if number(row) % 3 != use.salt % 3 else {})


def fan_out(use: Ingredients) -> Rows:
    """Make up to three rows, as many as the row says."""
    return use.derive(lambda _read, key, row: {key * 3 + step: number(row) + step for step in range(number(row) % 4)})


def read_beside(use: Ingredients) -> Rows:
    """Read the row of the same key elsewhere, be it there or not."""
    return use.derive(lambda read, key, row: {key: (number(row), number(read(use.other, key)))})


def read_pointed(use: Ingredients) -> Rows:
    """Read the row that the own row points to; which one changes with it."""
    return use.derive(lambda read, _key, row: {_key: number(read(use.other, number(row) % KEYS))})


def read_chain(use: Ingredients) -> Rows:
    """Read a row, and where that points to, another."""

    def follow(read: Read, key: int, row: Row) -> Made:
        first = number(read(use.other, number(row) % KEYS))
        return {key: (first, number(read(use.third, first % KEYS)))}

    return use.derive(follow)


def read_or_else(use: Ingredients) -> Rows:
    """Read elsewhere only what is missing in the first place."""

    def fall_back(read: Read, key: int, row: Row) -> Made:
        found = read(use.other, key)
        return {key: number(row)} if found is not None else {key: number(read(use.third, key)) + 1}

    return use.derive(fall_back)


def read_own(use: Ingredients) -> Rows:
    """Read another row of the source itself."""
    return use.derive(lambda read, key, row: {key: number(read(use.table, number(row) % KEYS)) * 2})


def gate(use: Ingredients) -> Rows:
    """Make a row only while a row is there elsewhere."""
    return use.derive(lambda read, key, row: {key: number(row)} if read(use.other, key) is not None else {})


def fail_some(use: Ingredients) -> Rows:
    """Raise for some rows, after reading what decides it."""

    def fail(read: Read, key: int, row: Row) -> Made:
        if (number(read(use.other, key)) + number(row)) % 3 == use.salt % 3:
            raise ArithmeticError
        return {key: number(row)}

    return use.derive(fail)


def fail_half_way(use: Ingredients) -> Rows:
    """Raise between two reads, for what the first one gave."""

    def fail(read: Read, key: int, row: Row) -> Made:
        first = number(read(use.other, number(row) % KEYS))
        if first % 2 == use.salt % 2:
            raise ArithmeticError
        return {key: number(read(use.third, first % KEYS))}

    return use.derive(fail)


def hand_over(use: Ingredients) -> Rows:
    """Give each row the group of its key as its writer: when a row changes its group, its writer changes."""
    index = use.graph.index(use.name + ".index", use.table, use.grouping)
    return use._replace(table=index).derive(lambda _read, group, members: dict.fromkeys(_parts(members), group))


def group(use: Ingredients) -> Rows:
    """Fold rows in an order with many ties, into a row that shows that order."""
    return use.graph.group(
        use.name,
        use.table,
        use.grouping,
        order=lambda _key, row: -(number(row) % 3),
        fold=lambda _group, members: tuple(part for key, row in members for part in (key, number(row))),
    )


def fail_to_fold(use: Ingredients) -> Rows:
    """Raise for some members and for some groups."""

    def by(key: int, row: Row) -> int | None:
        if number(row) % 3 == use.salt % 3:
            raise ArithmeticError
        return use.grouping(key, row)

    def fold(_group: int, members: Sequence[tuple[int, Row]]) -> int:
        total = sum(number(row) for _key, row in members)
        if total % 3 == (use.salt + 1) % 3:
            raise ArithmeticError
        return total

    return use.graph.group(use.name, use.table, by, fold=fold)


def index(use: Ingredients) -> Rows:
    return use.graph.index(use.name, use.table, use.grouping)


def count(use: Ingredients) -> Rows:
    return use.graph.count(use.name, use.table, use.grouping)


def split_and_unite(use: Ingredients) -> Rows:
    """Send each row through one of two tables, as the row says, and put them together again."""
    left = use.derive(lambda _read, key, row: {key: number(row)} if number(row) % 2 else {}, ".left")
    right = use.derive(lambda _read, key, row: {} if number(row) % 2 else {key: number(row)}, ".right")
    return use.graph.union(use.name, left, right)


def interleave(use: Ingredients) -> Rows:
    """Put two tables side by side, one on the even keys and one on the odd ones."""
    even = use.derive(lambda _read, key, row: {key * 2: row}, ".even")
    odd = use._replace(table=use.other).derive(lambda _read, key, row: {key * 2 + 1: row}, ".odd")
    return use.graph.union(use.name, even, odd)


RECIPES: tuple[Callable[[Ingredients], Rows], ...] = (
    narrow,
    keep_some,
    fan_out,
    read_beside,
    read_pointed,
    read_chain,
    read_or_else,
    read_own,
    gate,
    fail_some,
    fail_half_way,
    hand_over,
    group,
    fail_to_fold,
    index,
    count,
    split_and_unite,
    interleave,
)


def _parts(row: Row) -> tuple[int, ...]:
    return row if isinstance(row, tuple) else (row,)


class Step(NamedTuple):
    """One choice of a recipe; the three tables are chosen by number among those that there are by then."""

    recipe: Callable[[Ingredients], Rows]
    table: int
    other: int
    third: int
    salt: int


class Write(NamedTuple):
    """A change of a source, by the number of the source: of a graph that is yet to be made."""

    source: int
    key: int
    row: int | None


def build(steps: list[Step]) -> Graph:
    """Make the graph that these choices describe; the same choices make the same graph."""
    graph = Graph(step=1)
    tables: list[Rows] = [graph.source(f"source {place}", int) for place in range(SOURCES)]
    for place, step in enumerate(steps):
        table, other, third = (tables[choice % len(tables)] for choice in (step.table, step.other, step.third))
        name = f"{place} {step.recipe.__name__}"
        tables.append(step.recipe(Ingredients(graph, name, table, other, third, step.salt)))
    return graph


def sources(graph: Graph) -> list[Source[Any, Any]]:
    return [table for table in graph.tables if isinstance(table, Source)]


_choice = st.integers(0, 11)
graphs = st.lists(st.builds(Step, st.sampled_from(RECIPES), _choice, _choice, _choice, _choice), min_size=1, max_size=8)
writes = st.builds(Write, st.integers(0, SOURCES - 1), st.integers(0, KEYS - 1), st.none() | st.integers(0, VALUES - 1))
histories = st.lists(st.lists(writes, min_size=1, max_size=8), min_size=3, max_size=9)
