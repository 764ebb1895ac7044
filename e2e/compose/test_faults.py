"""Each part of the stack is paused, killed, cut off and restarted while it is asked: who notices, and who must not."""

from __future__ import annotations

import uuid
from typing import TYPE_CHECKING

import pytest

from e2e.compose.stack import Fault, until

if TYPE_CHECKING:
    from e2e.compose.stack import Counts, Stack

FAULTS = [pytest.param(fault, id=fault.value) for fault in Fault]


@pytest.mark.parametrize("fault", FAULTS)
def test_a1_no_request_notices_what_happens_to_the_server(stack: Stack, fault: Fault) -> None:
    """A1: no failed request while it is away or when it comes back; what was changed meanwhile is then in force."""
    word = f"server-{uuid.uuid4().hex[:8]}"
    stack.answered_again(answers=5)
    before = stack.settled()
    with stack.broken("server", fault):
        stack.say(word)
        until_no_answer(stack, of="nobody")
        # It is away indeed: what was changed is not in force.
        assert word not in {stack.said(envoy) for envoy in stack.envoys}
    stack.until_said(word)
    assert failures(before, stack.settled()) == {}


@pytest.mark.parametrize("fault", FAULTS)
def test_a5_only_who_asks_this_envoy_notices_what_happens_to_it(stack: Stack, fault: Fault) -> None:
    """A5: no failed request at the other one; back again it answers as before, and with what was changed meanwhile."""
    word = f"envoy-{uuid.uuid4().hex[:8]}"
    stack.answered_again(answers=5)
    before = stack.settled()
    with stack.broken("envoy-1", fault):
        stack.say(word)
        until_no_answer(stack, of="//envoy-1:")
        until(lambda: stack.said("envoy-2") == word, "the other Envoy gets the change")
    stack.until_said(word)
    stack.answered_again()
    failed = failures(before, stack.settled())
    assert all("//envoy-1:" in url for url in failed), failed


@pytest.mark.parametrize("fault", FAULTS)
def test_only_who_asks_for_a_backend_notices_what_happens_to_it(stack: Stack, fault: Fault) -> None:
    """Requests for the other one go on through both Envoys; back again, perhaps at another address, it is found."""
    stack.answered_again(answers=5)
    before = stack.settled()
    with stack.broken("blue", fault):
        until_no_answer(stack, of="/blue")
    stack.answered_again()
    failed = failures(before, stack.settled())
    assert all(url.endswith("/blue") for url in failed), failed


def until_no_answer(stack: Stack, *, of: str) -> None:
    """Wait until those whose address has these letters do not answer once while all others answer 30 times."""
    began = stack.counts()

    def done() -> bool:
        nonlocal began
        now = stack.counts()
        if any(now[url].answered > one.answered for url, one in began.items() if of in url):
            # What was under way when the fault came, or on its way through an Envoy that did not know yet.
            began = now
        return all(now[url].answered >= one.answered + 30 for url, one in began.items() if of not in url)

    until(done, f"no answer of {of}, and of all others")


def failures(before: dict[str, Counts], after: dict[str, Counts]) -> dict[str, dict[str, int]]:
    """Return by address what has failed in between, and why."""
    return {
        url: {reason: n - before[url].reasons.get(reason, 0) for reason, n in one.reasons.items()}
        for url, one in after.items()
        if one.failed > before[url].failed
    }
