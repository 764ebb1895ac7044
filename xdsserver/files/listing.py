"""Which files a folder has, and their bytes: the only module that touches the disk.

Only regular files inside the folder are read, told after links are resolved: a mounted ConfigMap (`a.yaml` -> `..data/
a.yaml`, `..data` -> a directory with a time in its name) is inside; `/etc/passwd` is not. Names that start with a dot
are not listed, but links may lead to them.
"""

import os
import stat
from dataclasses import dataclass, field
from pathlib import Path

from xdsserver.files.values import MIB, Limits

SUFFIXES = frozenset({".yaml", ".yml", ".json"})
BINARY_PROBE_BYTES = 8192


class Refused(Exception):  # noqa: N818  (the user's file is refused; nothing failed here)
    """A file is not read; the text says why and what would help."""


class Vanished(Exception):  # noqa: N818
    """A file was there a moment ago."""


@dataclass(frozen=True, slots=True)
class Signature:
    """What changes when a file's content may have changed."""

    device: int
    inode: int
    size: int
    modified_ns: int
    changed_ns: int
    mode: int

    @staticmethod
    def of(status: os.stat_result) -> "Signature":
        """Take it from a file's status."""
        return Signature(
            status.st_dev,
            status.st_ino,
            status.st_size,
            status.st_mtime_ns,
            status.st_ctime_ns,
            status.st_mode,
        )


@dataclass(slots=True)
class Listing:
    """What a look at the folder found."""

    files: dict[str, str] = field(default_factory=dict)
    """Name relative to the folder -> real path, for all files that look readable; in order of names."""
    blind: dict[str, str] = field(default_factory=dict)
    """Directory that could not be listed ("" is the folder itself) -> why."""
    refused: dict[str, str] = field(default_factory=dict)
    """File that will not be read -> why."""


def list_folder(folder: Path, limits: Limits) -> Listing:
    """List a folder with all its subfolders. Never raises for what a disk may answer."""
    listing = Listing()
    root = os.path.realpath(folder)
    seen_dirs: set[str] = set()
    links: list[tuple[str, str]] = []
    todo = [("", root)]
    while todo:
        prefix, directory = todo.pop()
        seen_dirs.add(directory)
        if len(seen_dirs) > limits.folders:
            listing.blind[""] = f"has more than {limits.folders} folders in it; is it the right one?"
            break
        for name, entry in _entries(prefix, directory, listing):
            if entry.is_symlink():
                links.append((name, entry.path))
            elif entry.is_dir(follow_symlinks=False):
                todo.append((name, entry.path))
            elif os.path.splitext(name)[1] in SUFFIXES:  # noqa: PTH122  (names here are text, many per scan)
                listing.files[name] = entry.path
        if not todo:
            # Links come last, so that what they lead to is known under its own name where it has one.
            todo = _follow(links, root, seen_dirs, listing)
            links = []
    _cap(listing, limits)
    listing.files = dict(sorted(listing.files.items()))
    return listing


def _entries(prefix: str, directory: str, listing: Listing) -> list[tuple[str, "os.DirEntry[str]"]]:
    try:
        with os.scandir(directory) as entries:
            found = [(f"{prefix}/{entry.name}" if prefix else entry.name, entry) for entry in entries]
    except FileNotFoundError:
        if not prefix:
            listing.blind[prefix] = "does not exist"
        return []
    except NotADirectoryError:
        listing.blind[prefix] = "is not a directory"
        return []
    except OSError as error:
        listing.blind[prefix] = f"cannot be listed: {error.strerror}"
        return []
    return sorted((pair for pair in found if not pair[1].name.startswith(".")), key=lambda pair: pair[0])


def _follow(links: list[tuple[str, str]], root: str, seen_dirs: set[str], listing: Listing) -> list[tuple[str, str]]:
    """Sort links into files, refused files and directories; return the directories that are still to be listed."""
    directories: list[tuple[str, str]] = []
    known = set(listing.files.values())
    for name, path in sorted(links):
        wanted = os.path.splitext(name)[1] in SUFFIXES  # noqa: PTH122
        real = os.path.realpath(path)
        inside = real.startswith(root.rstrip("/") + "/")
        if os.path.isdir(real):  # noqa: PTH112
            if inside and real not in seen_dirs:
                seen_dirs.add(real)
                directories.append((name, real))
        elif wanted and not inside:
            listing.refused[name] = "is a link that leads out of the folder; copy the file, or link within the folder"
        elif wanted and real not in known:
            known.add(real)
            listing.files[name] = real
    return directories


def _cap(listing: Listing, limits: Limits) -> None:
    for name in list(listing.files)[limits.files :]:
        del listing.files[name]
        listing.refused[name] = f"is beyond the first {limits.files} files of the folder"


def signature(path: str) -> Signature:
    """Return a file's signature. Raises Vanished, or Refused for what is no regular file."""
    try:
        return _regular(os.stat(path, follow_symlinks=False))  # noqa: PTH116
    except FileNotFoundError as error:
        raise Vanished from error
    except OSError as error:
        message = f"cannot be read: {error.strerror}"
        raise Refused(message) from error


def read_file(path: str, limits: Limits) -> tuple[str, Signature]:
    """Return a file's text and the signature that belongs to it. Raises Vanished or Refused.

    `path` is a real path: a link that was put there since is not followed. Opening does not wait for a FIFO's writer.
    """
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except FileNotFoundError as error:
        raise Vanished from error
    except OSError as error:
        message = f"cannot be read: {error.strerror}"
        raise Refused(message) from error
    with os.fdopen(descriptor, "rb") as file:
        status = os.fstat(descriptor)
        found = _regular(status)
        if status.st_size > limits.file_bytes:
            message = f"has {status.st_size // MIB} MiB, expected at most {limits.file_bytes // MIB} MiB"
            raise Refused(message)
        # One byte more than allowed: the file may grow while it is read.
        data = file.read(limits.file_bytes + 1)
    if len(data) > limits.file_bytes:
        message = f"grew beyond {limits.file_bytes // MIB} MiB while it was read"
        raise Refused(message)
    if b"\0" in data[:BINARY_PROBE_BYTES]:
        message = "is binary, expected YAML or JSON in UTF-8"
        raise Refused(message)
    try:
        return data.decode("utf-8-sig"), found
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        message = f"is not UTF-8 (line {line})"
        raise Refused(message) from error


def _regular(status: os.stat_result) -> Signature:
    if not stat.S_ISREG(status.st_mode):
        message = f"is {_type_name(status.st_mode)}, expected a regular file"
        raise Refused(message)
    return Signature.of(status)


def _type_name(mode: int) -> str:
    names = ((stat.S_ISFIFO, "a FIFO"), (stat.S_ISSOCK, "a socket"), (stat.S_ISDIR, "a directory"))
    return next((name for test, name in names if test(mode)), "a device or link")
