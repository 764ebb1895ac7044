"""Layers and images as `docker load` and containerd take them: tar files in a tar file, and two of JSON."""

from __future__ import annotations

import hashlib
import io
import json
import os
import platform
import tarfile
from dataclasses import dataclass, field
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Self

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping
    from pathlib import Path

_ARCHITECTURES = {"x86_64": "amd64", "aarch64": "arm64"}


@dataclass(frozen=True)
class Image:
    """What an image says of itself: its name, and how a container of it is run."""

    name: str
    """With its tag, as `localhost/xdsserver:dev`."""
    entrypoint: tuple[str, ...]
    user: str = "65532:65532"
    environment: Mapping[str, str] = field(default_factory=lambda: {"PATH": "/usr/local/bin:/usr/bin:/bin"})
    labels: Mapping[str, str] = field(default_factory=dict)
    command: tuple[str, ...] = ()


class Layer:
    """A layer that is being written; files belong to root and may be read by everybody.

    Folders above what is put in are made. Times of files stay as they are: compiled Python is taken for good only where
    its source has the time that it was compiled from.
    """

    def __init__(self, path: Path) -> None:
        self._tar = tarfile.open(path, "w")  # noqa: SIM115  (closed by __exit__)
        self._there: set[str] = set()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_error: object) -> None:
        self._tar.close()

    def file(self, place: str, source: Path) -> None:
        """Put in a file, with what it holds even where it is a link here."""
        self._add(place, source.resolve())

    def tree(self, place: str, source: Path, leave_out: Callable[[PurePosixPath], bool]) -> None:
        """Put in a folder; `leave_out` is asked of each path, which begins below the folder."""
        for folder, folders, files in os.walk(source):
            below = PurePosixPath(os.path.relpath(folder, source))
            folders[:] = sorted(name for name in folders if not leave_out(below / name))
            for name in sorted(files):
                if not leave_out(below / name):
                    self._add(str(PurePosixPath(place) / below / name), source / below / name)

    def text(self, place: str, text: str, mode: int = 0o644) -> None:
        """Put in a file with this text."""
        _add_bytes(self._tar, self._name(place), text.encode(), mode)

    def link(self, place: str, target: str) -> None:
        """Put in a symbolic link."""
        entry = tarfile.TarInfo(self._name(place))
        entry.type, entry.linkname, entry.mode = tarfile.SYMTYPE, target, 0o777
        self._tar.addfile(entry)

    def folder(self, place: str, mode: int = 0o755, owner: int = 0) -> None:
        """Put in a folder with nothing in it; `owner` is a user, and a group of the same number."""
        entry = tarfile.TarInfo(self._name(place))
        entry.type, entry.mode = tarfile.DIRTYPE, mode
        entry.uid = entry.gid = owner
        self._there.add(entry.name)
        self._tar.addfile(entry)

    def _name(self, place: str) -> str:
        """Return the name of an entry, once there are the folders that it is in."""
        name = place.strip("/")
        for parent in reversed(PurePosixPath(name).parents[:-1]):
            if str(parent) not in self._there:
                self.folder(str(parent))
        return name

    def _add(self, place: str, source: Path) -> None:
        self._tar.add(source, self._name(place), recursive=False, filter=_for_everybody)


def write(image: Image, layers: Iterable[Path], out: Path) -> None:
    """Write an image of these layers, the lowest first.

    The form is that of `docker save`, since engines and containerd both take it, old ones too.
    """
    digests = [(layer, _sha256(layer)) for layer in layers]
    config = {
        "architecture": _ARCHITECTURES.get(platform.machine(), platform.machine()),
        "os": "linux",
        "config": {
            "Entrypoint": list(image.entrypoint),
            "Cmd": list(image.command),
            "User": image.user,
            "WorkingDir": "/",
            "Env": [f"{name}={value}" for name, value in image.environment.items()],
            "Labels": dict(image.labels),
            "StopSignal": "SIGTERM",
        },
        "rootfs": {"type": "layers", "diff_ids": [f"sha256:{digest}" for _layer, digest in digests]},
        "history": [{"created_by": "tools/images"} for _layer in digests],
    }
    text = json.dumps(config).encode()
    config_name = f"{hashlib.sha256(text).hexdigest()}.json"
    entries = [f"{digest}/layer.tar" for _layer, digest in digests]
    manifest = [{"Config": config_name, "RepoTags": [image.name], "Layers": entries}]
    with tarfile.open(out, "w") as tar:
        _add_bytes(tar, config_name, text)
        for (layer, _digest), entry in zip(digests, entries, strict=True):
            tar.add(layer, entry, filter=_for_everybody)
        _add_bytes(tar, "manifest.json", json.dumps(manifest).encode())


def _for_everybody(entry: tarfile.TarInfo) -> tarfile.TarInfo:
    entry.uid = entry.gid = 0
    entry.uname = entry.gname = "root"
    entry.mode |= 0o555 if entry.mode & 0o111 else 0o444
    entry.mode &= 0o755
    return entry


def _add_bytes(tar: tarfile.TarFile, name: str, content: bytes, mode: int = 0o644) -> None:
    entry = tarfile.TarInfo(name)
    entry.size, entry.mode = len(content), mode
    tar.addfile(entry, io.BytesIO(content))


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
