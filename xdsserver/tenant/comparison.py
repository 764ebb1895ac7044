"""Whether an object has all that is wanted of it: fields that a server or somebody else added do not count.

Amounts are compared by what they mean (`1Gi` is `1024Mi`), since a server writes them in a form of its own.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

from xdsserver.objects.quantities import amount

_AMOUNTS: Final = frozenset({"requests", "limits", "capacity"})
"""Fields whose values are amounts."""


def covers(live: object, wanted: object, *, exact: bool = False) -> bool:
    """Say whether `live` has every field of `wanted`, at the same value.

    Lists of what has names may hold more than is wanted, which others added; with `exact` no list may.
    """
    match wanted:
        case Mapping():
            found = live if isinstance(live, Mapping) else {}
            return all(
                _same_amounts(found.get(name), part)
                if name in _AMOUNTS and isinstance(part, Mapping)
                else covers(found.get(name), part, exact=exact)
                for name, part in wanted.items()
            )
        case Sequence() if not isinstance(wanted, str):
            entries = live if isinstance(live, Sequence) and not isinstance(live, str) else ()
            if not exact and (names := _names(wanted)) is not None:
                there = {_name(one): one for one in entries}
                return all(covers(there.get(name), one) for name, one in zip(names, wanted, strict=True))
            pairs = zip(entries, wanted, strict=False)
            return len(entries) == len(wanted) and all(covers(one, part, exact=exact) for one, part in pairs)
        case _:
            # A server leaves out what is false, zero or nothing.
            return live == wanted or (not wanted and live is None)


def _same_amounts(live: object, wanted: Mapping[str, object]) -> bool:
    found = live if isinstance(live, Mapping) else {}
    return all(same_amount(found.get(name), part) for name, part in wanted.items())


def _names(entries: Sequence[object]) -> list[object] | None:
    """Give the names by which the entries of a list are told apart; None where they have none, or share one."""
    found = [_name(one) for one in entries]
    return found if None not in found and len({*found}) == len(found) else None


def _name(entry: object) -> object:
    return entry.get("name") if isinstance(entry, Mapping) else None


def same_amount(one: object, other: object) -> bool:
    """Say whether two amounts are the same; what is no amount is the same as what is written the same way."""
    left, right = (amount(value) if isinstance(value, str | int) else None for value in (one, other))
    return one == other if left is None or right is None else left == right
