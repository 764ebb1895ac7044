"""When Python looks for garbage in cycles: in what is new, once, and in all that stays only where there may be some.

Python looks through all that a process holds each time as much again was made, and stops everything for it: at 5,000
routes for a tenth of a second. What we hold are rows, which stay for long and are in no cycle; what is replaced of them
is freed by its count of references. So what is new is looked through after every few changes, while it is little, and
then set aside (`gc.freeze`); Python itself, which would look after each change or two, looks only where very much was
made in between. What was set aside and became garbage in a cycle later, as a stream of an Envoy may, is never found;
therefore what is set aside is counted, and all is looked through when it is more than the rows explain.
"""

from __future__ import annotations

import contextlib
import gc
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

MANY: Final = 100
"""Changes after which what is new is looked through: what comes of them is looked at in a millisecond or two."""

LARGE: Final = 50_000
"""Objects of Python that one round may leave before they are looked through: as many take five milliseconds."""

ALMOST_ALL: Final = 10 * MANY
"""Changes at once that are a start, or a folder replaced: nothing of them is garbage yet, and to look takes long."""

SELDOM: Final = 20
"""Every so many times it is seen how much was set aside; to count it takes 20 ms at 5,000 routes."""

PER_ROW: Final = 16
"""Objects of Python that a row may hold, generously: about ten were counted."""

SPARE: Final = 100_000
"""Objects beyond what rows explain that may be garbage before it is looked for: about 10 MB."""


class Garbage:
    """Decides when to look; `rows` counts the rows of all tables."""

    def __init__(self, rows: Callable[[], int]) -> None:
        self._rows = rows
        self._changes = 0
        self._turns = 0
        # What was there, objects and rows, when all was looked through; None before anything was set aside.
        self._whole: tuple[int, int] | None = None
        # Objects that were set aside since, at most.
        self._added = 0

    @property
    def due(self) -> bool:
        """Whether there were so many changes that it is time to `tidy`."""
        return self._changes >= MANY

    @contextlib.contextmanager
    def changes(self, count: int) -> Iterator[None]:
        """Take changes in, without being stopped half-way to look through what is being made.

        One change may concern everything. What it leaves are rows in place of others, and Python would look through all
        of them as soon as it may: they are set aside unseen.
        """
        gc.disable()
        try:
            yield
        finally:
            self._changes += count
            made, *_ = gc.get_count()
            if made > LARGE and self._whole is not None:
                self._added += made
                gc.freeze()
            gc.enable()

    def tidy(self) -> None:
        """Look through what is new and set it aside; or see whether it is time to look through everything."""
        changes, self._changes = self._changes, 0
        if self._whole is None:
            # All modules, and what was read first: little of it is garbage, and to look would take longest of all.
            self._set_aside()
            gc.set_threshold(SPARE, *gc.get_threshold()[1:])
            return
        self._turns += 1
        if self._turns % SELDOM == 0 and self._suspicious(*self._whole):
            # Instead, and not besides: each takes its time.
            gc.unfreeze()
            gc.collect()
            self._set_aside()
            return
        if changes < ALMOST_ALL:
            gc.collect()
        self._added += len(gc.get_objects())
        gc.freeze()

    def _set_aside(self) -> None:
        gc.freeze()
        self._whole, self._added = (gc.get_freeze_count(), self._rows()), 0

    def _suspicious(self, objects: int, rows: int) -> bool:
        """Tell whether more was set aside than rows that came since explain."""
        explained = SPARE + PER_ROW * max(0, self._rows() - rows)
        if self._added > explained:
            # Most of it was replaced since, and is gone; how much is left takes longer to find out.
            self._added = gc.get_freeze_count() - objects
        return self._added > explained
