"""Who may write: the rules of client-go's leader election, as a state machine that is handed the time.

A Lease names its holder and says for how long he holds it. Nobody's clock is compared with another's: what counts is
how long ago, on our own clock, the Lease was last seen to change. A holder counts from when he *sent* a renewal, all
others from when they saw it, which is later; so he stops before anybody begins.

    renewal sent          renew_s (10 s)         duration_s (15 s)
    |-------- may write ------|--- requests end ---|-- the next one may take it
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal, TypeAlias


@dataclass(frozen=True, slots=True)
class LeaseRules:
    """Seconds. A write that began while it might must have ended `duration_s - renew_s` later."""

    duration_s: int = 15
    renew_s: float = 10.0
    retry_s: float = 2.0
    """How often it is renewed, and looked at by others; each time between half of it and all of it."""
    request_s: float = 4.0
    """How long an answer may take, so that more than one try fits into `renew_s`."""


@dataclass(frozen=True, slots=True)
class Record:
    """What a Lease says (`coordination.k8s.io/v1`, `spec`). The times are for people, and never read."""

    holder: str = ""
    duration_s: int = 0
    acquired: str = ""
    renewed: str = ""
    transitions: int = 0


@dataclass(frozen=True, slots=True)
class Seen:
    """A record and the resource version that it was read at."""

    record: Record
    version: str


@dataclass(frozen=True, slots=True)
class Read:
    """Look at the Lease."""


@dataclass(frozen=True, slots=True)
class Write:
    """Write the Lease over this version and no other; None creates it."""

    record: Record
    version: str | None


Step: TypeAlias = Read | Write
Failure: TypeAlias = Literal["missing", "conflict", "away"]
"""Why a step did not come about: there is no Lease, somebody else was faster, or nobody knows."""


class Election:
    """One candidate. `identity` is of this process alone: a successor with its name would believe to hold its Lease.

    Do what `step` says, then tell `read`, `wrote` or `failed`; one step at a time. `now` is seconds of one monotonic
    clock, `jitter` is from 0 to 1.
    """

    def __init__(self, identity: str, rules: LeaseRules | None = None) -> None:
        self.identity = identity
        self.rules = rules or LeaseRules()
        self.next_at = 0.0
        """When there is something to do."""
        self._seen: Seen | None = None
        self._seen_at = 0.0
        self._renewed_at: float | None = None
        self._claims = False
        self._doubts = False

    def may_write(self, now: float) -> bool:
        """Say whether we lead; to be asked before every write."""
        return self._renewed_at is not None and now < self.stops_at

    @property
    def stops_at(self) -> float:
        """Until when we may write, where we may."""
        return (self._renewed_at or 0.0) + self.rules.renew_s

    @property
    def holder(self) -> str:
        """Who was last seen to hold it; "" for nobody."""
        return self._seen.record.holder if self._seen is not None else ""

    def step(self, now: float, today: str) -> Step | None:
        """Say what is to be done, None before `next_at`; `today` is the time of day for people to read."""
        if now < self.next_at:
            return None
        if self._claims or (self.may_write(now) and not self._doubts):
            return self._claim(today)
        return Read()

    def read(self, seen: Seen, now: float, jitter: float) -> None:
        """Take what was read."""
        if self._seen is None or self._seen.record != seen.record:
            self._seen_at = now
        self._seen = seen
        record = seen.record
        self._doubts = False
        expires_at = self._expires_at(record)
        if record.holder in {"", self.identity} or now >= expires_at:
            self._claims, self.next_at = True, now
            return
        # Somebody else has it: whatever we believed is over.
        self._renewed_at = None
        self.next_at = min(self._later(now, jitter), expires_at)

    def wrote(self, seen: Seen, sent_at: float, now: float, jitter: float) -> None:
        """Take that the server has accepted what we wrote; `sent_at` is from before it was sent."""
        self._seen, self._seen_at = seen, now
        self._claims = self._doubts = False
        self._renewed_at = sent_at if seen.record.holder == self.identity else None
        self.next_at = self._later(now, jitter)

    def failed(self, failure: Failure, now: float, jitter: float) -> None:
        """Take that a step did not come about."""
        claimed, self._claims = self._claims, False
        self.next_at = self._later(now, jitter)
        match failure:
            case "missing" if not claimed:
                self._missing(now)
            case "conflict":
                # An earlier write may have arrived without an answer; a leader who is in doubt looks at once.
                if self.may_write(now) and not self._doubts:
                    self.next_at = now
                self._doubts = True
            case _:
                pass

    def _missing(self, now: float) -> None:
        """Make a Lease that was never made, or that somebody deleted; whom we saw hold it gets the time to notice."""
        self._renewed_at = None
        if self._seen is not None and self._seen.record.holder not in {"", self.identity}:
            expires_at = self._expires_at(self._seen.record)
            if now < expires_at:
                self.next_at = min(self.next_at, expires_at)
                return
        self._seen, self._claims, self.next_at = None, True, now

    def _expires_at(self, record: Record) -> float:
        return self._seen_at + (record.duration_s or self.rules.duration_s)

    def release(self, today: str) -> Write | None:
        """Give it back, where we have it, so that nobody has to wait; from here on we may not write."""
        had, self._renewed_at = self._renewed_at, None
        if had is None or self._seen is None or self._seen.record.holder != self.identity:
            return None
        return Write(replace(self._seen.record, holder="", duration_s=1, renewed=today), self._seen.version)

    def _claim(self, today: str) -> Write:
        rules = self.rules
        if self._seen is None:
            return Write(Record(self.identity, rules.duration_s, today, today), None)
        before = self._seen.record
        ours = before.holder == self.identity
        record = Record(
            self.identity,
            rules.duration_s,
            before.acquired if ours else today,
            today,
            before.transitions if ours else before.transitions + 1,
        )
        return Write(record, self._seen.version)

    def _later(self, now: float, jitter: float) -> float:
        return now + self.rules.retry_s * (1 + jitter) / 2
