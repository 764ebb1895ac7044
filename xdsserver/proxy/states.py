"""What the supervisor says about its Envoy: one value at a time, the newest is the truth."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path


@dataclass(frozen=True, slots=True)
class Starting:
    """A process runs and has not said yet that it is ready (it may wait for xDS)."""

    pid: int


@dataclass(frozen=True, slots=True)
class Ready:
    """Envoy serves; `adopted` when an earlier life of ours started it and it was kept."""

    pid: int
    adopted: bool = False


@dataclass(frozen=True, slots=True)
class Crashed:
    """The process ended by itself, or stopped answering and was ended; the next one comes in `retry_in_s`."""

    reason: str
    retry_in_s: float


@dataclass(frozen=True, slots=True)
class Missing:
    """There is no binary to start at `path`; it is looked for again in `retry_in_s`."""

    path: Path
    remedy: str
    retry_in_s: float


@dataclass(frozen=True, slots=True)
class Draining:
    """A stop was asked for: requests under way are answered, and their connections closed."""

    pid: int


@dataclass(frozen=True, slots=True)
class Stopped:
    """The supervisor has ended; `kept_pid` is the Envoy that was left running on purpose."""

    kept_pid: int | None = None


State = Starting | Ready | Crashed | Missing | Draining | Stopped
