"""The ways in which a table can follow from others: derive, group, count, union."""

from bisect import bisect_left, insort
from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from typing import Any, Generic, TypeVar

from xdsserver.tables.table import Read, Table, TableError

K = TypeVar("K", bound=Hashable)
V = TypeVar("V")
K2 = TypeVar("K2", bound=Hashable)
V2 = TypeVar("V2")
G = TypeVar("G", bound=Hashable)

Derivation = Callable[[Read, K, V], Mapping[K2, V2]]
"""A row of the source, and whatever it reads, gives rows."""
By = Callable[[K, V], G | None]
"""The group of a row, or None for a row that is in none."""
Order = Callable[[K, V], Any]
"""What the members of a group are sorted by; ties are broken by key."""
Fold = Callable[[G, Sequence[tuple[K, V]]], V2]
"""All members of a group, in order, give its row."""


class Work:
    """What was done since the last round: the currency in which tests hold the engine to a budget.

    `derivations`: calls of derivations; `rows`: rows handed to them, their own and those that they read; `folds`: calls
    of folds, which see all members of a group by their nature; `failures`: what a derivation raised, by table and key.
    """

    def __init__(self) -> None:
        self.reset()

    def reset(self) -> None:
        """Begin a round; what the last one reported stays with whoever took it."""
        self.derivations = 0
        self.rows = 0
        self.folds = 0
        self.failures: dict[tuple[str, Any], Exception] = {}


class Derived(Table[K2, V2], Generic[K, V, K2, V2]):
    """Each row of a source table gives any number of rows."""

    def __init__(self, source: Table[K, V], function: Derivation[K, V, K2, V2], work: Work, **place: Any) -> None:
        super().__init__(**place)
        self._source = source
        self._function = function
        self._work = work
        self._dirty: set[K] = set()
        self._outputs: dict[K, tuple[K2, ...]] = {}
        self._owner: dict[K2, K] = {}
        self._reads: dict[K, set[tuple[Table[Any, Any], Any]]] = {}
        source.follow(self)

    @property
    def empty(self) -> bool:
        """Whether nothing is kept."""
        return super().empty and not (self._outputs or self._owner or self._reads)

    def wake(self, keys: Iterable[K]) -> None:
        """Run the derivation again for these keys of the source."""
        self._dirty.update(keys)

    def update(self) -> None:
        """Run what is to be run. All old rows leave before new ones enter: a row may move between two source keys."""
        if not self._dirty:
            return
        results = {key: self._run(key) for key in self._dirty}
        self._dirty.clear()
        for key, result in results.items():
            for old in self._outputs.pop(key, ()):
                del self._owner[old]
                if old not in result:
                    self.put(old, None)
        for key, result in results.items():
            for output, row in result.items():
                if self._owner.setdefault(output, key) != key:
                    message = f"{self.name}: {output!r} comes from both {self._owner[output]!r} and {key!r}"
                    raise TableError(message)
                self.put(output, row)
            if result:
                self._outputs[key] = tuple(result)

    def _run(self, key: K) -> Mapping[K2, V2]:
        """Run the derivation for one key and record what it read instead of what it read before."""
        seen: set[tuple[Table[Any, Any], Any]] = set()
        row = self._source.rows.get(key)
        result: Mapping[K2, V2] = {}
        if row is not None:
            self._work.derivations += 1
            self._work.rows += 1
            try:
                result = self._function(self._reading(seen), key, row)
            except TableError:
                raise
            except Exception as error:  # noqa: BLE001  # A bug in one row must not take the others down with it.
                self._work.failures[self.name, key] = error
        before = self._reads.pop(key, set())
        for table, read in before - seen:
            table.forget(read, self, key)
        for table, read in seen - before:
            table.remember(read, self, key)
        if seen:
            self._reads[key] = seen
        return result

    def _reading(self, seen: set[tuple[Table[Any, Any], Any]]) -> Read:
        """Look at other tables and note it in `seen`."""

        def read(table: Table[Any, Any], key: Any) -> Any:
            if table.place >= self.place:
                message = f"{self.name} reads {table.name}, which stands behind it"
                raise TableError(message)
            seen.add((table, key))
            row = table.rows.get(key)
            if row is not None:
                self._work.rows += 1
            return row

        return read


