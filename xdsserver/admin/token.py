"""The token that whoever asks must show: a file that only its owner reads, made at the first start."""

from __future__ import annotations

import hmac
import os
import secrets
import stat
from typing import TYPE_CHECKING, Final, final

from typing_extensions import override

from xdsserver.admin.errors import AdminError

if TYPE_CHECKING:
    from pathlib import Path

_BYTES: Final = 32
_SHORTEST: Final = 16
"""Characters of a token that somebody else made: fewer could be guessed."""
_LONGEST: Final = 4096
_OTHERS: Final = stat.S_IRWXG | stat.S_IRWXO


@final
class Token:
    """A secret text that shows itself to nobody and is compared in a time that says nothing of it."""

    __slots__ = ("_text",)

    def __init__(self, text: str) -> None:
        self._text = text.encode()

    def matches(self, authorization: bytes) -> bool:
        """Whether a header `Authorization` bears it (RFC 6750, section 2.1)."""
        scheme, _, shown = authorization.partition(b" ")
        # Compared also where the scheme is another one, so that both take as long.
        same = hmac.compare_digest(shown.strip(), self._text)
        return same and scheme.lower() == b"bearer"

    def header(self) -> str:
        """Give the header that bears it, for whoever asks."""
        return f"Bearer {self._text.decode()}"

    @override
    def __repr__(self) -> str:
        return "Token(...)"


def kept_token(path: Path) -> Token:
    """Read the token of a file, or make one where there is no file.

    Raises:
        AdminError: it cannot be read or made, others may read it, or it is none.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        _make(path)
    except FileExistsError:
        pass
    except OSError as error:
        message = f"the token of the admin API cannot be kept in {path}: {error.strerror or error}"
        raise AdminError(message) from error
    return read_token(path)


def read_token(path: Path) -> Token:
    """Read the token of a file.

    A file that the group may read is taken where it belongs to somebody else, as Secrets do that are mounted into pods.

    Raises:
        AdminError: it cannot be read, others may read it, or it is none.
    """
    try:
        with path.open("rb") as file:
            status = os.fstat(file.fileno())
            text = file.read(_LONGEST + 1).strip()
    except OSError as error:
        message = f"the token of the admin API cannot be read from {path}: {error.strerror or error}"
        raise AdminError(message) from error
    allowed = 0 if status.st_uid == os.getuid() and os.getuid() else stat.S_IRGRP
    if status.st_mode & _OTHERS & ~allowed:
        message = f"{path} holds the token of the admin API and others may read it: chmod 600 {path}"
        raise AdminError(message)
    if not _SHORTEST <= len(text) <= _LONGEST or not text.isascii() or b" " in text:
        message = f"{path} holds no token: {_SHORTEST} characters or more without spaces; remove it to have one made"
        raise AdminError(message)
    return Token(text.decode())


def _make(path: Path) -> None:
    """Write a new token where there is no file. Of two that start at once, one writes it."""
    draft = path.with_name(f".{path.name}.{os.getpid()}.{secrets.token_hex(4)}")
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with os.fdopen(descriptor, "w", encoding="ascii") as file:
            file.write(secrets.token_urlsafe(_BYTES) + "\n")
        # A link is made whole or not at all, and never over a file that is there.
        os.link(draft, path)
    finally:
        draft.unlink()
