"""Which versions Envoys have acknowledged: of each resource of a fleet the newest, those before, and what is open."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from xdsserver.xds.cache import ResourceKey
    from xdsserver.xds.resource import Resource

_MAX_OPEN: Final = 4
"""Versions of one resource that may still be answered, though newer ones replaced them."""
_MAX_EARLIER: Final = 4
"""Good versions of one resource that are remembered behind the newest."""


@dataclass(slots=True)
class _Proof:
    good: Resource | None = None
    earlier: list[Resource] = field(default_factory=list)
    """Good ones before it, oldest first, without bytes where they can be joined again: an Envoy that is slow, and of
    another release, may still reject what others have taken."""
    open: list[Resource] = field(default_factory=list)
    """Served since, oldest first; the last is what is served now, unless that is good already."""
    since: int | None = None
    """How many streams there had been when the first of all was acknowledged."""


class Proofs:
    """What is known of the resources in a cache; what nobody has acknowledged costs each acknowledgement a look."""

    def __init__(self) -> None:
        self._proofs: dict[ResourceKey, _Proof] = {}
        self._open: dict[tuple[str, str], set[str]] = {}

    def served(self, key: ResourceKey, resource: Resource | None) -> None:
        """Note what the cache holds from now on."""
        if resource is None:
            self._proofs.pop(key, None)
            self._close(key)
            return
        proof = self._proofs.setdefault(key, _Proof())
        if resource in (proof.good, *proof.open[-1:]):
            return
        proof.open = [*(one for one in proof.open[-_MAX_OPEN:] if one != resource), resource]
        self._open.setdefault(key[:2], set()).add(key[2])

    def open(self, fleet: str, type_url: str) -> Collection[str]:
        """Name the resources of a type that were never acknowledged as they are now."""
        return self._open.get((fleet, type_url), ())

    def known(self, key: ResourceKey) -> Sequence[Resource]:
        """Return all versions that are remembered, oldest first."""
        proof = self._proofs.get(key)
        if proof is None:
            return ()
        return (*proof.earlier, *((proof.good,) if proof.good is not None else ()), *proof.open)

    def good(self, key: ResourceKey) -> Collection[Resource]:
        """Return those versions that were acknowledged."""
        proof = self._proofs.get(key)
        return () if proof is None or proof.good is None else (*proof.earlier, proof.good)

    def since(self, key: ResourceKey) -> int | None:
        """Return how many streams there had been when the first version was acknowledged; None where none was."""
        proof = self._proofs.get(key)
        return None if proof is None else proof.since

    def find(self, key: ResourceKey, version: str | None) -> Resource | None:
        """Return a version that an answer may be about."""
        return next((one for one in self.known(key) if one.version == version), None)

    def acked(self, key: ResourceKey, version: str, streams: int) -> None:
        """Take in an acknowledgement, when there had been this many streams."""
        proof = self._proofs.get(key)
        if proof is None:
            return
        number = next((number for number, one in enumerate(proof.open) if one.version == version), None)
        if number is None:
            return
        found = proof.open[number]
        proof.open = proof.open[number + 1 :]
        if not proof.open:
            self._close(key)
        if proof.good is None:
            proof.since = streams
        else:
            proof.earlier = [*proof.earlier[1 - _MAX_EARLIER :], proof.good.without_bytes()]
        proof.good = found

    def _close(self, key: ResourceKey) -> None:
        names = self._open.get(key[:2])
        if names is not None:
            names.discard(key[2])
            if not names:
                del self._open[key[:2]]
