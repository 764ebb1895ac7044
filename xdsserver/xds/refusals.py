"""What each Envoy takes and refuses, as facts about pieces: they hold in whatever order they came to be known.

An Envoy that refuses a table finds at least one of the pieces bad that it has not taken before; every table that it
takes afterwards leaves fewer of these, and one that is left alone is the bad one. No fact takes another back, so that
Envoys of different opinions may answer in any order, late ones too, and the same is found in the end.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple

from xdsserver.xds.fragments import is_shut

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping, Sequence
    from collections.abc import Set as AbstractSet

    from xdsserver.xds.fragments import Owner, Piece
    from xdsserver.xds.resource import Resource

    Contents = Mapping[Owner, AbstractSet[Piece]]


@dataclass(frozen=True, slots=True)
class Said:
    """An Envoy refuses: which stream of which node, and in which words.

    `build` is which Envoy it is. `of_the_machine`: the words are about what the machine does not give, so that no
    content is to blame.
    """

    stream: str
    node: str
    words: str
    build: str = ""
    of_the_machine: bool = False


@dataclass(slots=True, eq=False)
class Refusal:
    """A version that an Envoy refused: one of the `suspects` at least is bad, or what they are together."""

    said: Said
    version: str
    contents: Contents
    suspects: dict[Owner, AbstractSet[Piece]] = field(init=False)

    def __post_init__(self) -> None:
        """Begin with everything that was refused."""
        self.suspects = dict(self.contents)

    @property
    def writers(self) -> tuple[Owner, ...]:
        """The suspects, without those who answer for closed sections."""
        return tuple(owner for owner in self.suspects if not is_shut(owner))

    def foretells(self, contents: Contents) -> bool:
        """Say whether this Envoy would refuse these pieces again: all that it suspects is among them."""
        suspects = self.suspects.items()
        return bool(suspects) and all(pieces <= contents.get(owner, frozenset()) for owner, pieces in suspects)

    def took(self, contents: Contents) -> None:
        """Take in that this Envoy takes these pieces."""
        for owner in [owner for owner in self.suspects if owner in contents]:
            rest = self.suspects[owner] - contents[owner]
            if rest:
                self.suspects[owner] = rest
            else:
                del self.suspects[owner]


class Trial(NamedTuple):
    """What is tried next: those suspects of a refusal that do not have to wait meanwhile; its Envoy is to answer."""

    refusal: Refusal
    suspects: tuple[Owner, ...]
    held: Contents


def contents_of(resource: Resource) -> Contents:
    """Give the pieces of a resource by their owners; none where it belongs together."""
    return resource.parts().contents if resource.parts is not None else {}


def closings(resource: Resource) -> Contents:
    """Give what may stand in a resource for sections that are closed."""
    return resource.parts().closings if resource.parts is not None else {}


def next_trial(refusals: Sequence[Refusal], idle: Collection[Refusal] = (), mind: Collection[str] = ()) -> Trial | None:
    """Say what to try, where these are not explained yet: half of the fewest suspects, without all the others.

    Nothing is to be learned now of those that are `idle`. What only other streams suspect is left in, but for those to
    `mind`: they would refuse the same again.

    With one bad piece among n it takes about log2(n) trials; each further one as many again at most. Every suspect that
    is innocent is let through by some trial, so that a trial which is accepted is also progress. Sections that are
    closed are hardly ever bad, and it is better that they are there: they wait only when there is no other suspect.
    """
    able = [one for one in refusals if one not in idle]
    if not able:
        return None
    # Of several that tell as much the last one: it is about what is served now.
    found = min(reversed(able), key=lambda one: (len(one.writers), len(one.suspects)))
    writers = found.writers
    suspects = writers or tuple(found.suspects)
    tried = suspects[: (len(suspects) + 1) // 2] if len(suspects) > 1 else ()
    held: dict[Owner, AbstractSet[Piece]] = {}
    for refusal in [one for one in refusals if one.said.stream in {found.said.stream, *mind}]:
        for owner, pieces in refusal.suspects.items():
            if not (writers and is_shut(owner)):
                held[owner] = held[owner] | pieces if owner in held else pieces
    for owner in tried:
        held[owner] = held.get(owner, frozenset()) - found.suspects[owner]
    return Trial(found, suspects, held)


def are_there(suspects: Contents, where: Iterable[Contents]) -> bool:
    """Say whether all suspects are among what can be served: of others nobody will ever know more."""
    found = tuple(where)
    return all(
        any(pieces <= one.get(owner, frozenset()) for one in found)
        or pieces <= frozenset().union(*(one.get(owner, frozenset()) for one in found))
        for owner, pieces in suspects.items()
    )
