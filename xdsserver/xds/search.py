"""Which of many suspects are bad: halves are tried one after the other, and what is not being tried is held back."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from xdsserver.xds.fragments import Owner


class Search:
    """A group test: each answer to a trial convicts nobody or one suspect, and says what is tried next.

    With one bad among n suspects it takes about log2(n) trials; each further one takes as many again at most. Every
    suspect that is innocent is let through by some trial, so that a trial which is accepted is also progress.
    """

    def __init__(self) -> None:
        self._waiting: list[tuple[Owner, ...]] = []
        # The group under trial is the first half of a rejected one, whose other half is the last that waits.
        self._half = False
        self.trials = 0

    @property
    def held(self) -> frozenset[Owner]:
        """Those who must wait for their trial."""
        return frozenset(owner for group in self._waiting for owner in group)

    @property
    def over(self) -> bool:
        """Say whether nobody waits; the last trial, of all the rest, may still be open."""
        return not self._waiting

    def rejected(self, suspects: Sequence[Owner]) -> Owner | None:
        """Take in that a trial of these was rejected; return who is convicted thereby."""
        self.trials += 1
        if len(suspects) > 1:
            self._split(suspects)
            return None
        self._next()
        return suspects[0] if suspects else None

    def acked(self) -> Owner | None:
        """Take in that a trial was accepted; return who is convicted thereby."""
        self.trials += 1
        if not self._half:
            self._next()
            return None
        # One half of a rejected group is good: the other is not.
        rest = self._waiting.pop()
        self._half = False
        if len(rest) > 1:
            self._split(rest)
            return None
        self._next()
        return rest[0]

    def disturb(self) -> None:
        """Take in that something else changed: of two halves, a good one proves nothing about the other any more."""
        self._half = False

    def give_up(self) -> frozenset[Owner]:
        """Convict all who wait."""
        held = self.held
        self._waiting.clear()
        self._half = False
        return held

    def _split(self, suspects: Sequence[Owner]) -> None:
        middle = (len(suspects) + 1) // 2
        self._waiting.append(tuple(suspects[middle:]))
        self._half = True

    def _next(self) -> None:
        self._half = False
        if self._waiting:
            self._waiting.pop()
