"""Routes are edited under load: each edit takes effect, and no request fails."""

from __future__ import annotations

import pytest

from tests.live.edits import edits_under_load

pytestmark = [pytest.mark.live, pytest.mark.alone]


async def test_fifty_edits_fail_no_request(load_s: float) -> None:
    """Weights, a new rule before the others, a backend swapped and back, a hostname added, over and over, by file.

    Every edit is seen in an answer before the next one; at least 500 requests per second go on meanwhile, on new and on
    kept connections; no retry policy and no second attempt hides anything: backends count what clients count.
    """
    report = await edits_under_load(edits=50, at_least_s=load_s)
    assert not report.tally.failures, str(report.tally)
    assert report.tally.requests >= 2000
    assert report.tally.dense, str(report.tally)
    assert report.edits >= 50
    assert report.hidden == {}
    assert report.served == report.asked
    # One answer never mixes two generations of a route: the header of one edit, the backend of another.
    assert report.torn == {}
