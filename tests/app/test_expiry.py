"""When the first of the certificates that are shown runs out, as the metric says it."""

from __future__ import annotations

import math
from datetime import UTC, datetime

import pytest

from tests.golden.cases import all_cases
from tests.golden.world import settle
from xdsserver.app.expiry import Expiry
from xdsserver.reconciler import Outcome
from xdsserver.xds.resource import SECRET


@pytest.mark.parametrize(
    ("name", "first_s"),
    [
        ("tls/one_https_listener", datetime(2126, 1, 1, tzinfo=UTC).timestamp()),
        ("gateway/one_listener", math.inf),
    ],
)
async def test_the_first_certificate_to_run_out_counts(name: str, first_s: float) -> None:
    case = next(case for case in all_cases() if case.name == name)
    pipeline = settle(case).reconciler.pipeline
    told: list[float] = []
    expiry = Expiry(pipeline, lambda _said: None, told.append)

    expiry.published(Outcome({("fleet", SECRET, "certificate/default/example"): None}, {}, {}, {}))

    expiry.close()
    assert told == [first_s]
