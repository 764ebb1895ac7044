"""Run one target: `python -m tests.fuzz.run TARGET [FILE | option of libFuzzer]...`.

A program of its own, since libFuzzer ends the process in which it ran.
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

import atheris

# Only what reads bytes is watched for new ways through it: instructions cost time.
with atheris.instrument_imports(
    include=["xdsserver.gatewayapi", "xdsserver.objects.secret", "xdsserver.objects.decode"]
):
    from tests.fuzz.targets import TARGETS, seeds


def main() -> None:
    """Make the first inputs and hand over to libFuzzer."""
    _, target, *options = sys.argv
    with tempfile.TemporaryDirectory(prefix="fuzz-") as corpus:
        for number, seed in enumerate(seeds(target)):
            (Path(corpus) / f"{number}").write_bytes(seed)
        files = [] if any(not option.startswith("-") for option in options) else [corpus]
        atheris.Setup([sys.argv[0], *options, *files], TARGETS[target])
        atheris.Fuzz()


if __name__ == "__main__":
    main()
