"""Bearer tokens decide who comes in and what they may read, where somebody else vouches for them."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

import grpc
import pytest

from tests.server.secured import DELTA, SOTW, STORE, TODAY, answer, behind, call, delta, ends_with, sotw
from xdsserver.authority import make_authority
from xdsserver.server.mutual_tls import ServerCertificates
from xdsserver.server.tokens import AUDIENCE, TokenRules, Tokens, token_door
from xdsserver.xds.resource import SECRET, Resource
from xdsserver.xds.reviews import Review, ReviewError

if TYPE_CHECKING:
    from xdsserver.server.doors import Door

EDGE, OTHER = "a/edge", "b/other"
ACCOUNT = "team-a/proxyless"
GOOD = Review(ACCOUNT, frozenset({AUDIENCE}))


def fleets_of(account: str) -> frozenset[str]:
    return frozenset({EDGE}) if account == ACCOUNT else frozenset()


RULES = TokenRules(fleets_of)


@dataclass
class Static:
    """Vouches for a table of tokens; notes what it was asked, and answers when it may."""

    known: dict[str, Review | ReviewError] = field(default_factory=dict)
    asked: list[tuple[str, str]] = field(default_factory=list)
    answers: asyncio.Event = field(default_factory=asyncio.Event)
    under_way: int = 0
    most: int = 0

    def __post_init__(self) -> None:
        self.answers.set()

    async def review(self, token: str, audience: str) -> Review | None:
        self.asked.append((token, audience))
        self.under_way += 1
        self.most = max(self.most, self.under_way)
        try:
            await self.answers.wait()
        finally:
            self.under_way -= 1
        found = self.known.get(token)
        if isinstance(found, ReviewError):
            raise found
        return found


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


def _door(reviewer: Static) -> Door:
    return token_door(("127.0.0.1:0",), ServerCertificates(STORE), Tokens(reviewer, RULES, Clock()))


def _carry(*values: str) -> tuple[tuple[str, str], ...]:
    return tuple(("authorization", value) for value in values)


async def test_a_good_token_opens_the_fleet_of_its_account() -> None:
    reviewer = Static({"good": GOOD})
    async with behind(_door(reviewer)) as plane, plane.channel(None) as channel:
        stream = call(channel, metadata=_carry("Bearer good"))
        await stream.write(delta(SECRET, "*", cluster=EDGE))
        await answer(stream)
        assert plane.joined == [("n", EDGE)]
        assert reviewer.asked == [("good", AUDIENCE)]


@pytest.mark.parametrize(
    "carried",
    [
        (),
        ("Bearer bad",),
        ("Bearer ",),
        ("Basic good",),
        ("good",),
        ("Bearer good", "Bearer good"),
        ("Bearer other-audience",),
        ("Bearer no-audience",),
    ],
    ids=str,
)
async def test_s1_without_a_good_token_no_stream_is_served(carried: tuple[str, ...]) -> None:
    """S1: a client that proves nothing is refused before anything of its request is looked at."""
    reviewer = Static(
        {
            "good": GOOD,
            "other-audience": replace(GOOD, audiences=frozenset({"other"})),
            "no-audience": replace(GOOD, audiences=frozenset()),
        }
    )
    async with behind(_door(reviewer)) as plane, plane.channel(None) as channel:
        for method in (DELTA, SOTW):
            code, _ = await ends_with(call(channel, method, _carry(*carried)))
            assert code is grpc.StatusCode.UNAUTHENTICATED
        assert plane.events == []


async def test_s2_a_token_does_not_open_another_fleet() -> None:
    """S2: what a token's account may read is bound to it; a claim of more is PERMISSION_DENIED in both dialects."""
    stranger = replace(GOOD, account="team-b/stranger")
    async with (
        behind(_door(Static({"good": GOOD, "stranger": stranger}))) as plane,
        plane.channel(None) as channel,
    ):
        plane.server.publish({(OTHER, SECRET, "theirs"): Resource.of_bytes(SECRET, "theirs", b"")})
        for method, request in ((DELTA, delta), (SOTW, sotw)):
            for token, claim in (("good", OTHER), ("stranger", EDGE)):
                stream = call(channel, method, _carry(f"Bearer {token}"))
                await stream.write(request(SECRET, "theirs", cluster=claim))
                code, words = await ends_with(stream)
                assert (code, "service account team-" in words) == (grpc.StatusCode.PERMISSION_DENIED, True)
        assert plane.events == []


