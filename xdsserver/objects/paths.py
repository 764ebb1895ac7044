"""Where in a document something is, and what is wrong there."""

import json
import re
from dataclasses import dataclass
from difflib import get_close_matches
from typing import TYPE_CHECKING

from typing_extensions import override

if TYPE_CHECKING:
    from collections.abc import Iterable

Path = tuple[str | int, ...]
"""Keys and list positions from the root of a document, such as ("spec", "rules", 0)."""

SHOWN = 60
"""Characters of a user's value that a message repeats."""
_BASE64 = re.compile(r"[A-Za-z0-9+/]{24,}={0,2}")
"""What base64 looks like from a length on that no name has."""
PLAIN = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-")


def render(path: Path) -> str:
    """Write a path as people do, `spec.rules[0].matches`; a key with other characters is quoted in brackets."""
    out = ""
    for part in path:
        if isinstance(part, int):
            out += f"[{part}]"
        elif part and PLAIN.issuperset(part):
            out += f".{_hidden(part)}" if out else _hidden(part)
        else:
            out += f"[{quote(part)}]"
    return out


def quote(text: str) -> str:
    """Quote text of a user for a message: short, on one line, control and direction characters escaped."""
    text = _hidden(text)
    return json.dumps(text if len(text) <= SHOWN else text[: SHOWN - 1] + "…").replace("\\u2026", "…")


def _hidden(text: str) -> str:
    """Leave out what may be a key: a slip of indentation makes names, tags and aliases out of the lines of a PEM."""
    return _BASE64.sub(lambda found: "…" if _mixed(found[0]) else found[0], text)


def _mixed(run: str) -> bool:
    """Tell base64 from a long word, a number, or a digest."""
    return not (run.islower() or run.isupper()) and any(map(str.isdigit, run))


@dataclass(frozen=True, slots=True)
class FieldError:
    """A field that is wrong; `message` says what was found and what was expected, and needs no more context."""

    path: Path
    message: str

    @property
    def field(self) -> str:
        """The path as text; empty for the whole document."""
        return render(self.path)

    @override
    def __str__(self) -> str:
        return f"{self.field}: {self.message}" if self.path else self.message


def by_path(error: FieldError) -> list[tuple[str, int]]:
    """Sort key: by fields, and entries of lists by their number."""
    return [("", part) if isinstance(part, int) else (part, 0) for part in error.path]


def did_you_mean(word: str, candidates: "Iterable[str]") -> str:
    """Return `; did you mean "hostnames"?`, or nothing where no candidate is near."""
    near = get_close_matches(word[:SHOWN], [*candidates], n=1)
    if not near:
        folded = {candidate.casefold(): candidate for candidate in candidates}
        near = [folded[word.casefold()]] if word.casefold() in folded else []
    return f"; did you mean {quote(near[0])}?" if near else ""
