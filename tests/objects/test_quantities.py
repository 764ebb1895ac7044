"""Amounts are read as an API server reads them."""

from __future__ import annotations

from fractions import Fraction

import pytest

from xdsserver.objects.quantities import amount, canonical


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("1", Fraction(1)),
        (2, Fraction(2)),
        ("1.", Fraction(1)),
        (".5", Fraction(1, 2)),
        ("500m", Fraction(1, 2)),
        ("1u", Fraction(1, 10**6)),
        ("1k", Fraction(1000)),
        ("1Ki", Fraction(1024)),
        ("1.5Gi", Fraction(3 * 2**29)),
        ("1E", Fraction(10**18)),
        ("1E3", Fraction(1000)),
        ("1e-2", Fraction(1, 100)),
        ("+1e+2", Fraction(100)),
        ("-1", Fraction(-1)),
    ],
)
def test_an_amount_is_read(text: str | int, value: Fraction) -> None:
    assert amount(text) == value


@pytest.mark.parametrize("text", ["", "x", "1 Gi", "1gi", "1e", "1e1000000000", "1e9i", "\u0661", "1Mi2"])
def test_what_is_no_amount_is_none(text: str) -> None:
    assert amount(text) is None


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        *(("1024Mi", "1Gi"), ("10240Mi", "10Gi"), ("1.5Gi", "1536Mi"), ("2000M", "2G"), ("10737418240", "10737418240")),
        *(("0", "0"), ("1e3", "1e3"), ("500m", "500m"), ("x", "x"), ("5Ti", "5Ti")),
    ],
)
def test_amounts_are_written_as_a_server_gives_them_back(text: str, shown: str) -> None:
    assert canonical(text) == shown
