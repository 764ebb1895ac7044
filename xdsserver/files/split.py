"""A file's text cut into documents, before anything is parsed.

A line that starts with `---` or `...` ends a document wherever it stands, also within block text: YAML says so. That
is why one broken document cannot hide the ones after it, and why an unchanged document is known by its text.
"""

import re
from collections.abc import Iterator

MARKER = re.compile(r"^(?:---|\.\.\.)(?=[ \t\r\n]|\Z)", re.MULTILINE)


def split(text: str) -> Iterator[tuple[int, str]]:
    """Yield (line, text) of each document that holds more than comments; lines count from 1."""
    line, start = 1, 0
    for marker in MARKER.finditer(text):
        yield from _document(line, text[start : marker.start()])
        line += text.count("\n", start, marker.start())
        start = marker.end()
    yield from _document(line, text[start:])


def _document(line: int, text: str) -> Iterator[tuple[int, str]]:
    if any(part.strip() and part.lstrip()[0] != "#" and part[0] != "%" for part in text.splitlines()):
        yield line, text
