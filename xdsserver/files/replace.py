"""A file is replaced as a whole: whoever reads it finds the old one or the new one, whenever we are killed."""

import contextlib
import os
import stat
import tempfile
from pathlib import Path


def replace_file(path: Path, content: bytes) -> None:
    """Write a file that its owner alone may read; its folder is made where there is none. Blocks until it is on disk.

    A symbolic link stays, and what it leads to is replaced. Raises OSError, also for what is no regular file: a device
    would be replaced by a file.
    """
    place = path.resolve()
    if place.exists() and not stat.S_ISREG(place.stat().st_mode):
        message = "it is there already, and is not a regular file"
        raise OSError(message)
    place.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    # Made with mode 0600, in the same folder: a file system renames within itself only.
    handle, temporary = tempfile.mkstemp(dir=place.parent, prefix=f".{place.name}.")
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(content)
            file.flush()
            # Before the name leads to it, or a power cut may leave a new name on an empty file.
            os.fsync(file.fileno())
        Path(temporary).replace(place)
    except OSError:
        Path(temporary).unlink(missing_ok=True)
        raise
    with contextlib.suppress(OSError):
        # The name is durable too then. Some file systems do not know how, and the content is safe without.
        _sync_folder(place.parent)


def _sync_folder(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
