"""What a resource is joined from: pieces that each belong to one owner, so that one bad piece can be left out.

A route table holds the routes of everybody on a port. When an Envoy rejects it, only the pieces of whoever wrote the
bad one are to stay as they were: `hold_back` joins the table that is wanted with those pieces from the last good one.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any, Final, TypeAlias

from xdsserver.xds.protobuf import length_prefix
from xdsserver.xds.resource import Resource

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping
    from collections.abc import Set as AbstractSet

Owner: TypeAlias = tuple[str, ...]
"""Whoever wrote a piece, by a name that means something outside of here; empty for nobody in particular."""

NOBODY: Owner = ()

Piece: TypeAlias = tuple[str, bytes]
"""What an owner wrote for a section, by its key; of settings that are the same in all sections, for no section."""

_NONE: frozenset[str] = frozenset()

_SHUT: Final = "(closed)"
"""Ends the name of whoever answers for closed sections; nothing that anybody writes is named like it."""


@dataclass(frozen=True, slots=True)
class Fragment:
    """Bytes of one owner within a section, as they stand there; `order` says where among those of others.

    `home` is the key of the section that it was written for; others may hold copies of it.
    """

    owner: Owner
    home: str
    order: tuple[Any, ...]
    wire: bytes
    clusters: frozenset[str] = _NONE


@dataclass(frozen=True, slots=True)
class Section:
    """A repeated message of a resource (a virtual host) around the fragments in it.

    `settings` are what `owner` wrote of it, as far as it is the same in all sections of that owner. One that is `bare`
    was asked for by its owner; others stand for the fragments that are at home in it. `closed` is what stands for a
    section whose settings were rejected and never served before: it must answer for the same requests, with an error,
    so that nothing else answers for them.
    """

    key: str
    owner: Owner
    field_number: int
    head: bytes
    fragments: tuple[Fragment, ...] = ()
    tail: bytes = b""
    clusters: frozenset[str] = _NONE
    settings: bytes = b""
    bare: bool = True
    closed: bytes = b""

    def wire(self) -> bytes:
        """Join the section."""
        body = b"".join((self.head, *(one.wire for one in self.fragments), self.tail))
        return length_prefix(self.field_number, len(body)) + body


@dataclass(frozen=True)
class Assembly:
    """A whole resource in its pieces: sections between fields that belong to nobody."""

    head: bytes
    sections: tuple[Section, ...]
    tail: bytes = b""

    @cached_property
    def contents(self) -> Mapping[Owner, AbstractSet[Piece]]:
        """All that each owner wrote, and for which section: whoever has nothing new here is no suspect."""
        found: dict[Owner, set[Piece]] = {}
        for section in self.sections:
            if section.owner and section.bare:
                found.setdefault(section.owner, set()).add((section.key, section.settings))
            if section.owner and section.settings:
                # The same settings in one more section that a fragment made are nothing new of their owner.
                found.setdefault(section.owner, set()).add(("", section.settings))
            for one in section.fragments:
                found.setdefault(one.owner, set()).add((one.home, one.wire))
        return found

    @cached_property
    def closings(self) -> Mapping[Owner, AbstractSet[Piece]]:
        """All that would stand for the sections of each owner if they were closed, as of `shut` of the owner."""
        found: dict[Owner, set[Piece]] = {}
        for section in self.sections:
            if section.owner and section.closed:
                pieces = ((section.key, section.closed), ("", section.closed))
                found.setdefault(shut(section.owner), set()).update(pieces)
        return found

    @cached_property
    def by_key(self) -> Mapping[str, Section]:
        """The sections by their key."""
        return {section.key: section for section in self.sections}

    def resource(self, type_url: str, name: str) -> Resource:
        """Join the resource."""
        body = b"".join((self.head, *(section.wire() for section in self.sections), self.tail))
        clusters = dict.fromkeys(one for section in self.sections for one in _clusters(section))
        return Resource.of_bytes(type_url, name, body, clusters=tuple(clusters)).joined_from(lambda: self)


def shut(owner: Owner) -> Owner:
    """Name who answers for what stands in the place of the closed sections of an owner."""
    return (*owner, _SHUT)


def is_shut(owner: Owner) -> bool:
    """Say whether this is not an owner, but who answers for the closed sections of one."""
    return owner[-1:] == (_SHUT,)


def hold_back(wanted: Assembly, held: Collection[Owner], good: Assembly | None) -> Assembly:
    """Join what is wanted, but with the pieces of these owners as they are in the good one, or without them.

    Where `shut` of an owner is held, too, its sections are left out altogether instead of closed.
    """
    if not held:
        return wanted
    before = good.by_key if good is not None else {}
    sections = [_held_section(one, before.get(one.key), held) for one in wanted.sections]
    gone = (one for key, one in before.items() if key not in wanted.by_key)
    return replace(wanted, sections=(*(one for one in sections if one is not None), *_brought_back(wanted, gone, held)))


def _held_section(wanted: Section, good: Section | None, held: Collection[Owner]) -> Section | None:
    out = wanted
    if wanted.owner in held:
        if good is None or is_shut(good.owner):
            return _closed(wanted) if wanted.closed and shut(wanted.owner) not in held else None
        # With the settings and the owner that it had: new ones that nobody took yet are suspects when they are tried.
        out = replace(good, fragments=wanted.fragments, bare=wanted.bare, closed=wanted.closed)
    back = [one for one in good.fragments if one.owner in held] if good is not None else []
    stay = [one for one in wanted.fragments if one.owner not in held]
    if not back and len(stay) == len(wanted.fragments):
        return out
    if not (out.bare or any(one.home == wanted.key for one in (*stay, *back))):
        return None
    return replace(out, fragments=tuple(sorted((*stay, *back), key=lambda one: one.order) if back else stay))


def _closed(wanted: Section) -> Section:
    return Section(wanted.key, shut(wanted.owner), wanted.field_number, wanted.closed, settings=wanted.closed)


def _brought_back(wanted: Assembly, gone: Iterator[Section], held: Collection[Owner]) -> Iterator[Section]:
    """Give the sections that are wanted no more but by what is held back, with what else is still wanted of them."""
    alive: set[bytes] | None = None
    for section in gone:
        if section.owner in held or any(one.owner in held for one in section.fragments):
            if alive is None:
                alive = {one.wire for kept in wanted.sections for one in kept.fragments}
            kept = tuple(one for one in section.fragments if one.owner in held or one.wire in alive)
            yield replace(section, fragments=kept)


def _clusters(section: Section) -> Iterator[frozenset[str]]:
    if section.clusters:
        yield section.clusters
    for one in section.fragments:
        if one.clusters:
            yield one.clusters
