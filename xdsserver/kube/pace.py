"""How fast we may ask the API server: a rate with bursts, slower when it says so, silent while it is away."""

from __future__ import annotations

from dataclasses import dataclass, field

_RECOVERY = 0.01
"""What of the full rate each answer gives back after a 429: from any rate, a hundred answers."""


@dataclass(frozen=True, slots=True)
class PaceLimits:
    """The most that is asked for, in requests per second, and how long we stay silent without being told how long.

    The waits for a server that is away end within `longest_silence_s`, so that what is owed is written soon after it
    comes back; one that says 429 without `Retry-After` is left alone for `first_silence_s`.
    """

    rate: float = 200.0
    burst: int = 20
    slowest: float = 1.0
    first_silence_s: float = 1.0
    longest_silence_s: float = 4.0


@dataclass
class Pace:
    """Says when the next request may go; all times are seconds of one monotonic clock, handed in."""

    limits: PaceLimits = field(default_factory=PaceLimits)
    _rate: float = 0.0
    _sent: float = 0.0
    """When all that was sent would have been sent at the rate."""
    _silent_until: float = 0.0
    _absences: int = 0

    def __post_init__(self) -> None:
        """Start at full rate."""
        self._rate = self.limits.rate

    @property
    def rate(self) -> float:
        """Requests per second, as of now."""
        return self._rate

    def next_at(self) -> float:
        """Say when the next request may go."""
        return max(self._silent_until, self._sent - (self.limits.burst - 1) / self._rate)

    def send(self, now: float) -> None:
        """Note that a request goes out."""
        self._sent = max(self._sent, now) + 1 / self._rate

    def answered(self) -> None:
        """Note that the server did what it was asked, or refused it for reasons of its own."""
        self._absences = 0
        self._rate = min(self.limits.rate, self._rate + self.limits.rate * _RECOVERY)

    def too_many(self, now: float, retry_after_s: float | None) -> None:
        """Obey a 429: silence for as long as it says, then half the rate.

        Those that were under way together say the same thing once.
        """
        if now >= self._silent_until:
            self._rate = max(self.limits.slowest, self._rate / 2)
        silence = self.limits.first_silence_s if retry_after_s is None else retry_after_s
        self._silent_until = max(self._silent_until, now + silence)

    def unavailable(self, now: float, jitter: float) -> None:
        """Wait for a server that does not answer, longer each time; `jitter` is from 0 to 1."""
        if now < self._silent_until:
            return
        silence = self.limits.first_silence_s * 2.0 ** min(self._absences, 30)
        self._absences += 1
        self._silent_until = now + min(self.limits.longest_silence_s, silence) * (1 + jitter) / 2
