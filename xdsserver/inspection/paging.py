"""Pages: part of a long list in the order of its names, and the name after which the next part begins.

A view walks its rows and says of each whether it is wanted; who drives the walk may pause between two steps, and serve
others meanwhile. So a long list is told of rows as they are when they are looked at, never of half a row.
"""

from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from itertools import islice
from typing import Final, Generic, TypeAlias, TypeVar

K = TypeVar("K")
T = TypeVar("T")

MOST: Final = 1000
"""Items of one page."""


@dataclass(frozen=True, slots=True)
class Page(Generic[T]):
    """Part of a list.

    Attributes:
        items: those of this part.
        next: the name to ask for as `after`, for the part behind this one; "" where this is the last.
        examined: how many rows were looked at to find them.
    """

    items: tuple[T, ...]
    next: str
    examined: int


Scan: TypeAlias = Iterator[tuple[str, T | None]]
"""A walk in the order of names: the name of each row, with what is told of it, None where it is not wanted."""


class Gathering(Generic[T]):
    """Fills one page from a walk."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._found: list[tuple[str, T]] = []
        self._examined = 0

    def take(self, name: str, item: T | None) -> bool:
        """Take one step; return whether the page is full and it is known that there is more."""
        self._examined += 1
        if item is not None:
            self._found.append((name, item))
        return len(self._found) > self._limit

    def page(self) -> Page[T]:
        """Give what was found."""
        kept = self._found[: self._limit]
        more = len(self._found) > self._limit
        return Page(tuple(item for _, item in kept), kept[-1][0] if more else "", self._examined)


def gather(scan: Scan[T], limit: int = MOST) -> Page[T]:
    """Walk as far as it takes to fill a page."""
    gathering = Gathering[T](limit)
    for name, item in scan:
        if gathering.take(name, item):
            break
    return gathering.page()


def joined(key: Iterable[object]) -> str:
    """Name a key by its parts: `Kind/namespace/name`."""
    return "/".join(map(str, key))


def in_order(
    keys: Iterable[K], after: str, name_of: Callable[[K], str], *, inclusive: bool = False
) -> Iterator[tuple[str, K]]:
    """Walk keys in the order of their names, from behind a name (`inclusive`: from it on), which may be nobody's."""
    named = sorted(((name_of(key), key) for key in keys), key=_name)
    cut = bisect_left if inclusive else bisect_right
    return islice(named, cut(named, after, key=_name), None) if after else iter(named)


def _name(one: tuple[str, object]) -> str:
    return one[0]
