"""What may be told of a value in a Secret: whether it is there, is text, and is long enough. Never the value."""

from __future__ import annotations

from enum import Enum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from xdsserver.objects.secret import Secret, SecretBytes


class Flaw(Enum):
    """What is wrong with a value."""

    MISSING = "is missing"
    ENCODING = "is not UTF-8 text"


def text_length(secret: Secret, key: str) -> int | Flaw:
    """Give the length of a value in characters, or what is wrong with it."""
    value = secret.data.get(key)
    if value is None:
        return Flaw.MISSING
    return _length(value)


def is_blank(secret: Secret, key: str) -> bool:
    """Say whether nothing but blanks, or nothing at all, is in a value."""
    value = secret.data.get(key)
    return value is None or not value.reveal().strip()


def holds_any(secret: Secret, key: str, parts: tuple[bytes, ...]) -> bool:
    """Say whether any of these is in a value."""
    value = secret.data.get(key)
    return value is not None and any(part in value.reveal() for part in parts)


def _length(value: SecretBytes) -> int | Flaw:
    if not value.readable:
        return Flaw.ENCODING
    try:
        return len(value.reveal().decode())
    except UnicodeDecodeError:
        return Flaw.ENCODING
