"""Paths as Envoy cleans them: dots resolved, slashes merged, what needs no escape unescaped (RFC 3986, section 6.2.2).

It is the library of a browser that Envoy uses, so that a backslash is a slash, and what a browser would escape is
escaped.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

_ESCAPED_SLASH: Final = re.compile("%2[Ff]|%5[Cc]")
_SLASHES: Final = re.compile("/{2,}")
_DOTS: Final = re.compile(r"%2[Ee]")
_ESCAPE: Final = re.compile(r"%([0-9A-Fa-f]{2})")
_UNRESERVED: Final = frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~")
"""What is the same with and without escape."""
_ESCAPED_ALWAYS: Final = re.compile(r"[\"<>^`{|}]")
"""What may not stand in a path as it is."""


@dataclass(frozen=True, slots=True)
class Cleaning:
    """What of a path is cleaned: dots and escapes, slashes in a row, escaped slashes (clients are sent elsewhere)."""

    canonical: bool
    slashes: bool
    escaped_slashes: bool


@dataclass(frozen=True, slots=True)
class UnescapedSlashes:
    """A path that had escaped slashes, and what it is without them, with its query."""

    target: str


def clean(target: str, cleaning: Cleaning) -> str | UnescapedSlashes | None:
    """Clean the path of a target (path and query); None where it cannot be read."""
    path, mark, query = target.partition("?")
    if not path.startswith("/"):
        return None
    unescaped = _ESCAPED_SLASH.sub(_slash, path) if cleaning.escaped_slashes else path
    canonical = _canonical(unescaped) if cleaning.canonical else unescaped
    if canonical is None:
        return None
    cleaned = (_SLASHES.sub("/", canonical) if cleaning.slashes else canonical) + mark + query
    return UnescapedSlashes(cleaned) if unescaped != path else cleaned


def _slash(found: re.Match[str]) -> str:
    return "/" if found[0][1] == "2" else "\\"


def _canonical(path: str) -> str | None:
    if "%00" in path:
        return None
    out: list[str] = []
    segments = _DOTS.sub(".", path.replace("\\", "/")).split("/")[1:]
    for number, segment in enumerate(segments):
        last = number == len(segments) - 1
        if segment == "..":
            del out[-1:]
        elif segment != ".":
            out.append(segment)
            continue
        if last:
            out.append("")
    joined = "/" + "/".join(out)
    return _ESCAPED_ALWAYS.sub(_escaped, _ESCAPE.sub(_unescaped, joined))


def _unescaped(found: re.Match[str]) -> str:
    letter = chr(int(found[1], 16))
    return letter if letter in _UNRESERVED else found[0]


def _escaped(found: re.Match[str]) -> str:
    return f"%{ord(found[0]):02X}"
