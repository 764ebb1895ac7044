"""Pin and hash the requirements: `requirements.txt` (what runs) and `requirements-dev.txt` (that, and the tools).

The files name packages, versions and hashes, never an address, so they install from whatever index pip is configured
with. Both are universal: one file for every Python from `requires-python` on and every platform.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

HEADER = "# Made by `make lock` from pyproject.toml. Install with: pip install --require-hashes -r {name}\n"
OUTPUTS = {"requirements.txt": (), "requirements-dev.txt": ("--group", "dev")}
COMPILE = (
    *("uv", "pip", "compile", "pyproject.toml", "--extra", "standalone"),
    *("--universal", "--generate-hashes", "--no-header", "--no-annotate", "--quiet", "--upgrade"),
)


def main() -> int:
    """Write both files; an address in either is an error, and then neither is touched."""
    environment = _index_environment()
    texts = {
        name: HEADER.format(name=name)
        + _run((Path(sys.executable).parent / COMPILE[0], *COMPILE[1:], *extra), environment)
        for name, extra in OUTPUTS.items()
    }
    for name, text in texts.items():
        if found := re.search(r"^.*(://|--index|--extra-index|--find-links).*$", text, re.MULTILINE):
            print(f"{name} would name an address: {found[0]}", file=sys.stderr)
            return 1
    for name, text in texts.items():
        Path(name).write_text(text, encoding="utf-8")
        print(f"{name}: {text.count('==')} packages")
    return 0


def _index_environment() -> dict[str, str]:
    """Tell uv what pip has been told: uv reads neither pip's files nor its variables."""
    environment = dict(os.environ)
    listed = _run((sys.executable, "-m", "pip", "config", "list"), environment)
    told = dict(re.findall(r"^(?:global|install|:env:)\.([a-z-]+)='(.*)'$", listed, re.MULTILINE))
    for option, variable in (
        ("index-url", "UV_DEFAULT_INDEX"),
        ("extra-index-url", "UV_INDEX"),
        ("cert", "SSL_CERT_FILE"),
    ):
        if option in told:
            environment.setdefault(variable, told[option])
    return environment


def _run(command: tuple[str | Path, ...], environment: dict[str, str]) -> str:
    return subprocess.run(command, env=environment, stdout=subprocess.PIPE, check=True, text=True).stdout


if __name__ == "__main__":
    sys.exit(main())
