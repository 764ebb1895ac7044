"""Group, index, count: all rows of a table that belong together give one row."""

from collections.abc import Callable, Collection, Hashable, Iterable, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import TYPE_CHECKING, Any, Generic, NamedTuple, TypeAlias, TypeVar

from typing_extensions import override

from xdsserver.tables.members import Few
from xdsserver.tables.table import Place, Table, TableError
from xdsserver.tables.work import DERIVATION, Steps

if TYPE_CHECKING:
    from xdsserver.tables.members import Entry, Members

K = TypeVar("K", bound=Hashable)
V = TypeVar("V")
W = TypeVar("W")
P = TypeVar("P")
G = TypeVar("G", bound=Hashable)

By = Callable[[K, V], G | None]
"""The group of a row, or None for a row that is in none."""
Order = Callable[[K, V], Any]
"""What the members of a group are sorted by; ties are broken by key."""
Weight = Callable[[K, V], int]
"""How much a member counts."""
Fold = Callable[[G, Sequence[tuple[K, V]]], W | None]
"""All members of a group, in order, give its row, or None where there is nothing to say of it."""


@dataclass(frozen=True, slots=True)
class InPieces(Generic[G, K, V, P, W]):
    """A fold in two steps: neighbours give a piece, which is kept while they stay, and all pieces in order the row.

    The row must not depend on where the members were cut, which is an accident of history: `whole` joins.
    """

    piece: Callable[[Sequence[tuple[K, V]]], P]
    whole: Callable[[G, Sequence[P]], W | None]


def unordered(_key: object, _row: object) -> tuple[()]:
    """Leave the order of members to their keys."""
    return ()


def one(_key: object, _row: object) -> int:
    """Count each member once."""
    return 1


@dataclass(frozen=True, slots=True)
class Grouping(Generic[K, V, G]):
    """Which group a row is in, and where in it."""

    by: By[K, V, G]
    order: Order[K, V] = unordered


class _Spot(NamedTuple, Generic[G]):
    """The group that a member is in, and what it is sorted by there."""

    group: G
    order: Any


_Move: TypeAlias = tuple[K, _Spot[G] | None, _Spot[G] | None]
"""A member, where it was, and where it is."""


class _Parted(Table[G, W], Generic[K, V, G, W]):
    """What group, index and count have in common: they know the spot of each member, and see it move."""

    def __init__(self, source: Table[K, V], grouping: Grouping[K, V, G], place: Place) -> None:
        super().__init__(place)
        self._source = source
        self._grouping = grouping
        self._dirty: set[K] = set()
        self._spots: dict[K, _Spot[G]] = {}
        source.follow(self)

    @property
    @override
    def empty(self) -> bool:
        """Whether nothing is kept."""
        return super().empty and not self._spots

    def wake(self, keys: Iterable[K]) -> None:
        """Look at these members again."""
        self._dirty.update(keys)
        self.expect_visit()

    def _moves(self) -> Steps[list[_Move[K, G]]]:
        """Give each member whose row changed, where it was and where it is; None where it is in no group."""
        moves: list[_Move[K, G]] = []
        for keys in self._work.parts(self._dirty):
            for key in keys:
                before = self._spots.pop(key, None)
                after = self._spot(key)
                if after is not None:
                    self._spots[key] = after
                moves.append((key, before, after))
            if self._work.spent(len(keys)):
                yield
        self._dirty.clear()
        return moves

    def _spot(self, key: K) -> _Spot[G] | None:
        row = self._source.newest.get(key)
        if row is None:
            return None
        try:
            group = self._grouping.by(key, row)
            return None if group is None else _Spot(group, self._grouping.order(key, row))
        except Exception as error:  # noqa: BLE001  # As in a derivation: the bug costs this member only.
            self._work.failures[self.name, key] = error
            return None


class Counted(_Parted[K, V, G, int]):
    """How much the members of a group weigh together; none or nothing has no row. A move costs the same in any group.

    The order of a member is its weight.
    """

    @override
    def update(self) -> Steps[None]:
        """Move the members that changed."""
        for part in self._work.parts((yield from self._moves())):
            for _key, before, after in part:
                if before == after:
                    continue
                for spot, sign in ((before, -1), (after, 1)):
                    if spot is not None:
                        self.put(spot.group, (self.newest.get(spot.group, 0) + sign * spot.order) or None)
            if self._work.spent(len(part)):
                yield


