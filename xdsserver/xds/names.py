"""Sets that streams share: who asks for the same names as another, or announces the same, is given the same object.

A thousand Envoys of a fleet ask for the same thousands of endpoints. One set each would be most of their memory; so
equal sets are one set, kept for as long as anybody has it.
"""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Any, Final, TypeVar
from weakref import WeakKeyDictionary, ref

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from weakref import ReferenceType

_REMEMBERED_EDITS: Final = 16
"""How many edits are remembered: streams of a fleet make the same one at about the same time. Each keeps two sets."""


class Names(frozenset[str]):
    """A set that was made by `shared`: two of them are equal exactly when they are the same object."""

    __slots__ = ()


class Pairs(frozenset[tuple[str, str]]):
    """The entries of a mapping of versions by name, made by `shared_pairs`."""

    __slots__ = ()


_Set = TypeVar("_Set", Names, Pairs)
_known: Final[WeakKeyDictionary[Any, ReferenceType[Any]]] = WeakKeyDictionary()


def shared(names: Iterable[str]) -> Names:
    """Return the one set of these names."""
    return names if isinstance(names, Names) else _the_one(Names(names))


def shared_pairs(versions: Mapping[str, str]) -> Pairs:
    """Return the one set of these entries."""
    return _the_one(Pairs(versions.items()))


@lru_cache(maxsize=_REMEMBERED_EDITS)
def edited(before: Names, added: frozenset[str], dropped: frozenset[str]) -> Names:
    """Return the set without `dropped` and with `added`; what one stream paid for, the next ones get for nothing."""
    return shared((before - dropped) | added)


@lru_cache(maxsize=_REMEMBERED_EDITS)
def gained(before: Names, after: Names) -> frozenset[str]:
    """Return what is in `after` only; remembered like an edit."""
    return after - before


def union(some: frozenset[str], others: Iterable[str]) -> frozenset[str]:
    """Unite two sets without copying either where the other has nothing to add."""
    if not isinstance(others, frozenset):
        others = frozenset(others)
    if not some:
        return others
    return some if not others or others is some else some | others


def _the_one(made: _Set) -> _Set:
    reference = _known.get(made)
    known: _Set | None = None if reference is None else reference()
    if known is None:
        _known[made] = ref(made)
        return made
    return known


NO_NAMES: Final = shared(())
