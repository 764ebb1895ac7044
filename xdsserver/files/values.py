"""What a folder answers when it is read: changes of objects, and problems of files."""

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

from typing_extensions import override

from xdsserver.objects.meta import KubeObject, Name, ObjectKey

MIB = 1024 * 1024


@dataclass(frozen=True, slots=True)
class Limits:
    """How much of a folder is read, and how soon a removal is believed; what is beyond a limit is refused and named."""

    file_bytes: int = 10 * MIB
    """One file."""
    files: int = 20_000
    """Files of one folder: a folder chosen by mistake (a home directory) must not be read for minutes."""
    folders: int = 2_000
    """Folders of one folder, itself among them."""
    aliases: int = 100
    """YAML aliases (`*name`) of one document; each may repeat a whole subtree."""
    copied_nodes: int = 10_000
    """Values that the aliases of one document add together."""
    depth: int = 100
    """Levels of nesting of one document."""
    settle_s: float = 0.5
    """A removal counts when it is still so after this time. Editors and checkouts take files away for a moment and
    write them in pieces; what is new or changed applies at once."""


@dataclass(frozen=True, slots=True)
class Change:
    """An object is new or different (`object` is its new value) or gone (`object` is None)."""

    kind: str
    name: Name
    object: KubeObject | None

    @property
    def key(self) -> ObjectKey:
        """The object among all kinds."""
        return ObjectKey(self.kind, self.name.namespace, self.name.name)


@dataclass(frozen=True, slots=True)
class FileProblem:
    """Something that the writer of a file should know.

    `file` is relative to the folder ("" for the folder itself), `line` counts from 1 (0 when no line is known),
    `field` is a path such as `spec.rules[0].matches[1].path.value` ("" when the whole document is meant). `error` means
    that what the file says is not in force; `warning` means that it is, perhaps not as meant.
    """

    file: str
    line: int
    key: ObjectKey | None
    field: str
    message: str
    severity: Literal["error", "warning"] = "error"

    def below(self, folder: Path) -> "FileProblem":
        """Name the file as seen from where `folder` is a path, so that an editor can open what is printed."""
        return replace(self, file=str(folder / self.file))

    @override
    def __str__(self) -> str:
        place = f"{self.file or '.'}:{self.line}" if self.line else self.file or "."
        subject = f" {self.key}" if self.key else ""
        field = f" {self.field}:" if self.field else ""
        return f"{place}: {self.severity}:{subject}{field} {self.message}"


@dataclass(frozen=True, slots=True)
class Scan:
    """Outcome of one reading: `changes` since the reading before, and *all* problems that the folder has now."""

    changes: tuple[Change, ...] = ()
    problems: tuple[FileProblem, ...] = ()
    again_s: float | None = None
    """Read again after so many seconds even if nothing happens: the folder looked half-written."""

    @property
    def errors(self) -> tuple[FileProblem, ...]:
        """Problems that keep something out of force."""
        return tuple(problem for problem in self.problems if problem.severity == "error")
