"""A table: rows by key, and who read which of them."""

from collections.abc import Collection, Iterable
from typing import Any, Generic, NamedTuple, Protocol, TypeVar

from typing_extensions import override

from xdsserver.tables.rows import Rows
from xdsserver.tables.work import Steps, Work

K = TypeVar("K")
V = TypeVar("V")
K_contra = TypeVar("K_contra", contravariant=True)


class TableError(Exception):
    """A graph that is put together wrongly: a law of the package is broken. A bug, never the user's fault."""


class Waiting(Protocol[K_contra]):
    """Whoever is told that rows changed."""

    def wake(self, keys: Iterable[K_contra]) -> None:
        """Note that the rows of `keys` changed; the work is done when the graph comes by."""


class Read(Protocol):
    """How a derivation looks at other tables: each look is recorded, and a change of what it saw runs it again."""

    def __call__(self, table: "Table[K, V]", key: K) -> V | None:
        """Return the row of `key`, or None.

        Raises:
            TableError: The table stands behind the one that reads, so its rows are not up to date yet.
        """


class Reader(NamedTuple):
    """Who read a row: a table, and the key for which it did; one for all that it reads for this key."""

    table: Waiting[Any]
    key: Any


class Place(NamedTuple):
    """Where a table stands: its name, its position among the tables of its graph, and the account of that graph."""

    name: str
    position: int
    work: Work


class Table(Generic[K, V]):
    """Rows by key, in the place that its declaration gave it.

    Whoever reads a table stands after it, so that one pass in order brings all tables up to date and no row is ever
    computed from a half-updated world.

    Attributes:
        name: Unique in its graph.
        place: Position among the tables of its graph, from 0.
        rows: All rows in no particular order, for whoever stands outside the graph; a derivation reads through `read`.
        newest: The same, but while a round is under way as far as it has come: for the engine, and for whoever closes
            a decision within a round.
    """

    def __init__(self, place: Place) -> None:
        self.name = place.name
        self.place = place.position
        self._work = place.work
        self.newest: dict[K, V] = {}
        self.rows = Rows(self.newest)
        self._followers: list[Waiting[K]] = []
        # Most rows that are read have one reader, and a set of one is four times as large as what is in it.
        self._readers: dict[K, Reader | set[Reader]] = {}
        self._before: dict[K, V | None] = {}
        self._expected = False

    @override
    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.name}: {len(self.newest)} rows>"

    @property
    def empty(self) -> bool:
        """Whether nothing at all is kept: no row, no member, and no record of a reader."""
        return not self.newest and not self._readers

    def expect_visit(self) -> None:
        """Note that there is something to do in this round; the graph comes by when the tables before are done."""
        if not self._expected:
            self._expected = True
            self._work.expect(self.place)

    def visit(self) -> Steps[dict[K, V | None]]:
        """Do what there is to do in this round, and return the rows that are not equal to what they were."""
        self._expected = False
        yield from self.update()
        return (yield from self.publish())

    def update(self) -> Steps[None]:
        """Bring the rows up to date with the tables before this one; a source has nothing to do."""
        yield from ()

    def follow(self, follower: Waiting[K]) -> None:
        """Wake `follower` with the key of every row that changes."""
        self._followers.append(follower)

    def remember(self, key: K, reader: "Reader") -> None:
        """Wake a reader when the row of `key` changes, also if there is none yet."""
        readers = self._readers.get(key)
        if readers is None:
            self._readers[key] = reader
        elif isinstance(readers, set):
            readers.add(reader)
        elif readers != reader:
            self._readers[key] = {readers, reader}

    def forget(self, key: K, reader: "Reader") -> None:
        """Undo `remember`."""
        readers = self._readers[key]
        if isinstance(readers, set):
            readers.discard(reader)
            if readers:
                return
        del self._readers[key]

    def put(self, key: K, row: V | None) -> None:
        """Set or, with None, remove a row; what it was before this round is kept for `publish`."""
        before = self.newest.get(key)
        self._before.setdefault(key, before)
        self._work.keep(self.rows, key, before)
        if row is None:
            self.newest.pop(key, None)
        else:
            self.newest[key] = row

    def publish(self) -> Steps[dict[K, V | None]]:
        """End the round: tell followers and readers which rows are not equal to what they were, and return those."""
        rows = self.newest
        changed: dict[K, V | None] = {}
        for part in self._work.parts(self._before.items()):
            for key, before in part:
                now = rows.get(key)
                if now is not before and now != before:
                    changed[key] = now
            if self._work.spent(len(part)):
                yield
        self._before.clear()
        for keys in self._work.parts(changed):
            self._wake(keys)
            if self._work.spent(len(keys)):
                yield
        return changed

    def _wake(self, changed: Collection[K]) -> None:
        for follower in self._followers:
            follower.wake(changed)
        if self._readers:
            for key in changed:
                readers = self._readers.get(key)
                if readers is not None:
                    for reader in readers if isinstance(readers, set) else (readers,):
                        reader.table.wake((reader.key,))


class Source(Table[K, V]):
    """A table that is written from outside."""

    @override
    def put(self, key: K, row: V | None) -> None:
        """Set or, with None, remove a row."""
        super().put(key, row)
        self.expect_visit()
