"""Notices: one line each, for a terminal or as JSON for whatever collects logs."""

from __future__ import annotations

import json
import sys
import time
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import Enum
from typing import TYPE_CHECKING, Final, TextIO

if TYPE_CHECKING:
    from collections.abc import Callable


class Level(Enum):
    """How much a notice matters: `OK` for what was asked for and now is, `ERROR` for what is not in force."""

    INFO = "info"
    OK = "ok"
    WARNING = "warning"
    ERROR = "error"


@dataclass(frozen=True, slots=True)
class Notice:
    """One thing that happened; `subject` is what it happened to (an object, Envoy), `url` where it can be tried.

    `repeats` is how often the same was said since it was written last, and held back.
    """

    level: Level
    subject: str
    text: str
    url: str = ""
    repeats: int = 0


if TYPE_CHECKING:
    Report = Callable[[Notice], None]
    """Whoever is told what happens."""

FIELDS: Final = {
    "time": "when it was written: RFC 3339, UTC, milliseconds",
    "level": "`info`; `ok`: what was asked for is now so; `warning`; `error`: what was asked for is not in force",
    "subject": "what it happened to: `Kind/namespace/name` of an object, `Envoy`, `xDS`; may be empty",
    "message": "what happened",
    "url": "where it can be tried, for a listener that is served now; else missing",
    "repeats": "how often the same was said since it was written last, and held back; missing where it was not",
}
"""The fields of a line of JSON, which later versions may add to and do not rename; and what they mean."""

_COLOURS = {Level.INFO: "2", Level.OK: "32", Level.WARNING: "33", Level.ERROR: "31"}


def to_terminal(stream: TextIO | None = None) -> Report:
    """Write for people; coloured only where the stream is a terminal."""
    out = stream or sys.stderr
    coloured = out.isatty()

    def report(notice: Notice) -> None:
        level = f"{notice.level.value:<7}"
        if coloured:
            level = f"\x1b[{_COLOURS[notice.level]}m{level}\x1b[0m"
        subject = f"{_plain(notice.subject)}: " if notice.subject else ""
        again = f" ({notice.repeats:,} times more)" if notice.repeats else ""
        print(f"{time.strftime('%H:%M:%S')} {level} {subject}{_plain(notice.text)}{again}", file=out, flush=True)

    return report


def to_json(stream: TextIO | None = None) -> Report:
    """Write a JSON object a line, with the `FIELDS` that apply."""
    out = stream or sys.stderr

    def report(notice: Notice) -> None:
        now = datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
        fields = {"time": now, "level": notice.level.value, "subject": notice.subject, "message": notice.text}
        more = {"url": notice.url, "repeats": notice.repeats}
        # Escaped beyond ASCII: no character of a name moves a cursor or turns the direction of writing.
        print(json.dumps(fields | {name: value for name, value in more.items() if value}), file=out, flush=True)

    return report


def _plain(text: str) -> str:
    """Escape what would move a terminal's cursor: names and messages come from files that others may write."""
    return "".join(char if char.isprintable() or char == " " else repr(char)[1:-1] for char in text)
