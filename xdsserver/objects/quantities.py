"""Amounts as Kubernetes writes them: `500m`, `1.5`, `1Gi`, `1e3`."""

from __future__ import annotations

import re
from fractions import Fraction
from typing import Final

_QUANTITY: Final = re.compile(
    r"([+-]?(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+))([KMGTPE]i|[numkMGTPE]|[eE][+-]?[0-9]+)?", re.ASCII
)
_BINARY: Final = "KMGTPE"
_DECIMAL: Final = {"n": -9, "u": -6, "m": -3, "k": 3, "M": 6, "G": 9, "T": 12, "P": 15, "E": 18}
_MAX_EXPONENT: Final = 30


def amount(text: str | int) -> Fraction | None:
    """Read an amount; None for what is none, or has an exponent beyond all that an API server takes."""
    found = _QUANTITY.fullmatch(str(text))
    if found is None:
        return None
    number, suffix = Fraction(found[1].removesuffix(".")), found[2] or ""
    if suffix.endswith("i"):
        return number * Fraction(1024 ** (_BINARY.index(suffix[0]) + 1))
    # `E` alone is a suffix, `E3` an exponent.
    exponent = int(suffix[1:]) if suffix[1:] else _DECIMAL.get(suffix, 0)
    return number * _power(exponent) if abs(exponent) <= _MAX_EXPONENT else None


def canonical(text: str) -> str:
    """Write a whole amount as an API server gives it back: `1024Mi` is `1Gi`, `2000M` is `2G`; others stay."""
    found, number = _QUANTITY.fullmatch(text), amount(text)
    if found is None or number is None or number.denominator != 1 or (found[2] or "")[1:].isdigit():
        return text
    binary = (found[2] or "").endswith("i")
    base, suffixes = (1024, [f"{one}i" for one in _BINARY]) if binary else (1000, list("kMGTPE"))
    whole, shown = int(number), ""
    for suffix in suffixes:
        if whole == 0 or whole % base:
            break
        whole, shown = whole // base, suffix
    return f"{whole}{shown}"


def _power(exponent: int) -> Fraction:
    return Fraction(10**exponent) if exponent >= 0 else Fraction(1, 10**-exponent)
