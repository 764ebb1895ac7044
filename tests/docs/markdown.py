"""Commands of a guide, found in its text: fenced blocks whose first line says how they are to be run.

    ```sh run            must end with exit code 0 (`run exit=1`: with 1)
    ```sh eventually     is tried again until its output shows what follows: a change takes a moment
    ```sh serve WORDS    stays until the end of its section; goes on when its output has the words
    ```sh cluster        must end with exit code 0 in a cluster, at the checkout: run by `make e2e`, with `helm`
    ```text shows        lines that the output of the block before has among its own

Other blocks are not run. A section (`## Title`) is a case of its own: it starts with a fresh folder, and what it serves
ends with it.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

_FENCE = re.compile(r"^```(?P<info>[^\n`]*)\n(?P<text>.*?)^```$", re.MULTILINE | re.DOTALL)


@dataclass(frozen=True, slots=True)
class Block:
    """One command block: `how` is the word after `sh`, `words` what follows that; `shows` the expected lines."""

    how: str
    words: str
    script: str
    shows: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Section:
    """The blocks under one title that are to be run."""

    guide: str
    title: str
    blocks: tuple[Block, ...]

    @property
    def needs_a_cluster(self) -> bool:
        """Whether it is for a cluster."""
        return any(one.how == "cluster" for one in self.blocks)


def sections(guide: Path) -> Iterator[Section]:
    """Yield the sections of a guide that have something to run."""
    for part in re.split(r"^## ", guide.read_text(encoding="utf-8"), flags=re.MULTILINE)[1:]:
        title, _, text = part.partition("\n")
        blocks: list[Block] = []
        for fence in _FENCE.finditer(text):
            language, _, info = fence["info"].partition(" ")
            how, _, words = info.partition(" ")
            if (language, how) == ("text", "shows"):
                last = blocks.pop()
                blocks.append(Block(last.how, last.words, last.script, tuple(fence["text"].splitlines())))
            elif language == "sh" and info:
                blocks.append(Block(how, words, fence["text"]))
        if blocks:
            yield Section(guide.stem, title, tuple(blocks))
