"""What the suite prints (`go test -v`), line by line: which test ended how, and the words of one that failed."""

from __future__ import annotations

import re
from collections import defaultdict
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

_TURN = re.compile(r"=== (?P<what>RUN|NAME|CONT|PAUSE) +(?P<test>\S+)")
_END = re.compile(r" *--- (?P<how>PASS|FAIL|SKIP): (?P<test>\S+) \((?P<seconds>[\d.]+)s\)")
_MARGIN = re.compile(r"^ +(?=\S)")

KEPT = 12
"""How many of the last words of a test are kept: the failure is among them."""


@dataclass(frozen=True, slots=True)
class Ended:
    """How a test ended; `name` is that of the suite, with its part behind a slash where it has such."""

    name: str
    how: str
    seconds: float


@dataclass
class Output:
    """Takes the lines of a run in order.

    Go says whose words follow each time that this changes; how tests ended, at the end of all, each before its parts.
    """

    ended: list[Ended] = field(default_factory=list)
    _test: str = ""
    _words: dict[str, list[str]] = field(default_factory=lambda: defaultdict(list))

    def take(self, line: str) -> str | None:
        """Take a line; give the name of the test that goes on from here, if that is told."""
        if turn := _TURN.match(line):
            self._test = _name(turn["test"])
            return self._test if turn["what"] in ("RUN", "CONT") else None
        if end := _END.match(line):
            self._test = ""
            self.ended.append(Ended(_name(end["test"]), end["how"], float(end["seconds"])))
        else:
            self._words[self._test] = [*self._words[self._test], _MARGIN.sub("", line.rstrip())][-KEPT:]
        return None

    def tests(self) -> list[Ended]:
        """Give the tests of the suite, without their parts and without the run as a whole."""
        return [one for one in self.ended if one.name and "/" not in one.name]

    def failures(self) -> Iterator[tuple[Ended, tuple[str, ...]]]:
        """Give the tests that failed, each with the last words of its parts that did."""
        for test in self.tests():
            if test.how == "FAIL":
                parts = [one.name for one in self.ended if one.how == "FAIL" and one.name.startswith(f"{test.name}/")]
                yield test, tuple(word for name in (test.name, *parts) for word in self._told(name))

    def _told(self, name: str) -> list[str]:
        words = self._words.get(name, [])
        return [f"[{name.partition('/')[2] or 'whole'}]", *words] if words else []


def _name(test: str) -> str:
    return test.partition("/")[2]
