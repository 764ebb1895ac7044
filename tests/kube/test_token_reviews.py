"""Tokens that an API server reviews: what it is asked, what its answers mean, and that no words repeat a token."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from tests.kube.scripted import Fixed, answers, cuts, hangs, refuses, scripted
from xdsserver.kube.client import KubeClient
from xdsserver.kube.token_reviews import TokenReviews
from xdsserver.server.tokens import TokenRules, Tokens
from xdsserver.xds.reviews import Review, ReviewError

if TYPE_CHECKING:
    from tests.kube.scripted import Script

TOKEN = "secret-token"  # noqa: S105 (of nobody)
POD = {"authentication.kubernetes.io/pod-name": ["edge-1"]}


def status(**fields: Any) -> dict[str, Any]:  # noqa: ANN401 (any JSON)
    user = {"username": "system:serviceaccount:shop:edge", "uid": "u", "extra": POD}
    return {"status": {"authenticated": True, "user": user, "audiences": ["xdsserver"]} | fields}


async def reviewed(script: Script) -> Review | None:
    async with scripted(script) as server, KubeClient(Fixed(server.access)) as client:
        answer = await TokenReviews(client).review(TOKEN, "xdsserver")
        (asked,) = server.asked
        assert (asked.method, asked.path) == ("POST", "/apis/authentication.k8s.io/v1/tokenreviews")
        assert asked.json()["spec"] == {"token": TOKEN, "audiences": ["xdsserver"]}
        return answer


@pytest.mark.parametrize(
    ("answer", "review"),
    [
        (status(), Review("shop/edge", frozenset({"xdsserver"}), "edge-1")),
        (status(audiences=None), Review("shop/edge", frozenset(), "edge-1")),
        (status(user={"username": "system:serviceaccount:shop:edge"}), Review("shop/edge", frozenset({"xdsserver"}))),
        (status(user={"username": "system:node:a", "extra": POD}), None),
        (status(user={"username": "admin"}), None),
        (status(authenticated=False, user={}, error="invalid bearer token"), None),
        ({"status": {"user": {}}}, None),
    ],
)
async def test_what_an_answer_means(answer: dict[str, Any], review: Review | None) -> None:
    assert await reviewed(answers(answer)) == review


@pytest.mark.parametrize(
    "script",
    [
        refuses(403, "Forbidden", f"cannot create {TOKEN}"),
        refuses(500, "InternalError", TOKEN),
        answers({"status": f"{TOKEN}"}),
        answers({"kind": TOKEN}),
        cuts,
    ],
    ids=["forbidden", "broken", "garbled", "empty", "cut"],
)
async def test_s8_where_nothing_is_known_it_says_so_without_the_token(script: Script) -> None:
    """S8: tokens are in no words that somebody may log."""
    with pytest.raises(ReviewError) as caught:
        await reviewed(script)
    assert TOKEN not in str(caught.value)


async def test_s2_an_api_server_that_hangs_refuses_in_bounded_time_and_one_that_answers_is_asked_once() -> None:
    """S2: who somebody is comes from the API server; while it is away nobody comes in by a token."""
    now_s = 0.0
    rules = TokenRules(lambda account: frozenset({account}))
    async with scripted(hangs) as server, KubeClient(Fixed(server.access)) as client:
        tokens = Tokens(TokenReviews(client), replace(rules, review_timeout_s=0.05), lambda: now_s)
        with pytest.raises(ReviewError, match=r"no answer within 0\.05 s"):
            await tokens.review(TOKEN)
    async with scripted(answers(status())) as server, KubeClient(Fixed(server.access)) as client:
        tokens = Tokens(TokenReviews(client), rules, lambda: now_s)
        found = await asyncio.gather(*(tokens.review(TOKEN) for _ in range(50)))
        assert set(found) == {Review("shop/edge", frozenset({"xdsserver"}), "edge-1")}
        asked = len(server.asked)
        assert asked <= rules.max_reviews
        now_s = rules.believed_s - 1
        await tokens.review(TOKEN)
        assert len(server.asked) == asked
        now_s = rules.believed_s + 1
        await tokens.review(TOKEN)
        assert len(server.asked) == asked + 1
