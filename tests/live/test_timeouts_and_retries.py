"""Timeouts and retries as requests meet them: the answer, how long it took, and which tries the backend saw."""

from __future__ import annotations

import asyncio
import itertools
import socket
import time
from contextlib import AsyncExitStack, suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING

import aiohttp
import pytest
import pytest_asyncio

from tests.live import manifests as m
from tests.live.http1 import Ask, ask
from tests.live.load import Traffic, load
from tests.live.plans import planned
from tests.live.product import answers, home, standalone
from tests.ports import free_port

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Mapping

    from tests.live.http1 import Answer
    from tests.live.manifests import Document
    from tests.live.plans import Planned, Try

pytestmark = [pytest.mark.live, pytest.mark.long, pytest.mark.asyncio(loop_scope="module")]

LONG_MS = 16_000
"""More than the 15 s after which Envoy ends a request that nobody has set a limit for."""
SLOW_MS = 9_000
"""A step that is cut short by every limit below; these are seconds apart, so that a busy machine changes no answer."""

RULES: Mapping[str, Mapping[str, object]] = {
    "none": {},
    "request": {"timeouts": {"request": "2s"}},
    "backend": {"timeouts": {"backendRequest": "2s"}},
    "both": {"timeouts": {"request": "20s", "backendRequest": "2s"}},
    "zero": {"timeouts": {"request": "0s"}},
    "zero-tries": {"timeouts": {"request": "0s", "backendRequest": "0s"}},
    "retry": {"retry": {}},
    "code-500": {"retry": {"codes": [500]}},
    "codes": {"retry": {"codes": [500, 502, 503, 504], "attempts": 2}},
    "never": {"retry": {"codes": [500, 502, 503, 504], "attempts": 0}},
    "often": {"retry": {"attempts": 100}},
    "backoff": {"retry": {"codes": [500], "backoff": "400ms"}},
    "whole": {"timeouts": {"request": "3s"}, "retry": {"codes": [500], "attempts": 5}},
    "each": {"timeouts": {"backendRequest": "1500ms"}, "retry": {"attempts": 2}},
    "each-and-whole": {"timeouts": {"request": "4s", "backendRequest": "2500ms"}, "retry": {"attempts": 9}},
}
"""A rule for each hostname `<name>.test`."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of a request; without an answer (its connection was broken) the status is None."""

    status: int | None
    seconds: float
    tries: list[Try]


@dataclass(frozen=True, slots=True)
class Served:
    """Where it is, and requests that are under way since the first test began, by the name of their case."""

    port: int
    backend: Planned
    begun: Mapping[str, asyncio.Task[Outcome]]

    async def ask(self, rule: str, plan: str, *headers: tuple[str, str], within_s: float = 5.0) -> Outcome:
        return await _ask(self.port, self.backend, rule, plan, *headers, within_s=within_s)


_ids = itertools.count()


async def _ask(
    port: int, backend: Planned, rule: str, plan: str, *headers: tuple[str, str], within_s: float = 5.0
) -> Outcome:
    name = str(next(_ids))
    request = Ask("/", f"{rule}.test", "GET", (("x-plan", plan), ("x-id", name), *headers))
    start = time.monotonic()
    answer: Answer | None = None
    with suppress(OSError, EOFError):
        answer = await ask(port, request, within_s=within_s)
    return Outcome(answer.status if answer else None, time.monotonic() - start, backend.tries[name])


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def served() -> AsyncIterator[Served]:
    async with AsyncExitStack() as stack:
        where = await stack.enter_async_context(home())
        backend = await stack.enter_async_context(planned())
        # Bound, but nobody listens: connections are refused, and nobody else gets the port.
        refusing = stack.enter_context(socket.socket())
        refusing.bind(("127.0.0.1", 0))
        port = free_port()
        m.write(where.folder / "base.yaml", [m.gateway_class(), m.gateway(m.listener(port))])
        m.write(
            where.folder / "backends.yaml",
            [
                *m.service("a", backend.port),
                *m.service("half", backend.port),
                _slice("half", refusing.getsockname()[1]),
            ],
        )
        routes: list[Document] = [
            m.http_route(name, {**m.rule(m.to("half" if name == "often" else "a")), **rule}, hostnames=[f"{name}.test"])
            for name, rule in RULES.items()
        ]
        routes.append(m.http_route("half", m.rule(m.to("half")), hostnames=["half.test"]))
        refused = {**m.rule(m.to("a")), "timeouts": {"request": "1s", "backendRequest": "2s"}}
        routes.append(m.http_route("refused", refused, hostnames=["refused.test"]))
        m.write(where.folder / "routes.yaml", routes)
        await stack.enter_async_context(standalone(where, "--concurrency", "1"))
        await answers(port, Ask("/", "none.test"), lambda answer: answer.status == 200)
        plans = {
            **{name: (case.rule, case.plan) for name, case in CASES.items()},
            **{f"{name} at first": (name, f"200+{LONG_MS}") for name in ("none", "zero", "zero-tries")},
            **{f"{name} within": (name, f"200~{LONG_MS}") for name in ("none", "request")},
        }
        async with asyncio.TaskGroup() as group:
            begun = {
                name: group.create_task(_ask(port, backend, rule, plan, within_s=LONG_MS / 1000 + 10))
                for name, (rule, plan) in plans.items()
            }
            yield Served(port, backend, begun)
            for task in begun.values():
                task.cancel()  # A run of some of the tests does not wait for them.


