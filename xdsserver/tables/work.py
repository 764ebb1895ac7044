"""What a round of `Graph.apply` has still to do, what it cost, and what went wrong in it.

Costs are the currency of tests that hold code to a budget.
"""

from heapq import heappop, heappush
from typing import Any, NamedTuple


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
    """The running account of one graph, shared by its tables."""

    def __init__(self) -> None:
        self._due: list[int] = []
        self.reset()

    def expect(self, position: int) -> None:
        """Have the table at a position visited; in a round it must stand behind the one that is being visited."""
        heappush(self._due, position)

    def next(self) -> int | None:
        """Give the position of the next table to visit, in order; None at the end of the round."""
        if not self._due:
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
