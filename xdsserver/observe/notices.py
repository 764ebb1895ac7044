"""Notices: one line each, for a terminal or as JSON for whatever collects logs."""

from __future__ import annotations

import json
import sys
import time
from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING, TextIO

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
    """One thing that happened; `subject` is what it happened to (an object, Envoy), `url` where it can be tried."""

    level: Level
    subject: str
    text: str
    url: str = ""


if TYPE_CHECKING:
    Report = Callable[[Notice], None]
    """Whoever is told what happens."""

_COLOURS = {Level.INFO: "2", Level.OK: "32", Level.WARNING: "33", Level.ERROR: "31"}


def to_terminal(stream: TextIO | None = None) -> Report:
    """Write for people; coloured only where the stream is a terminal."""
    out = stream or sys.stderr
    coloured = out.isatty()

    def report(notice: Notice) -> None:
        level = f"{notice.level.value:<7}"
        if coloured:
            level = f"\x1b[{_COLOURS[notice.level]}m{level}\x1b[0m"
        subject = f"{notice.subject}: " if notice.subject else ""
        print(f"{time.strftime('%H:%M:%S')} {level} {subject}{_plain(notice.text)}", file=out, flush=True)

    return report


def to_json(stream: TextIO | None = None) -> Report:
    """Write a JSON object a line: `time` (seconds since 1970), `level`, `subject`, `text`; `url` where there is one."""
    out = stream or sys.stderr

    def report(notice: Notice) -> None:
        fields = {"time": round(time.time(), 3), "level": notice.level.value, "subject": notice.subject}
        url = {"url": notice.url} if notice.url else {}
        print(json.dumps({**fields, "text": notice.text, **url}), file=out, flush=True)

    return report


def _plain(text: str) -> str:
    """Escape what would move a terminal's cursor: names and messages come from files that others may write."""
    return "".join(char if char.isprintable() or char == " " else repr(char)[1:-1] for char in text)