async def test_s2_a_token_that_is_bound_to_a_pod_speaks_for_no_other() -> None:
    """S2: identity from the pod name of the token's review: a valid client that claims another node is denied."""
    bound = replace(GOOD, pod="web-1")
    async with behind(_door(Static({"bound": bound}))) as plane, plane.channel(None) as channel:
        for node, code in (("web-2", grpc.StatusCode.PERMISSION_DENIED), ("web-1", None)):
            stream = call(channel, metadata=_carry("Bearer bound"))
            await stream.write(delta(SECRET, "*", cluster=EDGE, node=node))
            if code is None:
                await answer(stream)
            else:
                assert (await ends_with(stream))[0] is code
        assert plane.joined == [("web-1", EDGE)]


async def test_a_reviewer_that_cannot_be_asked_is_no_verdict() -> None:
    reviewer = Static({"good": ReviewError("the API server is away")})
    async with behind(_door(reviewer)) as plane, plane.channel(None) as channel:
        code, words = await ends_with(call(channel, metadata=_carry("Bearer good")))
        assert (code, "the API server is away" in words) == (grpc.StatusCode.UNAVAILABLE, True)
        reviewer.known["good"] = GOOD
        stream = call(channel, metadata=_carry("bearer good"))
        await stream.write(delta(SECRET, "*", cluster=EDGE))
        await answer(stream)


async def test_a_token_is_given_to_nobody_but_the_server() -> None:
    foreign = make_authority(TODAY).certificate
    async with behind(_door(Static({"good": GOOD}))) as plane:
        async with plane.channel(None, foreign) as mistaken:
            assert (await ends_with(call(mistaken, metadata=_carry("Bearer good"))))[0] is grpc.StatusCode.UNAVAILABLE
        async with grpc.aio.insecure_channel(plane.server.addresses[0]) as plain:
            assert (await ends_with(call(plain, metadata=_carry("Bearer good"))))[0] is grpc.StatusCode.UNAVAILABLE
        assert plane.knocks == 0


async def test_an_answer_is_believed_for_a_while_and_then_asked_for_again() -> None:
    reviewer, clock = Static({"good": GOOD}), Clock()
    tokens = Tokens(reviewer, TokenRules(fleets_of, believed_s=60), clock)
    assert await tokens.review("good") == GOOD
    assert await tokens.review("bad") is None
    reviewer.known = {"bad": GOOD}
    clock.now = 59.9
    assert (await tokens.review("good"), await tokens.review("bad")) == (GOOD, None)
    assert len(reviewer.asked) == 2
    clock.now = 60.0
    assert (await tokens.review("good"), await tokens.review("bad")) == (None, GOOD)


async def test_what_is_remembered_has_a_bound_and_holds_no_token() -> None:
    reviewer = Static()
    tokens = Tokens(reviewer, TokenRules(fleets_of, max_remembered=10), Clock())
    for number in range(1000):
        await tokens.review(f"token-{number}")
    assert len(tokens._remembered) == 10
    assert not any(b"token" in digest for digest in tokens._remembered)
    await tokens.review("token-999")
    assert len(reviewer.asked) == 1000
    await tokens.review("token-0")
    assert len(reviewer.asked) == 1001, "the oldest went first"


async def test_of_many_who_come_at_once_few_ask_and_the_others_share_the_answer() -> None:
    reviewer = Static({"good": GOOD})
    reviewer.answers.clear()
    tokens = Tokens(reviewer, TokenRules(fleets_of, max_reviews=4), Clock())
    names = [*(f"bad-{number}" for number in range(20)), *("good",) * 50]
    reviews = [asyncio.create_task(tokens.review(name)) for name in names]
    await asyncio.sleep(0)
    assert reviewer.under_way == 4
    reviewer.answers.set()
    found = await asyncio.gather(*reviews)
    assert found == [None] * 20 + [GOOD] * 50
    assert reviewer.most == 4
    assert len(reviewer.asked) <= 20 + 4, "no more of one token than may ask at a time"


async def test_a_reviewer_that_does_not_answer_holds_nobody_for_long() -> None:
    reviewer = Static()
    reviewer.answers.clear()
    tokens = Tokens(reviewer, TokenRules(fleets_of, review_timeout_s=0.02), Clock())
    with pytest.raises(ReviewError, match=r"no answer within 0\.02 s"):
        await tokens.review("good")
    assert reviewer.under_way == 0