def _slice(name: str, port: int) -> Document:
    """Give a Service one more endpoint, on another port."""
    document = m.service(name, port)[1]
    return {**document, "metadata": {**document["metadata"], "name": f"{name}-more"}}


@dataclass(frozen=True, slots=True)
class Case:
    """A plan under a rule, the status that the client gets, and how many tries the backend sees."""

    rule: str
    plan: str
    status: int | None
    tries: int


CASES = {
    "quick enough": Case("request", "200+50", 200, 1),
    "request is over": Case("request", f"200+{SLOW_MS}", 504, 1),
    "request is over within the body": Case("request", f"200~{SLOW_MS}", None, 1),
    "backendRequest is over": Case("backend", f"200+{SLOW_MS}", 504, 1),
    "backendRequest is over within the body": Case("backend", f"200~{SLOW_MS}", None, 1),
    "the shorter of both": Case("both", f"200+{SLOW_MS}", 504, 1),
    "a code that is configured": Case("code-500", "500 200", 200, 2),
    "a code that is not": Case("code-500", "503 200", 503, 1),
    "no codes": Case("retry", "500 200", 500, 1),
    "one attempt by default": Case("code-500", "500 500 200", 500, 2),
    "several attempts and codes": Case("codes", "500 504 200", 200, 3),
    "the last code of the backend": Case("codes", "500 503 502 200", 502, 3),
    "attempts 0": Case("never", "500 200", 500, 1),
    "without retry": Case("none", "503 200", 503, 1),
    "a reset of a request that was sent": Case("codes", "reset 200", 503, 1),
    "gRPC UNAVAILABLE": Case("retry", "unavailable 200", 200, 2),
    "request holds a retry": Case("whole", "500 200", 200, 2),
    "request holds all tries": Case("whole", "500+2000 500+2000 200", 504, 2),
    "the next try after backendRequest": Case("each", f"200+{SLOW_MS} 200+{SLOW_MS} 200", 200, 3),
    "no try is left": Case("each", f"200+{SLOW_MS}", 504, 3),
    "a reset where backendRequest is set": Case("each", "reset 200", 200, 2),
    "request is over before the tries are": Case("each-and-whole", f"200+{SLOW_MS}", 504, 2),
}


@pytest.mark.parametrize("name", CASES)
async def test_request(served: Served, name: str) -> None:
    outcome = await served.begun[name]
    assert (outcome.status, len(outcome.tries)) == (CASES[name].status, CASES[name].tries)
    assert outcome.seconds < SLOW_MS / 1000


async def test_backoff_is_the_interval_from_which_waits_are_drawn(served: Served) -> None:
    """Envoy draws from nothing to `backoff`, and its own is 25 ms. All ten below 100 of 400 ms: one in a million."""
    outcomes = await asyncio.gather(*(served.ask("backoff", "500 200") for _ in range(10)))
    assert [(one.status, len(one.tries)) for one in outcomes] == [(200, 2)] * 10
    assert max(one.tries[1].at_s - one.tries[0].at_s for one in outcomes) > 0.1


