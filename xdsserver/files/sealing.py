"""Sealing: what a saved state holds of secrets can be read with a key that is kept apart from it, and not without.

ChaCha20-Poly1305 (RFC 8439). The key of the user is never used itself: each file has one of its own, derived with a
salt that is drawn for it, so that the nonces of all files together cannot run into each other, and no sealed object
can be carried from one file into another.
"""

import os
from pathlib import Path
from typing import NoReturn, final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from typing_extensions import override

from xdsserver.files.state import StateError

KEY_BYTES = 32
SALT_BYTES = 16
NONCE_BYTES = 12

_PURPOSE = b"xdsserver saved state: sealed objects"


@final
class StateKey:
    """The key that a user keeps; it shows itself to nobody."""

    __slots__ = ("_secret",)

    def __init__(self, secret: bytes) -> None:
        self._secret = secret

    def of_file(self, salt: bytes) -> ChaCha20Poly1305:
        """Derive the cipher of one file."""
        return ChaCha20Poly1305(HKDF(SHA256(), KEY_BYTES, salt, _PURPOSE).derive(self._secret))

    @override
    def __repr__(self) -> str:
        return "StateKey(...)"

    @override
    def __reduce__(self) -> NoReturn:
        message = "a key is not pickled"
        raise TypeError(message)


def read_key(path: Path) -> StateKey:
    """Read a key: 32 bytes, as they are.

    Raises:
        StateError: it cannot be read, or is no key.
    """
    remedy = f"make one with: (umask 077; head -c {KEY_BYTES} /dev/urandom > {path})"
    try:
        with path.open("rb") as file:
            # One byte more shows that there is more; a device would never end.
            secret = file.read(KEY_BYTES + 1)
    except OSError as error:
        message = f"the key file {path} cannot be read ({error.strerror}); {remedy}"
        raise StateError(message) from error
    if len(secret) != KEY_BYTES:
        found = f"{len(secret)} bytes" if len(secret) < KEY_BYTES else f"more than {KEY_BYTES} bytes"
        message = f"the key file {path} holds {found}, expected {KEY_BYTES}; {remedy}"
        raise StateError(message)
    return StateKey(secret)


def seal(cipher: ChaCha20Poly1305, content: bytes, bound_to: bytes) -> tuple[bytes, bytes]:
    """Encrypt; give nonce and ciphertext. It opens only together with what it is `bound_to`."""
    nonce = os.urandom(NONCE_BYTES)
    return nonce, cipher.encrypt(nonce, content, bound_to)


def unseal(cipher: ChaCha20Poly1305, nonce: bytes, ciphertext: bytes, bound_to: bytes) -> bytes | None:
    """Decrypt; None where key, content or what it is bound to are not those that it was sealed with."""
    try:
        return cipher.decrypt(nonce, ciphertext, bound_to)
    except (InvalidTag, ValueError):
        # A nonce of the wrong length is a ValueError: such a file is no better than one with the wrong key.
        return None
