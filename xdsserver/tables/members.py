"""The members of a group in their order: what was made of neighbours is kept until one of them changes.

A group of a few members is a sorted list, and what is made of it is made anew each time. A group of many is a row of
blocks, so that a change among ten thousand members costs the block in which it happens.
"""

from __future__ import annotations

from bisect import bisect_left, insort
from itertools import pairwise
from typing import TYPE_CHECKING, Any, Final, TypeAlias, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from xdsserver.tables.work import Steps

P = TypeVar("P")

Entry: TypeAlias = tuple[Any, ...]
"""What a member is sorted by, its key, and what is kept with them; no two have the same order and key."""

FEW: Final = 128
"""Members of a block, at most: a piece of so many is made in microseconds, and a thousand of them are soon joined."""

_STALE: Final = object()


class Few(list[Entry]):
    """The members of a small group."""

    __slots__ = ()

    def add(self, entry: Entry) -> Few | Many:
        """Put a member in its place; what is returned takes the place of this."""
        insort(self, entry)
        return self if len(self) <= FEW else Many(self)

    def drop(self, spot: Entry) -> None:
        """Take out the member of this order and key."""
        del self[bisect_left(self, spot)]

    def pieces(self, make: Callable[[Sequence[Entry]], P]) -> Steps[list[P]]:
        """Give what `make` makes of all members."""
        yield from ()
        return [make(self)]


class Many:
    """The members of a large group, in blocks, each with the piece that was made of it last."""

    __slots__ = ("_blocks",)

    def __init__(self, entries: Iterable[Entry]) -> None:
        self._blocks = _cut(list(entries))

    def __bool__(self) -> bool:
        return bool(self._blocks)

    def add(self, entry: Entry) -> Many:
        """Put a member in its place."""
        blocks = self._blocks
        at = min(self._place(entry[:2]), len(blocks) - 1)
        block = blocks[at]
        insort(block, entry)
        block.piece = _STALE
        if len(block) > FEW:
            blocks[at : at + 1] = _cut(block)
        return self

    def drop(self, spot: Entry) -> None:
        """Take out the member of this order and key."""
        blocks = self._blocks
        at = self._place(spot)
        block = blocks[at]
        del block[bisect_left(block, spot)]
        block.piece = _STALE
        if not block:
            del blocks[at]
            return
        # A large group of which little is left is not to stay a long row of short blocks.
        for left in (at - 1, at):
            if 0 <= left < len(blocks) - 1 and len(blocks[left]) + len(blocks[left + 1]) <= FEW // 2:
                blocks[left].extend(blocks.pop(left + 1))
                blocks[left].piece = _STALE
                return

    def pieces(self, make: Callable[[Sequence[Entry]], P]) -> Steps[list[P]]:
        """Give what `make` makes of neighbours, in order; of those among whom nothing changed, what it made before."""
        for block in self._blocks:
            if block.piece is _STALE:
                block.piece = make(block)
                yield
        return [block.piece for block in self._blocks]

    def _place(self, spot: Entry) -> int:
        """Find the first block that ends at or behind a spot."""
        return bisect_left(self._blocks, spot, key=_last)


Members: TypeAlias = Few | Many


class _Block(list[Entry]):
    """Neighbours, at least one."""

    __slots__ = ("piece",)

    def __init__(self, entries: Iterable[Entry]) -> None:
        super().__init__(entries)
        self.piece: Any = _STALE


def _cut(entries: list[Entry]) -> list[_Block]:
    """Divide entries into blocks of one size, about half full, so that the next ones find room."""
    count = max(1, len(entries) // (FEW // 2))
    cuts = [len(entries) * at // count for at in range(count + 1)]
    return [_Block(entries[start:stop]) for start, stop in pairwise(cuts)]


def _last(block: _Block) -> Entry:
    return block[-1]
