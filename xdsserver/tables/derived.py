"""Derive: each row of a table, and whatever is read along with it, gives rows."""

from collections.abc import Callable, Hashable, Iterable, Mapping
from typing import Any, Generic, NamedTuple, TypeVar

from typing_extensions import override

from xdsserver.tables.table import Place, Read, Reader, Table, TableError
from xdsserver.tables.work import DERIVATION, Steps

K = TypeVar("K", bound=Hashable)
V = TypeVar("V")
K2 = TypeVar("K2", bound=Hashable)
V2 = TypeVar("V2")
KR = TypeVar("KR")
VR = TypeVar("VR")

Derivation = Callable[[Read, K, V], Mapping[K2, V2]]
"""A row of the source, and whatever it reads, gives rows."""

_Seen = set[tuple[Table[Any, Any], Any]]


class _Reads(NamedTuple):
    """What was read for a key, and as whom; kept for each key there is, and so as small as can be: a tuple, no set."""

    reader: Reader
    what: tuple[tuple[Table[Any, Any], Any], ...]


class Derived(Table[K2, V2], Generic[K, V, K2, V2]):
    """Each row of a source table gives any number of rows."""

    def __init__(self, source: Table[K, V], function: Derivation[K, V, K2, V2], place: Place) -> None:
        super().__init__(place)
        self._source = source
        self._function = function
        self._dirty: set[K] = set()
        self._outputs: dict[K, tuple[K2, ...]] = {}
        self._owner: dict[K2, K] = {}
        self._reads: dict[K, _Reads] = {}
        source.follow(self)

    @property
    @override
    def empty(self) -> bool:
        """Whether nothing is kept."""
        return super().empty and not (self._outputs or self._owner or self._reads)

    def wake(self, keys: Iterable[K]) -> None:
        """Run the derivation again for these keys of the source."""
        self._dirty.update(keys)
        self.expect_visit()

    @override
    def update(self) -> Steps[None]:
        """Run what is to be run. All old rows leave before new ones enter: a row may move between two source keys."""
        results: dict[K, Mapping[K2, V2]] = {}
        for key in self._dirty:
            results[key] = self._run(key)
            if self._work.spent(DERIVATION):
                yield
        self._dirty.clear()
        for part in self._work.parts(results.items()):
            for key, result in part:
                self._leave(key, result)
            if self._work.spent(len(part)):
                yield
        for part in self._work.parts(results.items()):
            for key, result in part:
                self._enter(key, result)
            if self._work.spent(len(part)):
                yield

    def _leave(self, key: K, result: Mapping[K2, V2]) -> None:
        """Take out the rows of a key that are not in its new ones."""
        for old in self._outputs.pop(key, ()):
            if old not in result:
                del self._owner[old]
                self.put(old, None)

    def _enter(self, key: K, result: Mapping[K2, V2]) -> None:
        for output, row in result.items():
            if self._owner.setdefault(output, key) != key:
                message = f"{self.name}: {output!r} comes from both {self._owner[output]!r} and {key!r}"
                raise TableError(message)
            self.put(output, row)
        if result:
            self._outputs[key] = tuple(result)

    def _run(self, key: K) -> Mapping[K2, V2]:
        """Run the derivation for one key and record what it read, also where it raised: that may be what mends it."""
        seen: _Seen = set()
        row = self._source.newest.get(key)
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
        self._track(key, seen)
        return result

    def _reading(self, seen: _Seen) -> Read:
        """Look at other tables and note it in `seen`."""

        # The annotations are quoted because they would be evaluated again for every run, a tenth of its cost.
        def read(table: "Table[KR, VR]", key: KR) -> "VR | None":
            if table.place >= self.place:
                message = f"{self.name} reads {table.name}, which stands behind it"
                raise TableError(message)
            seen.add((table, key))
            row = table.newest.get(key)
            if row is not None:
                self._work.rows += 1
            return row

        return read

    def _track(self, key: K, seen: _Seen) -> None:
        """Wait for what was read this time, and no longer for what was read only before."""
        known = self._reads.pop(key, None)
        if known is None:
            if not seen:
                return
            known = _Reads(Reader(self, key), ())
        before = set(known.what)
        if seen != before:
            for table, read in before - seen:
                table.forget(read, known.reader)
            for table, read in seen - before:
                table.remember(read, known.reader)
            known = _Reads(known.reader, tuple(seen))
        if seen:
            self._reads[key] = known