class _Sorted(_Parted[K, V, G, W]):
    """What group and index have in common: they keep the members of each group in order."""

    def __init__(self, source: Table[K, V], grouping: Grouping[K, V, G], place: Place) -> None:
        super().__init__(source, grouping, place)
        self._members: dict[G, Members] = {}

    @property
    @override
    def empty(self) -> bool:
        """Whether nothing is kept."""
        return super().empty and not self._members

    def _regroup(self, moves: Collection[_Move[K, G]]) -> Steps[Iterable[G]]:
        """Take members from where they were to where they are, and give the groups of both.

        Those of a group leave, and then enter, in their order: a round comes as a set, which each process walks in
        another order, and where a large group is cut is to follow from what came and not from that.
        """
        leaving: dict[G, list[Entry]] = {}
        entering: dict[G, list[Entry]] = {}
        for part in self._work.parts(moves):
            for key, before, after in part:
                if before is not None:
                    leaving.setdefault(before.group, []).append((before.order, key))
                if after is not None:
                    entering.setdefault(after.group, []).append((after.order, key, *self._kept(key)))
            if self._work.spent(len(part)):
                yield
        for group, spots in leaving.items():
            yield from self._leave(group, spots)
        for group, entries in entering.items():
            try:
                yield from self._enter(group, entries)
            except TypeError as error:
                message = f"{self.name}: the members of {group!r} cannot be sorted: {error}"
                raise TableError(message) from error
        return leaving | entering

    def _leave(self, group: G, spots: "Iterable[Entry]") -> Steps[None]:
        members = self._members[group]
        for part in self._work.parts(sorted(spots)):
            for spot in part:
                members.drop(spot)
            if self._work.spent(len(part)):
                yield
        if not members:
            del self._members[group]

    def _enter(self, group: G, entries: "Iterable[Entry]") -> Steps[None]:
        for part in self._work.parts(sorted(entries)):
            for entry in part:
                self._members[group] = (self._members.get(group) or Few()).add(entry)
            if self._work.spent(len(part)):
                yield

    def _kept(self, _key: K) -> tuple[object, ...]:
        """Give what is to be at hand with a member."""
        return ()


class Indexed(_Sorted[K, V, G, tuple[K, ...]]):
    """The sorted keys of the members of a group: a change of a member that stays where it is changes nothing."""

    @override
    def update(self) -> Steps[None]:
        """Move the members that changed, then write down each group that one of them left or entered."""
        moves = yield from self._moves()
        for group in (yield from self._regroup([move for move in moves if move[1] != move[2]])):
            members = self._members.get(group)
            if members is None:
                self.put(group, None)
            else:
                self._work.folds += 1
                keys = yield from members.pieces(_keys)
                self.put(group, tuple(chain.from_iterable(keys)))
            if self._work.spent(DERIVATION):
                yield


class Grouped(_Sorted[K, V, G, W]):
    """The members of a group, in order, folded into one row, if the fold gives one; without members there is none."""

    def __init__(
        self,
        source: Table[K, V],
        grouping: Grouping[K, V, G],
        fold: Fold[G, K, V, W] | InPieces[G, K, V, Any, W],
        place: Place,
    ) -> None:
        super().__init__(source, grouping, place)
        self._fold: InPieces[G, K, V, Any, W] = fold if isinstance(fold, InPieces) else _at_once(fold)

    @override
    def update(self) -> Steps[None]:
        """Move the members that changed, then fold each group that one of them is or was in."""
        for group in (yield from self._regroup((yield from self._moves()))):
            self.put(group, (yield from self._folded(group)))
            if self._work.spent(DERIVATION):
                yield

    @override
    def _kept(self, key: K) -> tuple[object, ...]:
        # The row is kept with its place in the order: looking ten thousand rows up by key costs more than the fold.
        return (self._source.newest.get(key),)

    def _folded(self, group: G) -> Steps[W | None]:
        members = self._members.get(group)
        if members is None:
            return None
        self._work.folds += 1
        try:
            pieces = yield from members.pieces(self._piece)
            return self._fold.whole(group, pieces)
        except Exception as error:  # noqa: BLE001  # As in a derivation: the bug costs this group only.
            self._work.failures[self.name, group] = error
            return None

    def _piece(self, entries: Sequence[tuple[Any, ...]]) -> object:
        return self._fold.piece([(key, row) for _, key, row in entries])


def _keys(entries: Sequence[tuple[Any, ...]]) -> tuple[Any, ...]:
    return tuple([key for _, key in entries])


def _at_once(fold: Fold[G, K, V, W]) -> InPieces[G, K, V, Sequence[tuple[K, V]], W]:
    """Give the two steps of a fold that wants to see all members side by side."""
    return InPieces(lambda members: members, lambda group, pieces: fold(group, list(chain.from_iterable(pieces))))
