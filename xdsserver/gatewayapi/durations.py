"""Durations as users write them (GEP-2257): `1h30m`, `500ms`."""

from __future__ import annotations

import re
from typing import Final

_MILLISECONDS: Final = {"h": 3_600_000, "m": 60_000, "s": 1_000, "ms": 1}
_WHOLE: Final = re.compile(r"(?:[0-9]{1,5}(?:h|m|s|ms)){1,4}", re.ASCII)
_PART: Final = re.compile(r"([0-9]+)(ms|[hms])", re.ASCII)

EXAMPLE: Final = "write it as 1h30m or 500ms"
"""The remedy for what is no duration."""


def milliseconds(text: str) -> int | None:
    """Give the length of a duration, the sum of its parts, in milliseconds; None for what is no duration."""
    if _WHOLE.fullmatch(text) is None:
        return None
    return sum(int(number) * _MILLISECONDS[unit] for number, unit in _PART.findall(text))
