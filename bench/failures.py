"""The zero-drop cases of the live tests, as figures: how many requests failed, out of how many."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from bench.figure import Figure
from tests.live.edits import edits_under_load
from tests.live.restarts import restart_apart, restart_kept

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.live.load import Tally

_EDITS = 50
_LOAD_S = 8.0


def _failed(case: str, tally: Tally) -> Figure:
    note = f"{tally.requests} requests, {tally.rate:.0f}/s"
    return Figure("failed_requests", len(tally.failures), "requests", {"case": case}, at_most=0, note=note)


def figures() -> Iterator[Figure]:
    """Run each case once."""
    report = asyncio.run(edits_under_load(_EDITS, _LOAD_S))
    case = f"{report.edits} route edits"
    yield _failed(case, report.tally)
    torn = "header of one edit, backend of another"
    yield Figure("torn_answers", sum(report.torn.values()), "answers", {"case": case}, at_most=0, note=torn)
    yield _failed("server killed, Envoy apart", asyncio.run(restart_apart("killed", _LOAD_S)))
    yield _failed("server stopped, Envoy kept", asyncio.run(restart_kept("stopped", _LOAD_S)))
