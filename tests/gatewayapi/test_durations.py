"""Durations: the test vectors of GEP-2257."""

from __future__ import annotations

import pytest

from xdsserver.gatewayapi.durations import milliseconds

H, M, S = 3_600_000, 60_000, 1_000


@pytest.mark.parametrize(
    ("text", "expected_ms"),
    [
        ("0h", 0),
        ("0s", 0),
        ("0h0m0s", 0),
        ("1h", H),
        ("01h", H),
        ("00060m", H),
        ("30m", 30 * M),
        ("10s", 10 * S),
        ("500ms", 500),
        ("2h30m", 2 * H + 30 * M),
        ("7230s", 7230 * S),
        ("10s30m1h", H + 30 * M + 10 * S),
        ("100ms200ms300ms", 600),
        ("1h2h20m10m", 3 * H + 30 * M),
        ("99999h99999h99999h99999h", 4 * 99999 * H),
    ],
)
def test_a_duration_is_the_sum_of_its_parts(text: str, expected_ms: int) -> None:
    assert milliseconds(text) == expected_ms


@pytest.mark.parametrize(
    "text",
    [
        "",
        "0",
        "1",
        "1m1",
        "1d",
        "1h30m10s20ms50h",
        "999999h",
        "1.5h",
        "-15m",
        " 1s",
        "1s\n",
        "1S",
        "\u0661s",
        "ms",
        "1us",
    ],
)
def test_what_is_no_duration_is_told_apart(text: str) -> None:
    assert milliseconds(text) is None
