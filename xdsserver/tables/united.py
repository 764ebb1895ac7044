"""Union: the rows of several tables side by side."""

from collections.abc import Hashable, Iterable, Sequence
from typing import Generic, TypeVar

from typing_extensions import override

from xdsserver.tables.table import Place, Table, TableError
from xdsserver.tables.work import Steps

K = TypeVar("K", bound=Hashable)
V = TypeVar("V")


class _Branch(Generic[K, V]):
    """One table of a union, and which of its rows changed."""

    def __init__(self, source: Table[K, V], union: Table[K, V]) -> None:
        self.source = source
        self.dirty: set[K] = set()
        self._union = union
        source.follow(self)

    def wake(self, keys: Iterable[K]) -> None:
        self.dirty.update(keys)
        self._union.expect_visit()


class United(Table[K, V]):
    """The rows of several tables that have no key in common."""

    def __init__(self, sources: Sequence[Table[K, V]], place: Place) -> None:
        super().__init__(place)
        self._branches = tuple(_Branch(source, self) for source in sources)
        self._owner: dict[K, _Branch[K, V]] = {}

    @property
    @override
    def empty(self) -> bool:
        """Whether nothing is kept."""
        return super().empty and not self._owner

    @override
    def update(self) -> Steps[None]:
        """Copy the rows that changed. All old rows leave before new ones enter: a row may move between two tables."""
        for branch in self._branches:
            for keys in self._work.parts(branch.dirty):
                self._leave(branch, keys)
                if self._work.spent(len(keys)):
                    yield
        for branch in self._branches:
            for keys in self._work.parts(branch.dirty):
                for key in keys:
                    row = branch.source.newest.get(key)
                    if row is not None:
                        self._enter(branch, key, row)
                if self._work.spent(len(keys)):
                    yield
            branch.dirty.clear()

    def _leave(self, branch: _Branch[K, V], keys: Iterable[K]) -> None:
        for key in keys:
            if key not in branch.source.newest:
                del self._owner[key]
                self.put(key, None)

    def _enter(self, branch: _Branch[K, V], key: K, row: V) -> None:
        owner = self._owner.setdefault(key, branch)
        if owner is not branch:
            message = f"{self.name}: {key!r} is in both {owner.source} and {branch.source}"
            raise TableError(message)
        self.put(key, row)
