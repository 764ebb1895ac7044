"""A graph of tables, and `apply`, the one way in which it changes."""

from collections.abc import Hashable, Iterable, Mapping
from typing import Any, NamedTuple, TypeVar

from xdsserver.tables.nodes import By, Counted, Derivation, Derived, Fold, Grouped, Order, United, Work
from xdsserver.tables.table import Source, Table, TableError

K = TypeVar("K", bound=Hashable)
V = TypeVar("V")
K2 = TypeVar("K2", bound=Hashable)
V2 = TypeVar("V2")
G = TypeVar("G", bound=Hashable)


class Change(NamedTuple):
    """The new row of a source, or None where it is gone."""

    source: Source[Any, Any]
    key: Any
    row: Any | None


class Stats(NamedTuple):
    """What one `apply` did; see `Work` for what is counted."""

    derivations: int
    rows: int
    folds: int


class Delta:
    """What one `apply` changed: `delta[table]` maps each key whose row is another now to that row, or to None."""

    def __init__(self, changed: Mapping[Table[Any, Any], Mapping[Any, Any]], work: Work) -> None:
        self._changed = changed
        self.stats = Stats(work.derivations, work.rows, work.folds)
        self.failures: Mapping[tuple[str, Any], Exception] = work.failures

    def __getitem__(self, table: Table[K, V]) -> Mapping[K, V | None]:
        return self._changed.get(table, {})

    def __bool__(self) -> bool:
        return bool(self._changed)


class Graph:
    """Tables in the order of their declaration."""

    def __init__(self) -> None:
        self.tables: list[Table[Any, Any]] = []
        self._names: set[str] = set()
        self._work = Work()

    def source(self, name: str, _row: type[V] | None = None) -> Source[Any, V]:
        """Declare a table that is written from outside; the type of its rows is for the reader and the type checker."""
        return self._add(Source(**self._place(name)))

    def derive(self, name: str, table: Table[K, V], function: Derivation[K, V, K2, V2]) -> Table[K2, V2]:
        """Declare a table whose rows follow one by one from the rows of another, and from what `function` reads."""
        return self._add(Derived(table, function, self._work, **self._place(name)))

    def group(
        self,
        name: str,
        table: Table[K, V],
        by: By[K, V, G],
        *,
        fold: Fold[G, K, V, V2],
        order: Order[K, V] = lambda _key, _row: (),
    ) -> Table[G, V2]:
        """Declare a table with one row for all rows of a group: `fold` of its members, sorted by `order`, then by key."""
        return self._add(Grouped(table, by, order, fold, self._work, **self._place(name)))

    def index(self, name: str, table: Table[K, V], by: By[K, V, G]) -> Table[G, tuple[K, ...]]:
        """Declare a table with the sorted keys of each group."""
        return self.group(name, table, by, fold=lambda _group, members: tuple(key for key, _ in members))

    def count(self, name: str, table: Table[K, V], by: By[K, V, G]) -> Table[G, int]:
        """Declare a table with the number of rows of each group, at a cost that does not depend on that number."""
        return self._add(Counted(table, by, **self._place(name)))

    def union(self, name: str, *tables: Table[K, V]) -> Table[K, V]:
        """Declare a table with the rows of several tables, which must have no key in common."""
        return self._add(United(tables, **self._place(name)))

    def apply(self, changes: Iterable[Change]) -> Delta:
        """Write the sources and bring every table up to date, all at once.

        Of several changes of one row the last one counts. Raises TableError where the graph itself is wrong; what is
        wrong with one row is in `Delta.failures` and costs the rows that come from it.
        """
        self._work.reset()
        for source, key, row in changes:
            source.put(key, row)
        changed: dict[Table[Any, Any], Mapping[Any, Any]] = {}
        for table in self.tables:
            table.update()
            if published := table.publish():
                changed[table] = published
        return Delta(changed, self._work)

    def _place(self, name: str) -> dict[str, Any]:
        if name in self._names:
            message = f"two tables are called {name}"
            raise TableError(message)
        self._names.add(name)
        return {"name": name, "place": len(self.tables)}

    _T = TypeVar("_T", bound=Table[Any, Any])

    def _add(self, table: _T) -> _T:
        self.tables.append(table)
        return table