async def test_a_connection_that_is_refused_is_tried_again_at_another_endpoint(served: Served) -> None:
    """Every second try meets the endpoint that refuses; many at once, so that retries are not rationed either."""
    async with load(Traffic([Ask("/", "half.test")], served.port, kept=2, new=2, rate=200)) as tally:
        while tally.requests < 100:  # noqa: ASYNC110 (the load counts by itself)
            await asyncio.sleep(0.02)
    assert tally.answers["503"] > 10, "without retries the refusals must show"

    async with load(Traffic([Ask("/", "often.test")], served.port, kept=16, new=16, rate=600)) as tally:
        while tally.requests < 1000:  # noqa: ASYNC110 (the load counts by itself)
            await asyncio.sleep(0.02)
    assert not tally.failures, str(tally)


HINTS = {
    "tries again": (("x-envoy-retry-on", "5xx"), ("x-envoy-max-retries", "3")),
    "tries again as if from within": (
        ("x-forwarded-for", "10.0.0.1"),
        ("x-envoy-internal", "true"),
        ("x-envoy-retry-on", "5xx"),
        ("x-envoy-max-retries", "3"),
    ),
    "tries codes again": (
        ("x-envoy-retry-on", "retriable-status-codes"),
        ("x-envoy-retriable-status-codes", "500"),
        ("x-envoy-max-retries", "3"),
    ),
    "tries gRPC again": (("x-envoy-retry-grpc-on", "unavailable"), ("x-envoy-max-retries", "3")),
    "hurries": (("x-envoy-upstream-rq-timeout-ms", "1"), ("x-envoy-upstream-rq-per-try-timeout-ms", "1")),
    "hedges": (("x-envoy-hedge-on-per-try-timeout", "true"), ("x-envoy-upstream-rq-per-try-timeout-ms", "1")),
}


@pytest.mark.parametrize("rule", ["none", "never"])
@pytest.mark.parametrize("hints", HINTS.values(), ids=HINTS)
async def test_headers_of_a_client_decide_nothing(
    served: Served, rule: str, hints: tuple[tuple[str, str], ...]
) -> None:
    outcome = await served.ask(rule, "500+50 200", *hints)
    assert (outcome.status, len(outcome.tries)) == (500, 1)
    sent = {name for name, _ in hints if name.startswith("x-envoy-")}
    assert not sent & outcome.tries[0].headers.keys()


async def test_what_is_refused_leaves_the_rest_served(served: Served) -> None:
    outcome = await served.ask("refused", "200")
    assert (outcome.status, outcome.tries) == (404, [])
    assert (await served.ask("both", "200")).status == 200


async def test_a_body_that_envoy_cannot_keep_is_sent_once(served: Served) -> None:
    async def post(size: int) -> tuple[int, int]:
        name = str(next(_ids))
        headers = {"host": "codes.test", "x-plan": "503 200", "x-id": name}
        async with (
            aiohttp.ClientSession() as client,
            client.post(f"http://127.0.0.1:{served.port}/", data=b"x" * size, headers=headers) as answer,
        ):
            return answer.status, len(served.backend.tries[name])

    assert await post(10_000) == (200, 2)
    assert await post(1_000_000) == (503, 1)


@pytest.mark.parametrize("rule", ["none", "zero", "zero-tries"])
async def test_without_a_limit_an_answer_may_take_long(served: Served, rule: str) -> None:
    """Last in this file, since they wait for what began before the first test."""
    outcome = await served.begun[f"{rule} at first"]
    assert outcome.status == 200
    assert outcome.seconds > LONG_MS / 1000


async def test_a_stream_that_goes_on_is_not_cut(served: Served) -> None:
    """Its head came at once and its end after more than Envoy's own limit; where a limit is set it does not come."""
    outcome = await served.begun["none within"]
    assert outcome.status == 200
    assert outcome.seconds > LONG_MS / 1000
    cut = await served.begun["request within"]
    assert cut.status is None
    assert cut.seconds < LONG_MS / 2000
