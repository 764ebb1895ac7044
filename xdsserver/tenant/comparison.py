"""Whether an object has all that is wanted of it: fields that a server or somebody else added do not count.

Amounts are compared by what they mean (`1Gi` is `1024Mi`), since a server writes them in a form of its own.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

from xdsserver.objects.quantities import amount

_AMOUNTS: Final = frozenset({"requests", "limits", "capacity"})
"""Fields whose values are amounts."""


def covers(live: object, wanted: object, *, amounts: bool = False) -> bool:
    """Say whether `live` has every field of `wanted`, at the same value; lists must agree entry by entry."""
    match wanted:
        case Mapping():
            found = live if isinstance(live, Mapping) else {}
            if amounts:
                return all(same_amount(found.get(name), part) for name, part in wanted.items())
            return all(covers(found.get(name), part, amounts=name in _AMOUNTS) for name, part in wanted.items())
        case str():
            return live == wanted or (not wanted and live is None)
        case Sequence():
            entries = live if isinstance(live, Sequence) and not isinstance(live, str) else ()
            return len(entries) == len(wanted) and all(map(covers, entries, wanted))
        case _:
            # A server leaves out what is false, zero or nothing.
            return live == wanted or (not wanted and live is None)


def same_amount(one: object, other: object) -> bool:
    """Say whether two amounts are the same; what is no amount is the same as what is written the same way."""
    left, right = (amount(value) if isinstance(value, str | int) else None for value in (one, other))
    return one == other if left is None or right is None else left == right
