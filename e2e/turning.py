"""`xdsserver serve` as it is run, with the turns of its event loop measured.

`python -m e2e.turning FILE python -m xdsserver serve ...` runs that command in this process. When it ends it leaves in
the file the longest turns in milliseconds of processor time, the longest first. The very first turn is not among them:
it imports what is measured with, before any port is open.
"""

from __future__ import annotations

import json
import sys
from heapq import heappush, heappushpop
from itertools import count
from pathlib import Path

from tests.turns import turns_measured
from xdsserver.cli import main

_COMMAND = 3
"""`python -m xdsserver`: words that we stand in for."""

_KEPT = 20

if __name__ == "__main__":
    _file = Path(sys.argv[1])
    sys.argv = ["xdsserver", *sys.argv[2 + _COMMAND :]]
    _longest: list[float] = []
    _turns = count()

    def _note(took_ms: float) -> None:
        if next(_turns) == 0:
            return
        if len(_longest) < _KEPT:
            heappush(_longest, took_ms)
        else:
            heappushpop(_longest, took_ms)

    with turns_measured(_note):
        try:
            main()
        finally:
            _file.write_text(json.dumps(sorted(_longest, reverse=True)))