class Grouped(Table[G, V2], Generic[K, V, G, V2]):
    """All rows of one group, sorted, folded into one row; a group without members has none."""

    def __init__(
        self,
        source: Table[K, V],
        by: By[K, V, G],
        order: Order[K, V],
        fold: Fold[G, K, V, V2],
        work: Work,
        **place: Any,
    ) -> None:
        super().__init__(**place)
        self._source = source
        self._by = by
        self._order = order
        self._fold = fold
        self._work = work
        self._dirty: set[K] = set()
        self._entries: dict[K, tuple[G, Any]] = {}
        self._members: dict[G, list[tuple[Any, K]]] = {}
        source.follow(self)

    @property
    def empty(self) -> bool:
        """Whether nothing is kept."""
        return super().empty and not (self._entries or self._members)

    def wake(self, keys: Iterable[K]) -> None:
        """Look at these members again."""
        self._dirty.update(keys)

    def update(self) -> None:
        """Move the members that changed, then fold each group that one of them is or was in."""
        if not self._dirty:
            return
        touched: set[G] = set()
        for key in self._dirty:
            touched.update(self._leave(key))
            touched.update(self._enter(key))
        self._dirty.clear()
        rows = self._source.rows
        for group in touched:
            members = self._members.get(group)
            if members is None:
                self.put(group, None)
            else:
                self._work.folds += 1
                self.put(group, self._fold(group, [(key, rows[key]) for _, key in members]))

    def _leave(self, key: K) -> tuple[G, ...]:
        entry = self._entries.pop(key, None)
        if entry is None:
            return ()
        group, order = entry
        members = self._members[group]
        del members[bisect_left(members, (order, key))]
        if not members:
            del self._members[group]
        return (group,)

    def _enter(self, key: K) -> tuple[G, ...]:
        row = self._source.rows.get(key)
        group = None if row is None else self._by(key, row)
        if row is None or group is None:
            return ()
        order = self._order(key, row)
        self._entries[key] = (group, order)
        insort(self._members.setdefault(group, []), (order, key))
        return (group,)


class Counted(Table[G, int], Generic[K, V, G]):
    """How many rows a group has; a group without any has no row. Costs the same whatever the size of the group."""

    def __init__(self, source: Table[K, V], by: By[K, V, G], **place: Any) -> None:
        super().__init__(**place)
        self._source = source
        self._by = by
        self._dirty: set[K] = set()
        self._entries: dict[K, G] = {}
        source.follow(self)

    @property
    def empty(self) -> bool:
        """Whether nothing is kept."""
        return super().empty and not self._entries

    def wake(self, keys: Iterable[K]) -> None:
        """Look at these members again."""
        self._dirty.update(keys)

    def update(self) -> None:
        """Move the members that changed."""
        for key in self._dirty:
            row = self._source.rows.get(key)
            group = None if row is None else self._by(key, row)
            before = self._entries.pop(key, None)
            if group is not None:
                self._entries[key] = group
            if before == group:
                continue
            for changed, step in ((before, -1), (group, 1)):
                if changed is not None:
                    self.put(changed, (self.rows.get(changed, 0) + step) or None)
        self._dirty.clear()


class United(Table[K, V]):
    """The rows of several tables that have no key in common."""

    def __init__(self, sources: Sequence[Table[K, V]], **place: Any) -> None:
        super().__init__(**place)
        self._dirty: dict[int, set[K]] = {}
        self._sources = sources
        self._owner: dict[K, int] = {}
        for number, source in enumerate(sources):
            source.follow(_Branch(self._dirty.setdefault(number, set())))

    @property
    def empty(self) -> bool:
        """Whether nothing is kept."""
        return super().empty and not self._owner

    def update(self) -> None:
        """Copy the rows that changed; all old rows leave before new ones enter."""
        for number, keys in self._dirty.items():
            for key in keys:
                if key not in self._sources[number].rows and self._owner.get(key) == number:
                    del self._owner[key]
                    self.put(key, None)
        for number, keys in self._dirty.items():
            for key in keys:
                row = self._sources[number].rows.get(key)
                if row is None:
                    continue
                if self._owner.setdefault(key, number) != number:
                    message = f"{self.name}: {key!r} is in both {self._sources[self._owner[key]]} and {self._sources[number]}"
                    raise TableError(message)
                self.put(key, row)
            keys.clear()


class _Branch(Generic[K]):
    """Notes for a union which rows of one of its tables changed."""

    def __init__(self, dirty: set[K]) -> None:
        self.wake: Callable[[Iterable[K]], None] = dirty.update
