"""A file's text cut into documents, before anything is parsed.

A line that starts with `---` or `...` ends a document wherever it stands, also within block text: YAML says so. That
is why one broken document cannot hide the ones after it, and why an unchanged document is known by its text.
"""

import re
from collections.abc import Iterator

MARKER = re.compile(r"^(?:---|\.\.\.)(?=[ \t\r\n]|\Z)", re.MULTILINE)


def split(text: str) -> Iterator[tuple[int, str]]:
    """Yield (line, text) of each document, without the comments before it; lines count from 1.

    What holds only comments and directives is no document.
    """
    line, start = 1, 0
    for marker in MARKER.finditer(text):
        yield from _document(line, text[start : marker.start()])
        line += text.count("\n", start, marker.start())
        start = marker.end()
    yield from _document(line, text[start:])


def _document(line: int, text: str) -> Iterator[tuple[int, str]]:
    start = 0
    while start < len(text):
        end = text.find("\n", start) + 1 or len(text)
        content = text[start:end].strip()
        if content and content[0] != "#" and text[start] != "%":
            yield line, text[start:]
            return
        line += 1
        start = end
