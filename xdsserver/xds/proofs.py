"""Which versions Envoys have acknowledged: of each resource of a fleet the newest, the one before, and what is open."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Collection

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

    def good(self, key: ResourceKey) -> Resource | None:
        """Return what was acknowledged last and rejected by nobody."""
        proof = self._proofs.get(key)
        return proof.good if proof is not None else None

    def find(self, key: ResourceKey, version: str) -> Resource | None:
        """Return a version that an answer may be about."""
        proof = self._proofs.get(key)
        known = (*proof.open, proof.good) if proof is not None else ()
        return next((one for one in known if one is not None and one.version == version), None)

    def acked(self, key: ResourceKey, version: str) -> Resource | None:
        """Take in an acknowledgement; return what is good by it that was not before."""
        proof = self._proofs.get(key)
        if proof is None:
            return None
        number = next((number for number, one in enumerate(proof.open) if one.version == version), None)
        if number is None:
            return None
        found = proof.open[number]
        proof.open = proof.open[number + 1 :]
        if not proof.open:
            self._close(key)
        if proof.good is not None:
            proof.earlier = [*proof.earlier[1 - _MAX_EARLIER :], proof.good.without_bytes()]
        proof.good = found
        return found

    def revoke(self, key: ResourceKey) -> bool:
        """Fall back to the oldest good version that is known; say whether there is one.

        Which of them the Envoy had that rejects the good one is not known, and one that is too old does no harm: only
        what is found to be bad is taken from it.
        """
        proof = self._proofs.get(key)
        if proof is None or proof.good is None or not proof.earlier:
            return False
        # Others may reject it as well.
        proof.open.insert(0, proof.good)
        self._open.setdefault(key[:2], set()).add(key[2])
        proof.good, proof.earlier = proof.earlier[0].with_bytes(), []
        return True

    def fall_back(self, key: ResourceKey, resource: Resource | None) -> None:
        """Count this version as good and nothing that came after it."""
        proof = self._proofs.get(key)
        if proof is None or proof.good == resource:
            return
        if proof.good is not None:
            proof.open.insert(0, proof.good)
            self._open.setdefault(key[:2], set()).add(key[2])
        proof.good, proof.earlier = resource, []

    def _close(self, key: ResourceKey) -> None:
        names = self._open.get(key[:2])
        if names is not None:
            names.discard(key[2])
            if not names:
                del self._open[key[:2]]
