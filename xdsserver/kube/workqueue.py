"""Whose turn it is: urgent kinds first, namespaces in turn, each object at its own pace; a pure queue of keys.

It holds keys and never what is to be written: that is asked for when the turn comes, so it is always the newest.
"""

from __future__ import annotations

from collections import Counter, OrderedDict
from dataclasses import dataclass, field
from heapq import heappop, heappush
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

    from xdsserver.objects.meta import ObjectKey

_URGENCY = {"GatewayClass": 0, "Gateway": 1, "ListenerSet": 3, "XBackend": 5}
_ROUTE = 4
_INFRASTRUCTURE = 2

_OTHERS_TURN = 4
"""Each fourth turn goes to who waits longest behind the urgent, so that no number of Gateways stops all routes."""


def urgency(kind: str) -> int:
    """Rank a kind, 0 first: what people wait for before they attach a route, then what carries it, then routes."""
    return _ROUTE if kind.endswith("Route") else _URGENCY.get(kind, _INFRASTRUCTURE)


@dataclass(frozen=True, slots=True)
class Rhythm:
    """How often one object is written.

    `burst` writes pass at once, then one every `rest_s`: a Gateway whose routes arrive for ten seconds counts them a
    few times and not a thousand. A refused write is tried again after `first_wait_s`, twice as long each time, up to
    `longest_wait_s`.

    Routes, of which there are many, are written as they come while that is at most `flow` a second, after a burst of
    `flood`. Above that they are gathered and written together every `gather_s`: beside a stream of single writes an
    API server has little time left for whoever makes it so busy.
    """

    burst: int = 4
    rest_s: float = 2.0
    first_wait_s: float = 1.0
    longest_wait_s: float = 300.0
    flow: float = 10.0
    flood: int = 20
    gather_s: float = 0.5


