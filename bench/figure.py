"""A figure: what was measured, in which unit, for which parameters, and the goal that it is held to."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping


@dataclass(frozen=True, slots=True)
class Figure:
    """One measured value; `at_most` or `at_least` is the goal, none where the figure is for reading only."""

    name: str
    value: float
    unit: str
    params: Mapping[str, int | str] = field(default_factory=dict)
    at_most: float | None = None
    at_least: float | None = None
    note: str = ""

    @property
    def verdict(self) -> str:
        """`pass`, `miss`, or nothing where there is no goal."""
        if self.at_most is not None:
            return "pass" if self.value <= self.at_most else "miss"
        if self.at_least is not None:
            return "pass" if self.value >= self.at_least else "miss"
        return ""

    @property
    def goal(self) -> str:
        """The goal in words."""
        if self.at_most is not None:
            return f"<= {self.at_most:g}"
        return f">= {self.at_least:g}" if self.at_least is not None else ""

    def line(self) -> str:
        """Give the figure as a JSON object."""
        fields = {"name": self.name, "value": round(self.value, 4), "unit": self.unit, "params": dict(self.params)}
        return json.dumps({**fields, "cores": os.cpu_count()})


def percentile(samples: Iterable[float], share: float) -> float:
    """Give the sample below which this share of the samples lies (nearest rank)."""
    ordered = sorted(samples)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))]


def table(figures: Iterable[Figure]) -> str:
    """Lay the figures out for people."""
    rows = [("figure", "value", "unit", "goal", "", "")]
    for one in figures:
        params = ", ".join(f"{name} {value}" for name, value in one.params.items())
        name = f"{one.name} {{{params}}}" if params else one.name
        value = f"{one.value:,.3f}".rstrip("0").rstrip(".")
        rows.append((name, value, one.unit, one.goal, one.verdict, one.note))
    widths = [max(len(row[column]) for row in rows) for column in range(5)]
    lines = []
    for row in rows:
        cells = (
            cell.rjust(width) if column == 1 else cell.ljust(width)
            for column, (cell, width) in enumerate(zip(row[:5], widths, strict=True))
        )
        lines.append(f"{'  '.join(cells)}  {row[5]}".rstrip())
    return "\n".join([*lines, f"{os.cpu_count()} cores"])
