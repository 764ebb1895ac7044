"""Pin and hash the requirements: what runs, that with the tools, and what makes a wheel (`requirements*.txt`).

The files name packages, versions and hashes, never an address, so they install from whatever index pip is configured
with. All are universal: one file for every Python from `requires-python` on and every platform.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path

HEADER = "# Made by `make lock` from pyproject.toml. Install with: pip install --require-hashes -r {name}\n"
WHAT_RUNS = ("pyproject.toml", "--extra", "standalone")
TESTED = "requirements-dev.txt"
# What is tested comes first: the others get the same versions, also where some tool wants an older one.
OUTPUTS = {
    TESTED: (*WHAT_RUNS, "--group", "dev"),
    "requirements.txt": WHAT_RUNS,
    "requirements-build.txt": ("--group", "build"),
}
COMPILE = (
    *("uv", "pip", "compile"),
    *("--universal", "--generate-hashes", "--no-header", "--no-annotate", "--quiet", "--upgrade"),
)


def main() -> int:
    """Write the files; an address in one is an error, and then none is touched."""
    environment = _index_environment()
    compile_ = (Path(sys.executable).parent / COMPILE[0], *COMPILE[1:])
    texts: dict[str, str] = {}
    with tempfile.TemporaryDirectory() as folder:
        tested = Path(folder) / TESTED
        for name, what in OUTPUTS.items():
            held = ("--constraints", tested) if texts else ()
            texts[name] = HEADER.format(name=name) + _run((*compile_, *what, *held), environment)
            if name == TESTED:
                tested.write_text(texts[name], encoding="utf-8")
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
