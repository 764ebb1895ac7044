"""A table: rows by key, and who read which of them."""

from collections.abc import Iterable, Mapping
from typing import Any, Generic, Protocol, TypeVar

K = TypeVar("K")
V = TypeVar("V")
K_contra = TypeVar("K_contra", contravariant=True)


class TableError(Exception):
    """A graph that is put together wrongly: a law of the package is broken. A bug, never the user's fault."""


class Waiting(Protocol[K_contra]):
    """Whoever is told that rows changed."""

    def wake(self, keys: Iterable[K_contra]) -> None:
        """Note that the rows of `keys` changed; the work is done when the graph comes by."""


class Table(Generic[K, V]):
    """Rows by key, in the place that its declaration gave it.

    `place` is the position among the tables of the graph; whoever reads a table stands after it, so that one pass in
    order brings all tables up to date and no row is ever computed from a half-updated world.
    """

    def __init__(self, name: str, place: int) -> None:
        self.name = name
        self.place = place
        self._rows: dict[K, V] = {}
        self._followers: list[Waiting[K]] = []
        self._readers: dict[K, set[tuple[Waiting[Any], Any]]] = {}
        self._before: dict[K, V | None] = {}

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.name}: {len(self._rows)} rows>"

    @property
    def rows(self) -> Mapping[K, V]:
        """All rows, for whoever stands outside the graph; a derivation reads through `read`."""
        return self._rows

    @property
    def empty(self) -> bool:
        """Whether nothing at all is kept: no row, no member, and no record of a reader."""
        return not self._rows and not self._readers

    def update(self) -> None:
        """Bring the rows up to date with the tables before this one; most have nothing to do."""

    def follow(self, follower: Waiting[K]) -> None:
        """Wake `follower` with the key of every row that changes."""
        self._followers.append(follower)

    def remember(self, key: K, reader: Waiting[Any], reader_key: object) -> None:
        """Wake `reader` with `reader_key` when the row of `key` changes, also if there is none yet."""
        self._readers.setdefault(key, set()).add((reader, reader_key))

    def forget(self, key: K, reader: Waiting[Any], reader_key: object) -> None:
        """Undo `remember`."""
        readers = self._readers[key]
        readers.discard((reader, reader_key))
        if not readers:
            del self._readers[key]

    def put(self, key: K, row: V | None) -> None:
        """Set or, with None, remove a row; what it was before this round is kept for `publish`."""
        old = self._rows.get(key)
        if key not in self._before:
            self._before[key] = old
        if row is None:
            self._rows.pop(key, None)
        else:
            self._rows[key] = row

    def publish(self) -> dict[K, V | None]:
        """End the round: tell followers and readers which rows are not equal to what they were, and return those."""
        if not self._before:
            return {}
        changed = {key: self._rows.get(key) for key, old in self._before.items() if self._rows.get(key) != old}
        self._before.clear()
        if changed:
            for follower in self._followers:
                follower.wake(changed)
            for key in changed:
                for reader, reader_key in self._readers.get(key, ()):
                    reader.wake((reader_key,))
        return changed


class Source(Table[K, V]):
    """A table that is written from outside."""


class Read(Protocol):
    """How a derivation looks at other tables: each look is recorded, and a change of what it saw runs it again."""

    def __call__(self, table: Table[K, V], key: K) -> V | None:
        """Return the row of `key`, or None.

        Raises:
            TableError: the table stands behind the one that reads, so its rows are not up to date yet.
        """
