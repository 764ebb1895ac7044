"""What programs of this machine need beside themselves: shared libraries, as the dynamic linker finds them."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable


class NotHereError(Exception):
    """A program or a library that an image needs is not on this machine; the message says which."""


def libraries(files: Iterable[Path]) -> frozenset[Path]:
    """Return the paths of the libraries of programs and libraries, the dynamic linker among them.

    Raises:
        NotHereError: one of them is missing.
    """
    listed = sorted(files)
    # The exit code says only that one of the files is linked statically.
    told = subprocess.run(["ldd", *listed], capture_output=True, text=True, check=False).stdout
    if missing := sorted(set(re.findall(r"(\S+) => not found", told))):
        message = f"libraries are not on this machine: {', '.join(missing)}"
        raise NotHereError(message)
    return frozenset(Path(path) for path in re.findall(r"^\s+(?:\S+ => )?(/\S+) \(0x", told, re.MULTILINE))


def existing(path: str, package: str) -> Path:
    """Return the path of a file that a package of the distribution brings.

    Raises:
        NotHereError: it is not here; the message names the package.
    """
    found = Path(path)
    if not found.exists():
        message = f"{path} is not on this machine: install the package {package}"
        raise NotHereError(message)
    return found
