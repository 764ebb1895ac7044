"""What a round of `Graph.apply` cost, and what went wrong in it: the currency of tests that hold code to a budget."""

from typing import Any, NamedTuple


class Stats(NamedTuple):
    """What one `apply` did.

    Attributes:
        derivations: Calls of derivations.
        rows: Rows handed to derivations, their own and those that they read.
        folds: Rows of groups and indexes that were made again. Each costs as much as the group has members, or, where
            it is folded in pieces, as it has pieces.
    """

    derivations: int
    rows: int
    folds: int


class Work:
    """The running account of one graph, shared by its tables."""

    def __init__(self) -> None:
        self.reset()

    def reset(self) -> None:
        """Begin a round; what the last one reported stays with whoever took it."""
        self.derivations = 0
        self.rows = 0
        self.folds = 0
        self.failures: dict[tuple[str, Any], Exception] = {}

    def stats(self) -> Stats:
        """Return what was counted in this round."""
        return Stats(self.derivations, self.rows, self.folds)
