"""Compile our own messages: `protos/` in, `xdsserver/messages/` out (modules and their stubs).

What is made is committed, so that neither an installation nor a build needs a compiler; a test holds it to its source.
Usage: `python tools/messages.py [FOLDER]`, where FOLDER gets the `xdsserver` tree (without: this checkout).
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[1]
PROTOS = ROOT / "protos"


def main() -> int:
    """Compile into the folder named on the command line."""
    out = Path(sys.argv[1]) if len(sys.argv) > 1 else ROOT
    # protoc finds the plugin that writes stubs by its path; it stands beside the interpreter.
    plugin = Path(sys.executable).parent / "protoc-gen-mypy"
    sources = [path.relative_to(PROTOS).as_posix() for path in sorted(PROTOS.rglob("*.proto"))]
    command = (
        *(sys.executable, "-m", "grpc_tools.protoc", f"--proto_path={PROTOS}"),
        *(f"--plugin=protoc-gen-mypy={plugin}", f"--python_out={out}", f"--mypy_out=quiet:{out}"),
        *sources,
    )
    return subprocess.run(command, check=False).returncode


if __name__ == "__main__":
    sys.exit(main())
