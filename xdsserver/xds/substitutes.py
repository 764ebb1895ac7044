"""What is served instead of what is wanted: each bad piece is replaced by what its owner had before, as far as good."""

from __future__ import annotations

from typing import TYPE_CHECKING

from xdsserver.xds.fragments import hold_back, shut

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator, Sequence
    from collections.abc import Set as AbstractSet

    from xdsserver.xds.fragments import Assembly, Owner, Piece
    from xdsserver.xds.resource import Resource

    Unfit = Callable[[Owner, AbstractSet[Piece]], bool]


def substitutes(
    wanted: Resource, before: Sequence[Resource], watched: Collection[Owner], unfit: Unfit
) -> Iterator[Resource]:
    """Give what may be served, best first: what is wanted, then what was `before` (oldest first), without the unfit.

    Only pieces of those `watched` are asked about. What has no good one before it is left out or closed.
    """
    joined: list[tuple[Resource, Assembly | None]] = []
    good: Assembly | None = None
    for one in (*before, wanted):
        assembly = one.parts() if one.parts is not None else None
        good = hold_back(assembly, _held(assembly, watched, unfit), good) if assembly is not None else None
        joined.append((one, good if good is not assembly else None))
    for one, changed in reversed(joined):
        yield changed.resource(one.type_url, one.name) if changed is not None else one.with_bytes()


def _held(assembly: Assembly, watched: Collection[Owner], unfit: Unfit) -> Collection[Owner]:
    contents = assembly.contents
    held = {owner for owner in watched if owner in contents and unfit(owner, contents[owner])}
    # Also what stands for a section that is closed may be bad.
    shut_off = {shut(owner) for owner in held} & set(watched)
    held.update(owner for owner in shut_off if unfit(owner, assembly.closings.get(owner, frozenset())))
    return held
