"""PEM as Envoy reads it: blocks between lines of dashes, whatever stands around them.

The rules are BoringSSL's (crypto/pem/pem_lib.cc), so that what is a certificate here is one there. Each block is taken
over as what it holds and written anew when it is sent: line ends, comments, and keys that got into a chain stay behind.
"""

from __future__ import annotations

import base64
import binascii
from dataclasses import dataclass
from typing import TYPE_CHECKING

from xdsserver.objects.secret import SecretBytes

if TYPE_CHECKING:
    from collections.abc import Iterator

_BEGIN, _END, _DASHES = b"-----BEGIN ", b"-----END ", b"-----"

_KEYS = ("PRIVATE KEY", "ENCRYPTED PRIVATE KEY", "RSA PRIVATE KEY", "EC PRIVATE KEY")
_SHOWN = frozenset({"CERTIFICATE", "X509 CERTIFICATE", "TRUSTED CERTIFICATE", *_KEYS})
"""Labels that messages repeat."""

_BLANK = bytes(range(0x21))
"""What may follow a line without being part of it."""

_SPACES = b" \t\r\n"
"""What may stand between the characters of base64."""

_LINE_CHARACTERS = 64
"""Of base64, in what is written here (RFC 7468 section 2)."""


@dataclass(frozen=True, slots=True)
class Block:
    """One block: its label, such as `CERTIFICATE`, what it holds, and whether it is encrypted with a password."""

    label: str
    content: SecretBytes
    encrypted: bool = False

    @property
    def pem(self) -> bytes:
        """The block written anew."""
        return to_pem(self.label, self.content.reveal())


@dataclass(frozen=True, slots=True)
class Broken:
    """Where reading ends, since something is wrong; `words` say what and never repeat what was found."""

    words: str


def blocks(text: bytes) -> Iterator[Block | Broken]:
    """Read one block after the other; after one that is broken there is no other."""
    lines = iter(text.split(b"\n"))
    for line in lines:
        begin = line.rstrip(_BLANK)
        if begin.startswith(_BEGIN) and begin.endswith(_DASHES):
            block = _block(begin[len(_BEGIN) : -len(_DASHES)], lines)
            yield block
            if isinstance(block, Broken):
                return


def to_pem(label: str, der: bytes) -> bytes:
    """Write a block."""
    body = base64.b64encode(der)
    lines = (body[start : start + _LINE_CHARACTERS] for start in range(0, len(body), _LINE_CHARACTERS))
    name = label.encode()
    return b"\n".join((_BEGIN + name + _DASHES, *lines, _END + name + _DASHES, b""))


def _block(name: bytes, lines: Iterator[bytes]) -> Block | Broken:
    if _DASHES in name:
        return Broken("all of it is in one line; dashes have lines of their own")
    label = name.decode("ascii", "replace")
    # Where line ends were lost, what looks like a label may be part of a key.
    shown = label if label in _SHOWN else "a block"
    inside: list[bytes] = []
    for line in lines:
        if line.startswith(_END):
            if line.rstrip(_BLANK) != _END + name + _DASHES:
                return Broken(f"the end of {shown} is not spelt as its beginning")
            break
        inside.append(line.rstrip(_BLANK))
    else:
        return Broken(f"the end of {shown} is missing; was it cut off?")
    if inside and b":" in inside[0]:
        # The one header that means something: RFC 1421 section 4.6.1.1, as OpenSSL writes it for keys.
        if inside[0].startswith(b"Proc-Type") and b"ENCRYPTED" in inside[0]:
            return Block(label, SecretBytes(b""), encrypted=True)
        return Broken(f"{shown} has headers between its dashes; remove them")
    try:
        content = SecretBytes(binascii.a2b_base64(b"".join(inside).translate(None, _SPACES), strict_mode=True))
    except binascii.Error:
        return Broken(f"{shown} is not base64 between its dashes")
    return Block(label, content, encrypted=label == "ENCRYPTED PRIVATE KEY")
