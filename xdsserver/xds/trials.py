"""What is tried next: some of those that may be bad, without the others."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from xdsserver.xds.fragments import is_shut

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence
    from collections.abc import Set as AbstractSet

    from xdsserver.xds.fragments import Owner, Piece
    from xdsserver.xds.refusals import Contents, Refusal, Said


class Trial(NamedTuple):
    """What is tried next: those suspects of a refusal that do not have to wait meanwhile.

    `said` is by whom it was refused of those whose word counts.
    """

    refusal: Refusal
    said: Said
    suspects: tuple[Owner, ...]
    held: Contents


def next_trial(refusals: Sequence[tuple[Refusal, Said]], idle: Collection[Refusal] = ()) -> Trial | None:
    """Say what to try, where these are not explained yet: half of the fewest suspects, without all the others.

    Nothing is to be learned now of those that are `idle`. What only other streams suspect is left in: this one may have
    taken it, and they refuse one more version at most.

    With one bad piece among n it takes about log2(n) trials; each further one as many again at most. Every suspect that
    is innocent is let through by some trial, so that a trial which is accepted is also progress. Sections that are
    closed are hardly ever bad, and it is better that they are there: they wait only when there is no other suspect.
    """
    able = [one for one in refusals if one[0] not in idle]
    if not able:
        return None
    # Of several that tell as much the last one: it is about what is served now.
    found, said = min(reversed(able), key=lambda one: (len(_writers(one[0])), len(one[0].suspects)))
    writers = _writers(found)
    suspects = writers or tuple(found.suspects)
    tried = suspects[: (len(suspects) + 1) // 2] if len(suspects) > 1 else ()
    held: dict[Owner, AbstractSet[Piece]] = {}
    for refusal in [one for one, _ in refusals if said.stream in one.voices]:
        for owner, pieces in refusal.suspects.items():
            if not (writers and is_shut(owner)):
                held[owner] = held[owner] | pieces if owner in held else pieces
    for owner in tried:
        held[owner] = held.get(owner, frozenset()) - found.suspects[owner]
    return Trial(found, said, suspects, held)


def _writers(refusal: Refusal) -> tuple[Owner, ...]:
    """Give the suspects, without those who answer for closed sections."""
    return tuple(owner for owner in refusal.suspects if not is_shut(owner))