@dataclass
class WorkQueue:
    """Keys that may be owed something. All times are seconds of one monotonic clock, handed in."""

    rhythm: Rhythm = field(default_factory=Rhythm)
    share: int = 8
    """How many keys of one namespace may be under way at once: one whose writes all hang holds up no other."""
    _ready: dict[int, OrderedDict[str, OrderedDict[ObjectKey, None]]] = field(default_factory=dict)
    _waiting: dict[ObjectKey, float] = field(default_factory=dict)
    _heap: list[tuple[float, ObjectKey]] = field(default_factory=list)
    _held: set[ObjectKey] = field(default_factory=set)
    _held_of: Counter[str] = field(default_factory=Counter)
    _again: set[ObjectKey] = field(default_factory=set)
    _refusals: dict[ObjectKey, int] = field(default_factory=dict)
    _not_before: dict[ObjectKey, float] = field(default_factory=dict)
    _written: dict[ObjectKey, float] = field(default_factory=dict)
    """When all that an object has written would have been written at one write every `rest_s`."""
    _turns: int = 0
    _level: float = 0.0
    """When all routes that were written would have been written at `flow`; not much more than `flood` is remembered."""
    _gathered: float = 0.0
    """When those that are being gathered are written, or were."""

    def add(self, keys: Iterable[ObjectKey], now: float) -> None:
        """Note that something may be owed to these; one that is under way gets another turn after it."""
        for key in keys:
            if key in self._held:
                self._again.add(key)
            elif key not in self._waiting:
                self._place(key, now)

    def take(self, now: float) -> ObjectKey | None:
        """Give the next key, which is then under way until `done` or `refused`; None where none is ready."""
        self._wake(now)
        places = [(rank, namespace) for rank in sorted(self._ready) if (namespace := self._free(rank)) is not None]
        if not places:
            return None
        self._turns += 1
        rank, namespace = places[-1] if self._turns % _OTHERS_TURN == 0 else places[0]
        namespaces = self._ready[rank]
        key, _ = namespaces[namespace].popitem(last=False)
        if namespaces[namespace]:
            namespaces.move_to_end(namespace)
        else:
            del namespaces[namespace]
        self._held.add(key)
        self._held_of[namespace] += 1
        return key

    def next_at(self, now: float) -> float | None:
        """Say when `take` may give something, `now` where it does already; None before more is added or ends."""
        if any(self._free(rank) is not None for rank in self._ready):
            return now
        while self._heap and self._waiting.get(self._heap[0][1]) != self._heap[0][0]:
            heappop(self._heap)
        return self._heap[0][0] if self._heap else None

    def done(self, key: ObjectKey, now: float, *, wrote: bool) -> None:
        """End a turn that left nothing owed, or that wrote what was."""
        self._refusals.pop(key, None)
        self._not_before.pop(key, None)
        if wrote:
            self._written[key] = max(self._written.get(key, now), now) + self.rhythm.rest_s
            if urgency(key.kind) == _ROUTE:
                most = now + (self.rhythm.flood + self.rhythm.flow) / self.rhythm.flow
                self._level = min(max(self._level, now) + 1 / self.rhythm.flow, most)
        self._release(key, now)

    def refused(self, key: ObjectKey, now: float, jitter: float) -> float:
        """End a turn that the server refused, and give when the next one is; `jitter` is from 0 to 1.

        Whatever is decided meanwhile waits too: a namespace that is being deleted refuses all of it.
        """
        count = self._refusals.get(key, 0)
        self._refusals[key] = count + 1
        # From half of the wait to all of it, so that what was refused together does not come back together.
        wait = min(self.rhythm.longest_wait_s, self.rhythm.first_wait_s * 2.0 ** min(count, 30)) * (1 + jitter) / 2
        self._not_before[key] = now + wait
        self._again.add(key)
        self._release(key, now)
        return now + wait

    def put_back(self, key: ObjectKey, now: float) -> None:
        """End a turn that could not be used, which is nothing that speaks against the object."""
        self._again.add(key)
        self._release(key, now)

    def forget(self, key: ObjectKey) -> None:
        """Let the successor of an object start afresh."""
        self._refusals.pop(key, None)
        self._not_before.pop(key, None)
        self._written.pop(key, None)
        if self._waiting.pop(key, None) is not None:
            self._make_ready(key)

    def __len__(self) -> int:
        """Count what is queued or under way."""
        ready = sum(len(keys) for namespaces in self._ready.values() for keys in namespaces.values())
        return ready + len(self._waiting) + len(self._held)

    def _free(self, rank: int) -> str | None:
        """Give the namespace whose turn it is among those that have not got their share under way."""
        return next((one for one in self._ready[rank] if self._held_of[one] < self.share), None)

    def _release(self, key: ObjectKey, now: float) -> None:
        self._held.discard(key)
        self._held_of[key.namespace] -= 1
        if key in self._again:
            self._again.discard(key)
            self._place(key, now)
        elif self._written.get(key, now) <= now:
            self._written.pop(key, None)

    def _place(self, key: ObjectKey, now: float) -> None:
        rested = self._written.get(key, now) - (self.rhythm.burst - 1) * self.rhythm.rest_s
        at = max(self._not_before.get(key, now), rested, self._gathering(key, now))
        if at > now:
            self._waiting[key] = at
            heappush(self._heap, (at, key))
        else:
            self._make_ready(key)

    def _gathering(self, key: ObjectKey, now: float) -> float:
        """Say when a key is written that comes now, as far as that hangs on how many came before it."""
        if urgency(key.kind) != _ROUTE or self._level - now < self.rhythm.flood / self.rhythm.flow:
            return now
        if self._gathered <= now:
            self._gathered = now + self.rhythm.gather_s
        return self._gathered

    def _make_ready(self, key: ObjectKey) -> None:
        namespaces = self._ready.setdefault(urgency(key.kind), OrderedDict())
        namespaces.setdefault(key.namespace, OrderedDict())[key] = None

    def _wake(self, now: float) -> None:
        while self._heap and self._heap[0][0] <= now:
            at, key = heappop(self._heap)
            if self._waiting.get(key) == at:
                del self._waiting[key]
                self._make_ready(key)
