"""No request fails and no answer is torn, whatever is changed: one folder, one Envoy, case after case under load.

At least 500 requests per second go on, on new and on kept connections. Nothing is tried again: not by the client,
not by a route, and Envoy's counters and those of the backends show no attempt that nobody saw.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
import pytest_asyncio

from tests.live.changes import CASES, stage

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from tests.live.changes import Case, Report, Stage

pytestmark = [pytest.mark.live, pytest.mark.alone, pytest.mark.asyncio(loop_scope="module")]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def on() -> AsyncIterator[Stage]:
    async with stage() as found:
        yield found


def check(report: Report) -> None:
    assert not report.tally.failures, str(report.tally)
    assert report.torn == {}
    assert report.hidden == {}
    assert report.unseen == 0
    assert report.tally.dense, str(report.tally)


async def test_x13_five_hundred_routes_swapped_to_new_backends_fail_no_request(on: Stage, window_s: float) -> None:
    """X13: CDS+EDS, LDS, RDS, (ACK), removals last: swap all backends of 500 routes under load, 0 non-2xx."""
    check(await on.change_under_load(CASES[0], window_s, at_least=2))


@pytest.mark.parametrize("case", CASES[1:], ids=lambda case: case.name)
async def test_a_change_fails_no_request_and_tears_no_answer(on: Stage, window_s: float, case: Case) -> None:
    check(await on.change_under_load(case, window_s, at_least=3))
