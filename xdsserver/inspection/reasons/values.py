"""What a reason means and what to do about it, as values."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Reason:
    """A condition as it may occur: its type, status and reason; what they mean, and what to do about it if anything."""

    type: str
    status: str
    reason: str
    means: str
    remedy: str = ""


@dataclass(frozen=True, slots=True)
class Chapter:
    """The conditions of some kinds of objects, or of listeners; what is said before and after them."""

    parts: tuple[str, ...]
    reasons: tuple[Reason, ...]
    introduction: str = ""
    afterword: str = ""
