"""Which of several is bad: what a client rejected together is sent again one by one, and believed only when answered.

"NACK is per response" while Envoy applies per resource: an invalid message spoils the whole response, and of one that
fails to load the others are applied although the response is rejected. Until each is answered alone, nobody knows.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from xdsserver.xds.parcel import EMPTY

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from xdsserver.xds.delivery import InFlight
    from xdsserver.xds.parcel import Parcel
    from xdsserver.xds.resource import Resource

_MAX_NODES: Final = 1024
"""Nodes whose doubts outlive their streams; beyond it those that came first are forgotten."""

_NONE: Final[frozenset[str]] = frozenset()


class Doubts:
    """What nodes may hold and will not announce, from one stream of a node to its next.

    An Envoy that applied a part of a response which it rejected announces what it had before, when it connects again:
    listeners that it never names go on serving, and versions that it names are not those that run.
    """

    def __init__(self) -> None:
        self._nodes: dict[tuple[str, str], dict[str, set[str]]] = {}

    def add(self, node: tuple[str, str], type_url: str, names: Iterable[str]) -> None:
        """Note that a node (fleet and id) has these, or not, in a version that nobody knows."""
        types = self._nodes.setdefault(node, {})
        types.setdefault(type_url, set()).update(names)
        if len(self._nodes) > _MAX_NODES:
            del self._nodes[next(iter(self._nodes))]

    def settle(self, node: tuple[str, str], type_url: str, names: Iterable[str]) -> None:
        """Note that the node has answered for these alone, or has removed them."""
        types = self._nodes.get(node)
        if types is None or (doubtful := types.get(type_url)) is None:
            return
        doubtful.difference_update(names)
        if not doubtful:
            del types[type_url]
        if not types:
            del self._nodes[node]

    def of(self, node: tuple[str, str], type_url: str) -> Iterable[str]:
        """Return the names that a node may hold in any version."""
        return self._nodes.get(node, {}).get(type_url, _NONE)


@dataclass(slots=True)
class _Lists:
    """Whole lists of one type on one stream: what was accepted last, and what was sent since."""

    accepted: Parcel = EMPTY
    sent: dict[int, Parcel] = field(default_factory=dict)

    def acked(self, sequence: int) -> None:
        self.accepted = self.sent.get(sequence, self.accepted)
        self.sent = {number: shown for number, shown in self.sent.items() if number > sequence}


class Isolation:
    """One stream: which resources go in a response of their own, because one that had several was rejected.

    A resource is thus sent twice in the same version at most: among others, and alone. Where every response is a whole
    list (state of the world), "alone" means: as the one difference from the last list that was accepted.
    """

    __slots__ = ("_alone", "_doubts", "_lists", "_node")

    def __init__(self, doubts: Doubts) -> None:
        self._doubts = doubts
        self._node = ("", "")
        self._alone: dict[str, set[str]] = {}
        self._lists: dict[str, _Lists] = {}

    def introduce(self, fleet: str, node_id: str) -> None:
        """Say who is at the other end."""
        self._node = (fleet, node_id)

    def may_hold(self, type_url: str, announced: Mapping[str, str]) -> Mapping[str, str]:
        """Add to what a client announces what it may hold besides; a version that no resource has stands for any."""
        return {**announced, **dict.fromkeys(self._doubts.of(self._node, type_url), "")}

    def rejected(self, type_url: str, names: Iterable[str]) -> frozenset[str]:
        """Note a rejection; return what is to be sent again, alone: nothing where it was one resource only."""
        found = frozenset(names)
        if len(found) > 1:
            self._alone.setdefault(type_url, set()).update(found)
            self._doubts.add(self._node, type_url, found)
            return found
        self._leave(type_url, found)
        # A resource that is rejected alone is not applied: what the client announces of it is true.
        self._doubts.settle(self._node, type_url, found)
        return _NONE

    def acked(self, type_url: str, sent: InFlight) -> None:
        """Note that the client took a response: it has its resources, and does not have those that it removed."""
        self._leave(type_url, sent.parcel.names)
        self._doubts.settle(self._node, type_url, sent.parcel.names)
        if (lists := self._lists.get(type_url)) is not None:
            lists.acked(sent.sequence)

    def parted(
        self, type_url: str, names: frozenset[str], have: Mapping[str, Resource]
    ) -> tuple[frozenset[str], tuple[str, ...]]:
        """Tell apart what may go together and those resources that go alone, in order; `have` are all there are."""
        if (suspects := self._alone.get(type_url)) is None:
            return names, ()
        alone = tuple(name for name in sorted(names & suspects) if name in have)
        return names.difference(alone), alone

    def list_sent(self, type_url: str, sequence: int, shown: Parcel) -> None:
        """Remember a whole list that goes out with response `sequence` (state of the world)."""
        self._lists.setdefault(type_url, _Lists()).sent[sequence] = shown

    def list_announced(self, type_url: str, shown: Parcel) -> None:
        """Note a list that the client has from an earlier stream."""
        self._lists[type_url] = _Lists(shown)

    def last_list(self, type_url: str) -> Parcel:
        """Return the last list that the client accepted; without one it holds nothing that we know of."""
        lists = self._lists.get(type_url)
        return EMPTY if lists is None else lists.accepted

    def _leave(self, type_url: str, names: Iterable[str]) -> None:
        if (alone := self._alone.get(type_url)) is not None:
            alone.difference_update(names)
            if not alone:
                del self._alone[type_url]
