"""Rewrite the outputs of all cases and remove files that belong to none: `python -m tests.golden.rewrite`."""

from __future__ import annotations

import shutil

from tests.golden import versions
from tests.golden.cases import CASES, OUTPUTS, all_cases
from tests.golden.render import envoy, status, text


def main() -> None:
    """Rewrite all; outputs without a case are orphans."""
    cases = all_cases()
    for case in cases:
        for name, content in zip(OUTPUTS, (envoy(case), status(case)), strict=True):
            (case.folder / name).write_text(text(content))
    folders = {case.folder for case in cases}
    for folder in CASES.glob("*/*"):
        if folder not in folders:
            shutil.rmtree(folder)
    for area in CASES.iterdir():
        if not any(area.iterdir()):
            area.rmdir()
    versions.PATH.write_text(versions.text(versions.found()))


if __name__ == "__main__":
    main()
