"""Who signs and who is trusted at a time: it follows from the dates of the authorities, so it is state nowhere.

A new authority is trusted for the life of a certificate before it signs, so that all have heard of it by then; the old
one is trusted for as long after that, until the last certificate that it signed is replaced. At no time is anybody
shown a certificate of an authority that they do not know. All replicas that read the same keys decide the same.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Final

from xdsserver.authority.certificates import make_authority
from xdsserver.authority.errors import AuthorityError

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime

    from xdsserver.authority.certificates import KeyPair

LONGEST_LIFE: Final = timedelta(days=90)
"""No certificate is issued for longer, and every holder comes for a new one, and for news of authorities, by then."""

_RENEW_BEFORE: Final = 3 * LONGEST_LIFE
"""Left of an authority's life when its successor is introduced: to be told of, to take over, and as much to spare."""


@dataclass(frozen=True, slots=True)
class Standing:
    """The authorities as of one moment: who signs, and all that are trusted, as PEM."""

    signer: KeyPair
    trusted: tuple[bytes, ...]

    @property
    def bundle(self) -> bytes:
        """All trusted certificates in one PEM text."""
        return b"".join(self.trusted)


def standing(pairs: Iterable[KeyPair], now: datetime) -> Standing:
    """Decide who signs and who is trusted.

    Raises:
        AuthorityError: there is no authority whose time has not passed, or one cannot be read.
    """
    alive = [(introduced, pair) for introduced, ends, pair in _dated(pairs) if now < ends]
    if not alive:
        message = "there is no authority that is valid now: is the clock right? If so, make a new authority"
        raise AuthorityError(message)
    signing = [number for number, (introduced, _) in enumerate(alive) if introduced + LONGEST_LIFE <= now]
    # The first of all signs at once: nobody can have been told of it before.
    signer = signing[-1] if signing else 0
    taken_over = [number for number, (introduced, _) in enumerate(alive) if introduced + 2 * LONGEST_LIFE <= now]
    oldest = taken_over[-1] if taken_over else 0
    return Standing(alive[signer][1], tuple(pair.certificate for _, pair in alive[oldest:]))


def renewed(pairs: Iterable[KeyPair], now: datetime) -> tuple[KeyPair, ...]:
    """Return the authorities to keep from now on, oldest first: a new one is made in time, expired ones go.

    Raises:
        AuthorityError: one of them cannot be read.
    """
    alive = [(ends, pair) for _, ends, pair in _dated(pairs) if now < ends]
    kept = tuple(pair for _, pair in alive)
    if all(ends - now <= _RENEW_BEFORE for ends, _ in alive):
        return (*kept, make_authority(now))
    return kept


def _dated(pairs: Iterable[KeyPair]) -> list[tuple[datetime, datetime, KeyPair]]:
    """Return (introduced, ends, authority), oldest first."""
    parsed = ((pair.parsed, pair) for pair in pairs)
    dated = ((one.not_valid_before_utc, one.not_valid_after_utc, pair) for one, pair in parsed)
    return sorted(dated, key=lambda one: (one[0], one[2].certificate))
