"""What is served, saved into a file as it changes, for every way to run that has a source of its own."""

from __future__ import annotations

import time
from functools import partial
from importlib.metadata import version
from typing import TYPE_CHECKING

from xdsserver.files.saved import write_saved
from xdsserver.files.saver import Saver
from xdsserver.files.sealing import read_key
from xdsserver.files.snapshot import Snapshot
from xdsserver.observe.notices import Level, Notice

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from xdsserver.app.plane import ControlPlane
    from xdsserver.observe.notices import Report
    from xdsserver.settings import SavedStateSettings


def saver(settings: SavedStateSettings, plane: ControlPlane, report: Report) -> Saver:
    """Make what saves into the file.

    Raises:
        StateError: the key cannot be read, or is none.
    """
    key = read_key(settings.key_file) if settings.key_file is not None else None
    release = version("xdsserver")

    def prepare() -> Callable[[], None]:
        reconciler, precedents = plane.reconciler, plane.server.quarantine.precedents()
        objects, last_good = reconciler.pipeline.objects(), reconciler.last_good()
        snapshot = Snapshot(objects, reconciler.written, last_good, release, time.time(), precedents)
        return partial(write_saved, settings.file, snapshot, key)

    return Saver(prepare, _telling(settings.file, report))


def saver_of_precedents(file: Path, plane: ControlPlane, report: Report) -> Saver:
    """Make what saves into the file what Envoys reject, for the next start of whoever reads the objects anew."""
    release = version("xdsserver")

    def prepare() -> Callable[[], None]:
        precedents = plane.server.quarantine.precedents()
        snapshot = Snapshot({}, {}, precedents=precedents, release=release, saved_at_s=time.time())
        return partial(write_saved, file, snapshot)

    return Saver(prepare, _telling(file, report))


def _telling(file: Path, report: Report) -> Callable[[str], None]:
    def tell(words: str) -> None:
        level = Level.WARNING if words else Level.OK
        report(Notice(level, "state", words or f"{file} is saved again"))

    return tell
