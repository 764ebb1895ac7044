"""A graph of tables, and `apply`, the one way in which it changes."""

from collections.abc import Hashable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, NamedTuple, TypeVar

from xdsserver.tables.derived import Derivation, Derived
from xdsserver.tables.grouped import (
    By,
    Counted,
    Fold,
    Grouped,
    Grouping,
    Indexed,
    InPieces,
    Order,
    Weight,
    one,
    unordered,
)
from xdsserver.tables.table import Place, Source, Table, TableError
from xdsserver.tables.united import United
from xdsserver.tables.work import STEP, Steps, Work, finished

K = TypeVar("K", bound=Hashable)
V = TypeVar("V")
K2 = TypeVar("K2", bound=Hashable)
V2 = TypeVar("V2")
G = TypeVar("G", bound=Hashable)
T = TypeVar("T", bound=Table[Any, Any])


class Change(NamedTuple):
    """The new row of a source, or None where it is gone."""

    source: Source[Any, Any]
    key: Any
    row: Any | None


class Delta:
    """What one `apply` changed: `delta[table]` maps each key whose row is another now to that row, or to None.

    Attributes:
        stats: What it cost.
        failures: What a function raised, by name of the table and the key or group that it was called for. A failure
            is reported by the `apply` in which it happens, and again whenever the function runs again and fails again.
    """

    def __init__(self, changed: Mapping[Table[Any, Any], Mapping[Any, Any]], work: Work) -> None:
        self._changed = changed
        self.stats = work.stats()
        self.failures: Mapping[tuple[str, Any], Exception] = work.failures

    def __getitem__(self, table: Table[K, V]) -> Mapping[K, V | None]:
        return self._changed.get(table, {})

    def __bool__(self) -> bool:
        return bool(self._changed)


class Graph:
    """Tables in the order of their declaration, all declared before the first `apply`.

    `step` is how many small things are done in one of the `steps`; a derivation counts for sixteen.
    """

    def __init__(self, step: int = STEP) -> None:
        self.tables: list[Table[Any, Any]] = []
        self._names: set[str] = set()
        self._work = Work(step)
        self._begun = False
        self._whole = True
        self._changed: dict[Table[Any, Any], Mapping[Any, Any]] = {}

    def source(self, name: str, _row: type[V] | None = None) -> Source[Any, V]:
        """Declare a table that is written from outside; the type of its rows is for the reader and the type checker."""
        return self._add(Source(self._place(name)))

    def derive(self, name: str, table: Table[K, V], function: Derivation[K, V, K2, V2]) -> Table[K2, V2]:
        """Declare a table whose rows follow one by one from the rows of another, and from what `function` reads."""
        return self._add(Derived(table, function, self._place(name, table)))

    def group(
        self,
        name: str,
        table: Table[K, V],
        by: By[K, V, G],
        *,
        fold: Fold[G, K, V, V2] | InPieces[G, K, V, Any, V2],
        order: Order[K, V] = unordered,
    ) -> Table[G, V2]:
        """Declare a table with one row per group: `fold` of its members, sorted by `order`, then by key.

        A group of which `fold` says None has no row. Where a group may have thousands of members that are joined, a
        fold `InPieces` looks again only at the neighbours of what changed.
        """
        return self._add(Grouped(table, Grouping(by, order), fold, self._place(name, table)))

    def index(self, name: str, table: Table[K, V], by: By[K, V, G]) -> Table[G, tuple[K, ...]]:
        """Declare a table with the sorted keys of each group; new rows of its members change nothing in it."""
        return self._add(Indexed(table, Grouping(by), self._place(name, table)))

    def count(self, name: str, table: Table[K, V], by: By[K, V, G], *, weight: Weight[K, V] = one) -> Table[G, int]:
        """Declare a table with the number of rows of each group, at a cost that does not depend on that number.

        Where `weight` says how much each row counts, it is their sum; 0 is no row.
        """
        return self._add(Counted(table, Grouping(by, weight), self._place(name, table)))

    def union(self, name: str, *tables: Table[K, V]) -> Table[K, V]:
        """Declare a table with the rows of several tables, which must have no key in common."""
        return self._add(United(tables, self._place(name, *tables)))

    def apply(self, changes: Iterable[Change]) -> Delta:
        """Write the sources and bring every table up to date, all at once.

        Of several changes of one row the last one counts. What goes wrong with one row is in `Delta.failures` and costs
        the rows that come from it.

        Raises:
            TableError: The graph itself is wrong. Its tables may be half updated then, so it refuses every later call.
        """
        return finished(self.steps(changes))

    @contextmanager
    def round(self) -> Iterator[None]:
        """Show all `Table.rows` as they are now until the end of the block, whatever is applied in it.

        A block that breaks off, like an apply that does, leaves a graph that shows what was, and refuses to go on.
        """
        self._work.hold()
        yield
        self._work.settle()

    def steps(self, changes: Iterable[Change], through: Table[Any, Any] | None = None) -> Steps[Delta]:
        """Do what `apply` does in steps of a tenth of a millisecond, with room for others in between.

        They are done in a `round`: between them tables do not agree, and nobody else may see that. Nothing else is
        applied before their end. Where a table is given they end behind it, with what changed up to there; what comes
        from it is then as it will be, and `rest` does the others.

        Raises:
            TableError: As `apply` does.
        """
        changes = tuple(changes)
        for source, _key, _row in changes:
            self._require_own(source)
        if not self._whole:
            message = "an earlier apply broke off, or is not at its end, and its tables do not agree; build a new graph"
            raise TableError(message)
        self._begun = True
        self._whole = False
        self._work.reset()
        self._changed = {}
        for source, key, row in changes:
            source.put(key, row)
        return (yield from self._visited(len(self.tables) if through is None else through.place + 1))

    def rest(self) -> Steps[Delta]:
        """Go on behind the table that `steps` went through, to the end; gives what changed in all of it."""
        return self._visited(len(self.tables))

    def _visited(self, end: int) -> Steps[Delta]:
        # Of hundreds of tables a change reaches a few dozen: to ask all of them would cost more than to do the work.
        while (position := self._work.next(end)) is not None:
            table = self.tables[position]
            if published := (yield from table.visit()):
                self._changed[table] = published
        delta = Delta(self._changed, self._work)
        if end == len(self.tables):
            self._whole = True
            # Rows that are replaced are not to live on here until the next change.
            self._changed = {}
        return delta

    def _place(self, name: str, *sources: Table[Any, Any]) -> Place:
        """Give a new table its place; what it follows must stand in this graph, and no row may have passed by yet."""
        if name in self._names:
            message = f"two tables are called {name}"
            raise TableError(message)
        if self._begun:
            message = f"{name} is declared after the first apply and would miss the rows that are there already"
            raise TableError(message)
        for source in sources:
            self._require_own(source)
        self._names.add(name)
        return Place(name, len(self.tables), self._work)

    def _require_own(self, table: Table[Any, Any]) -> None:
        if table.place >= len(self.tables) or self.tables[table.place] is not table:
            message = f"{table.name} belongs to another graph"
            raise TableError(message)

    def _add(self, table: T) -> T:
        self.tables.append(table)
        return table
