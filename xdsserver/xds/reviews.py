"""What somebody who vouches for bearer tokens says of one: whom it belongs to, and what it was made for."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol


class ReviewError(Exception):
    """Whoever vouches for tokens could not be asked; nothing is known of the token."""


@dataclass(frozen=True, slots=True)
class Review:
    """What is known of a good token.

    Attributes:
        account: whom it belongs to, `<namespace>/<service account>`.
        audiences: what it was made for, of those that were asked about.
        pod: the pod that it is bound to, if it is bound to one.
    """

    account: str
    audiences: frozenset[str]
    pod: str | None = None


class Reviewer(Protocol):
    """Whoever vouches for tokens."""

    async def review(self, token: str, audience: str) -> Review | None:
        """Return what is known of a token; None where it is not good.

        Raises:
            ReviewError: that cannot be told now.
        """
        ...
