"""The rows of a table as whoever stands outside of the graph sees them: those of the last round that has ended."""

from collections.abc import ItemsView, Iterator, KeysView, Mapping, ValuesView
from typing import Generic, TypeVar, overload

from typing_extensions import override

K = TypeVar("K")
V = TypeVar("V")
T = TypeVar("T")


class Rows(Mapping[K, V], Generic[K, V]):
    """Rows by key, in no particular order, which stay as they are while a round is under way.

    What the round replaces is kept beside what it makes: to look costs next to nothing, and nothing is copied but where
    somebody walks all rows in the middle of a round.
    """

    __slots__ = ("_before", "_newest")

    def __init__(self, newest: Mapping[K, V]) -> None:
        self._newest = newest
        self._before: dict[K, V | None] = {}

    def keep(self, key: K, row: V | None) -> None:
        """Show this row, or with None no row, until the round ends; of several for one key the first one counts."""
        self._before.setdefault(key, row)

    @property
    def kept(self) -> bool:
        """Whether what is shown is not the newest."""
        return bool(self._before)

    def settle(self) -> None:
        """End the round: show the newest."""
        self._before.clear()

    @override
    def __getitem__(self, key: K) -> V:
        if key in self._before:
            row = self._before[key]
            if row is None:
                raise KeyError(key)
            return row
        return self._newest[key]

    @overload
    def get(self, key: K, /) -> V | None: ...
    @overload
    def get(self, key: K, /, default: V | T) -> V | T: ...
    @override
    def get(self, key: K, /, default: V | T | None = None) -> V | T | None:
        """Return the row of a key, or the default."""
        if key in self._before:
            row = self._before[key]
            return default if row is None else row
        return self._newest.get(key, default)

    @override
    def __contains__(self, key: object) -> bool:
        if key in self._before:
            return self._before[key] is not None
        return key in self._newest

    @override
    def __iter__(self) -> Iterator[K]:
        return iter(self._shown())

    @override
    def __len__(self) -> int:
        return len(self._shown())

    @override
    def keys(self) -> KeysView[K]:
        """Return all keys."""
        return self._shown().keys()

    @override
    def values(self) -> ValuesView[V]:
        """Return all rows."""
        return self._shown().values()

    @override
    def items(self) -> ItemsView[K, V]:
        """Return all rows with their keys."""
        return self._shown().items()

    @override
    def __eq__(self, other: object) -> bool:
        return self._shown() == (other._shown() if isinstance(other, Rows) else other)

    __hash__ = None  # type: ignore[assignment] # as of any mapping that changes

    @override
    def __repr__(self) -> str:
        return repr(self._shown())

    def _shown(self) -> Mapping[K, V]:
        if not self._before:
            return self._newest
        shown = {**self._newest, **self._before}
        return {key: row for key, row in shown.items() if row is not None}
