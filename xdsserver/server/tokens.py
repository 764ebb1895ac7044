"""Bearer tokens: a client without a certificate of ours proves itself with one that somebody else vouches for.

In a cluster that is a service account's token, and the API server's TokenReview is whom we ask. The answer is believed
for a minute, so that a fleet that reconnects at once asks once per client.
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from dataclasses import dataclass
from hashlib import sha256
from typing import TYPE_CHECKING, Final, TypeAlias

import grpc

from xdsserver.server.doors import Door, Permit, ip_of
from xdsserver.server.stream import Ending
from xdsserver.xds.identity import Peer, admit
from xdsserver.xds.reviews import ReviewError

if TYPE_CHECKING:
    from collections.abc import Callable

    from xdsserver.server.mutual_tls import ServerCertificates
    from xdsserver.server.stream import Context
    from xdsserver.xds.reviews import Review, Reviewer

AUDIENCE: Final = "xdsserver"
"""What a token must be made for: one that was meant for another service, and stolen there, opens nothing here."""

_SCHEME: Final = "bearer"


@dataclass(frozen=True, slots=True)
class TokenRules:
    """Whose tokens open what.

    Attributes:
        fleets_of: the fleets that a service account may read.
        audience: see `AUDIENCE`.
        believed_s: for how long an answer is believed, in seconds; also after the token was revoked.
        review_timeout_s: how long an answer may take.
        max_remembered: answers that are remembered; beyond it the oldest is asked for again.
        max_reviews: questions under way at a time; more wait.
    """

    fleets_of: Callable[[str], frozenset[str]]
    audience: str = AUDIENCE
    believed_s: float = 60.0
    review_timeout_s: float = 5.0
    max_remembered: int = 4096
    max_reviews: int = 16


_Answer: TypeAlias = "Review | None"


class Tokens:
    """Reviews tokens and remembers the answers, never the tokens. `clock` counts seconds and does not go back."""

    def __init__(self, reviewer: Reviewer, rules: TokenRules, clock: Callable[[], float]) -> None:
        self.rules = rules
        self._reviewer = reviewer
        self._clock = clock
        # By digest of the token: the time until which it is believed, and the answer; oldest first.
        self._remembered: OrderedDict[bytes, tuple[float, _Answer]] = OrderedDict()
        self._reviews = asyncio.Semaphore(rules.max_reviews)

    async def review(self, token: str) -> Review | None:
        """Return what is known of a token, None where it is not good or not meant for us.

        Raises:
            ReviewError: that cannot be told now.
        """
        digest = sha256(token.encode()).digest()
        if (answer := self._recall(digest)) is not None:
            return answer[0]
        async with self._reviews:
            # Another stream with the same token may have asked meanwhile.
            if (answer := self._recall(digest)) is not None:
                return answer[0]
            try:
                async with asyncio.timeout(self.rules.review_timeout_s):
                    review = await self._reviewer.review(token, self.rules.audience)
            except TimeoutError as error:
                message = f"no answer within {self.rules.review_timeout_s:g} s"
                raise ReviewError(message) from error
        # A reviewer that knows no audiences answers with none, and then has not checked ours.
        if review is not None and self.rules.audience not in review.audiences:
            review = None
        self._remember(digest, review)
        return review

    def _recall(self, digest: bytes) -> tuple[_Answer] | None:
        until, answer = self._remembered.get(digest, (float("-inf"), None))
        return (answer,) if self._clock() < until else None

    def _remember(self, digest: bytes, answer: _Answer) -> None:
        self._remembered.pop(digest, None)
        self._remembered[digest] = (self._clock() + self.rules.believed_s, answer)
        while len(self._remembered) > self.rules.max_remembered:
            self._remembered.popitem(last=False)


def token_door(
    addresses: tuple[str, ...],
    certificates: ServerCertificates,
    tokens: Tokens,
) -> Door:
    """Let in whoever carries a good token (`authorization: Bearer ...`), for the fleets of its service account.

    The server proves itself with its certificate first, so that no token is given to somebody else.
    """

    async def authenticate(context: Context) -> Permit | Ending:
        if (token := _bearer(context)) is None:
            words = "no bearer token: send the metadata `authorization: Bearer TOKEN`, once"
            return Ending(grpc.StatusCode.UNAUTHENTICATED, words)
        try:
            review = await tokens.review(token)
        except ReviewError as error:
            return Ending(grpc.StatusCode.UNAVAILABLE, f"tokens cannot be reviewed now ({error}); try again")
        if review is None:
            words = f"the bearer token is not good for the audience {tokens.rules.audience!r}: get a new one"
            return Ending(grpc.StatusCode.UNAUTHENTICATED, words)
        fleets = tokens.rules.fleets_of(review.account)
        peer = Peer(f"service account {review.account}", fleets, ip_of(context.peer()), review.pod)
        return Permit(lambda node: admit(peer, node))

    return Door(addresses, authenticate, certificates.credentials(of_clients=False))


def _bearer(context: Context) -> str | None:
    """Return the token of a call; None where there is none, or more than one."""
    match [value for key, value in context.invocation_metadata() or () if key == "authorization"]:
        case [str(value)]:
            scheme, _, token = value.partition(" ")
            return (token.strip() or None) if scheme.lower() == _SCHEME else None
        case _:
            return None
