"""What Envoys take and refuse, as facts about pieces: they hold in whatever order they came to be known.

An Envoy that refuses a table finds at least one of the pieces bad that it has not taken before; every table that it
takes afterwards leaves fewer of these, and one that is left alone is the bad one. No fact takes another back, so that
Envoys of different opinions may answer in any order, late ones too, and the same is found in the end.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping
    from collections.abc import Set as AbstractSet

    from xdsserver.xds.fragments import Owner, Piece
    from xdsserver.xds.resource import Resource

    Contents = Mapping[Owner, AbstractSet[Piece]]

_MAX_TAKEN: Final = 8
"""Versions that an Envoy took which are remembered: the newest hold most of what the older ones held."""

_MAX_REFUSED: Final = 16
"""Refusals of one Envoy that are remembered; what is older is asked about again where it matters."""

_MAX_REMAINDERS: Final = 1024
"""What is left of suspects, remembered since many Envoys answer the same."""

_NOTHING: Final[Contents] = {}


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
    """A version that Envoys refused: for each, one of the `suspects` at least is bad, or what they are together.

    Envoys that have taken the same are `voices` of one refusal, by stream.
    """

    version: str
    contents: Contents
    suspects: Contents
    voices: dict[str, Said] = field(default_factory=dict)


def contents_of(resource: Resource) -> Contents:
    """Give the pieces of a resource by their owners; none where it belongs together."""
    return resource.parts().contents if resource.parts is not None else _NOTHING


def closings(resource: Resource) -> Contents:
    """Give what may stand in a resource for sections that are closed."""
    return resource.parts().closings if resource.parts is not None else _NOTHING


class Refusals:
    """All refusals of one resource, with what each stream took: what is the same for many streams is there once."""

    def __init__(self) -> None:
        self._found: dict[tuple[str, int], Refusal] = {}
        self._of: dict[str, dict[str, Refusal]] = {}
        self._taken: dict[str, tuple[Resource, ...]] = {}
        # By suspects and the version that was taken: the suspects, to hold them, and what is left of them.
        self._remainders: dict[tuple[int, str], tuple[Contents, Contents]] = {}

    def __iter__(self) -> Iterator[Refusal]:
        """Walk the refusals, oldest first."""
        return iter(tuple(self._found.values()))

    def has_taken(self, stream: str, version: str) -> bool:
        """Say whether a stream took this version."""
        return any(one.version == version for one in self._taken.get(stream, ()))

    def knows(self, stream: str) -> bool:
        """Say whether a stream took something."""
        return stream in self._taken

    def took(self, stream: str, resource: Resource) -> bool:
        """Take in that a stream takes a version; say whether that leaves fewer suspects."""
        others = [one for one in self._taken.get(stream, ()) if one != resource]
        self._taken[stream] = (*others, resource)[-_MAX_TAKEN:]
        news = False
        for refusal in tuple(self._of.get(stream, {}).values()):
            if refusal.version == resource.version:
                self._leave(stream, refusal)
                news = True
                continue
            rest = self._remainder(refusal.suspects, resource)
            if rest is not refusal.suspects:
                said = refusal.voices[stream]
                self._leave(stream, refusal)
                self._enter(said, refusal.version, refusal.contents, rest)
                news = True
        return news

    def refused(self, said: Said, resource: Resource) -> None:
        """Take in that a stream refuses a version."""
        before = self._of.get(said.stream, {})
        if (same := before.get(resource.version)) is not None:
            self._leave(said.stream, same)
        elif len(before) >= _MAX_REFUSED:
            self._leave(said.stream, next(iter(before.values())))
        contents = suspects = contents_of(resource)
        for one in self._taken.get(said.stream, ()):
            suspects = self._remainder(suspects, one)
        self._enter(said, resource.version, contents, suspects)

    def drop(self, refusal: Refusal) -> None:
        """Forget a refusal that is explained."""
        for stream in tuple(refusal.voices):
            self._leave(stream, refusal)

    def left(self, stream: str) -> None:
        """Forget a stream."""
        for refusal in tuple(self._of.get(stream, {}).values()):
            self._leave(stream, refusal)
        self._taken.pop(stream, None)

    def _enter(self, said: Said, version: str, contents: Contents, suspects: Contents) -> None:
        refusal = self._found.setdefault((version, id(suspects)), Refusal(version, contents, suspects))
        refusal.voices[said.stream] = said
        self._of.setdefault(said.stream, {})[version] = refusal

    def _leave(self, stream: str, refusal: Refusal) -> None:
        del refusal.voices[stream]
        if not refusal.voices:
            del self._found[refusal.version, id(refusal.suspects)]
        versions = self._of[stream]
        del versions[refusal.version]
        if not versions:
            del self._of[stream]

    def _remainder(self, suspects: Contents, taken: Resource) -> Contents:
        """Give the suspects without what was taken; themselves where that is all of them."""
        key = (id(suspects), taken.version)
        known = self._remainders.get(key)
        if known is not None and known[0] is suspects:
            return known[1]
        rest = _without(suspects, contents_of(taken))
        if len(self._remainders) >= _MAX_REMAINDERS:
            self._remainders.clear()
        self._remainders[key] = (suspects, rest)
        return rest


def _without(suspects: Contents, contents: Contents) -> Contents:
    if not any(owner in contents and not contents[owner].isdisjoint(pieces) for owner, pieces in suspects.items()):
        return suspects
    left = ((owner, pieces - contents.get(owner, frozenset())) for owner, pieces in suspects.items())
    return {owner: pieces for owner, pieces in left if pieces}


def are_there(suspects: Contents, where: Iterable[Contents]) -> bool:
    """Say whether all suspects are among what can be served: of others nobody will ever know more."""
    found = tuple(where)
    return all(
        any(pieces <= one.get(owner, frozenset()) for one in found)
        or pieces <= frozenset().union(*(one.get(owner, frozenset()) for one in found))
        for owner, pieces in suspects.items()
    )
