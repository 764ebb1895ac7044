"""What a round of `Graph.apply` has still to do, what it cost, and what went wrong in it.

Costs are the currency of tests that hold code to a budget.
"""

from collections.abc import Collection, Generator, Iterable, Iterator
from heapq import heappop, heappush
from itertools import islice
from typing import Any, NamedTuple, TypeAlias, TypeVar

from xdsserver.tables.rows import Rows

T = TypeVar("T")

Steps: TypeAlias = Generator[None, None, T]
"""Work that may be interrupted wherever it yields, and what it comes to in the end."""

STEP = 64
"""Small things that are done in one step: together they take less than a tenth of a millisecond."""

DERIVATION = 16
"""How many small things a derivation counts for."""


class Stats(NamedTuple):
    """What one `apply` did.

    Attributes:
        derivations: Calls of derivations.
        rows: Rows handed to derivations, their own and those that they read.
        folds: Rows of groups and indexes that were made again. Each costs as much as the group has members, or, where
            it is folded in pieces, as it has pieces.
        tables: Tables that were visited: what a round costs before any row is looked at.
    """

    derivations: int
    rows: int
    folds: int
    tables: int


class Work:
    """The running account of one graph, shared by its tables; a step is so many small things."""

    def __init__(self, step: int = STEP) -> None:
        self._step = step
        self._due: list[int] = []
        self._held: list[Rows[Any, Any]] | None = None
        self._spent = 0
        self.reset()

    def hold(self) -> None:
        """Begin what is to be seen as one: rows are shown as they are now, whatever is done to them, until `settle`."""
        self._held = []

    def settle(self) -> None:
        """Show all rows as they are."""
        for rows in self._held or ():
            rows.settle()
        self._held = None

    def keep(self, rows: Rows[Any, Any], key: object, row: object) -> None:
        """Take what a row was before it is replaced."""
        if self._held is None:
            return
        if not rows.kept:
            self._held.append(rows)
        rows.keep(key, row)

    def parts(self, things: Collection[T]) -> Iterable[Collection[T]]:
        """Divide small things to do into what is done in one step; most often that is all."""
        if not things:
            return ()
        return (things,) if len(things) <= self._step else self._parts(things)

    def _parts(self, things: Collection[T]) -> Iterator[Collection[T]]:
        left = iter(things)
        while part := tuple(islice(left, self._step)):
            yield part

    def spent(self, things: int) -> bool:
        """Count so many small things as done; True where that makes it a step, and others should have their turn."""
        self._spent += things
        if self._spent < self._step:
            return False
        self._spent = 0
        return True

    def expect(self, position: int) -> None:
        """Have the table at a position visited; in a round it must stand behind the one that is being visited."""
        heappush(self._due, position)

    def next(self, end: int) -> int | None:
        """Give the position of the next table to visit, in order; None where no table before `end` is left."""
        if not self._due or self._due[0] >= end:
            return None
        self.tables += 1
        return heappop(self._due)

    def reset(self) -> None:
        """Begin a round; what the last one reported stays with whoever took it."""
        self.derivations = 0
        self.rows = 0
        self.folds = 0
        self.tables = 0
        self.failures: dict[tuple[str, Any], Exception] = {}

    def stats(self) -> Stats:
        """Return what was counted in this round."""
        return Stats(self.derivations, self.rows, self.folds, self.tables)


def finished(steps: Steps[T]) -> T:
    """Do all steps at once."""
    while True:
        try:
            next(steps)
        except StopIteration as end:
            result: T = end.value
            return result
