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

    from xdsserver.observe.notices import Report
    from xdsserver.reconciler import Reconciler
    from xdsserver.settings import SavedStateSettings


def saver(settings: SavedStateSettings, reconciler: Reconciler, report: Report) -> Saver:
    """Make what saves into the file.

    Raises:
        StateError: the key cannot be read, or is none.
    """
    key = read_key(settings.key_file) if settings.key_file is not None else None
    release = version("xdsserver")

    def prepare() -> Callable[[], None]:
        objects, last_good = reconciler.pipeline.objects(), reconciler.last_good()
        snapshot = Snapshot(objects, reconciler.written, last_good, release, time.time())
        return partial(write_saved, settings.file, snapshot, key)

    def tell(words: str) -> None:
        level = Level.WARNING if words else Level.OK
        report(Notice(level, "state", words or f"{settings.file} is saved again"))

    return Saver(prepare, tell)
