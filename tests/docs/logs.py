"""What a run says, from the fields that it is written with and the limits that it keeps to."""

from __future__ import annotations

from tests.docs.reference import DOCS, MADE
from xdsserver.observe.notices import FIELDS
from xdsserver.observe.restraint import RestraintLimits

PAGE = DOCS / "reference" / "logs.md"


def page() -> str:
    """Make the page."""
    limits = RestraintLimits()
    rows = "".join(f"| `{name}` | {means} |\n" for name, means in FIELDS.items())
    return f"""\
{MADE}# What a run says

A line for each thing that happened, on the error output: for people, or with `--log-format json` as a JSON object.
Names and messages of objects are escaped in both, so that none of them moves a cursor or begins a line.

| field | meaning |
|---|---|
{rows}
Later versions may add fields; these keep their names and meanings. Words of `message` may change: alerts belong on
[metrics](metrics.md), and on conditions of objects.

## What happens all the time is told once
- The same words about the same subject pass {limits.same} times within {limits.window_s:g} seconds. What is said
  beyond that is counted, and told once in {limits.window_s:g} seconds with `repeats`.
- Of each level {limits.burst:,} notices pass at once and {limits.rate:g} a second after that. How many more there were
  is told every {limits.window_s:g} seconds with the subject `log`; each object's status has its own.
"""
