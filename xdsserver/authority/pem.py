"""The authorities as one text: each certificate and its key, one behind the other, so that no half is ever kept."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from xdsserver.authority.certificates import KeyPair
from xdsserver.authority.errors import AuthorityError

if TYPE_CHECKING:
    from collections.abc import Iterable

FILE: Final = "authority.pem"
"""What the text is called where it is kept: a file of a folder, or a value of a Secret."""

_BLOCK: Final = re.compile(rb"-----BEGIN ([A-Z ]+)-----\n.*?-----END \1-----\n", re.DOTALL)


def to_pem(pairs: Iterable[KeyPair]) -> bytes:
    """Write authorities as one text."""
    return b"".join(pair.certificate + pair.key for pair in pairs)


def from_pem(text: bytes, place: str) -> tuple[KeyPair, ...]:
    """Read authorities, of which there must be one at least; `place` is where the text is, for people.

    Raises:
        AuthorityError: it is something else.
    """
    blocks = [(found[1], found[0]) for found in _BLOCK.finditer(text)]
    kinds = [kind for kind, _ in blocks]
    if not blocks or kinds != [b"CERTIFICATE", b"PRIVATE KEY"] * (len(blocks) // 2):
        message = f"{place} is not an authority that was made here: restore it, or move it away for a new one"
        raise AuthorityError(message)
    contents = [content for _, content in blocks]
    return tuple(map(KeyPair, contents[::2], contents[1::2]))
