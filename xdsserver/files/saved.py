"""The saved state: everything that a start needs which has neither folder nor API server, in one file.

A file is a line that says what it is, a digest of the rest, and the rest: a snapshot as a message. The digest tells a
file that is cut off or damaged from one that is of another form; it does not tell who wrote it.
"""

import hashlib
import os
import stat
from pathlib import Path

from google.protobuf.message import DecodeError

from xdsserver.files.replace import replace_file
from xdsserver.files.sealing import StateKey
from xdsserver.files.snapshot import SCHEMA, Saved, Snapshot, from_message, to_message
from xdsserver.files.state import StateError
from xdsserver.files.values import MIB
from xdsserver.messages.saved_state_pb2 import SavedState

MAGIC = b"xdsserver saved state\n"
DIGEST_BYTES = 32
MAX_BYTES = 256 * MIB
"""Ten times what 10,000 routes with their backends come to; what is larger is neither written nor read."""


def write_saved(path: Path, snapshot: Snapshot, key: StateKey | None = None) -> None:
    """Replace the file as a whole; its owner alone may read it. Without a key, secrets are left out. Blocks.

    Raises:
        StateError: the disk does not take it, or it is larger than `MAX_BYTES`.
    """
    body = to_message(snapshot, key).SerializeToString(deterministic=True)
    content = b"".join((MAGIC, _digest(body), body))
    if len(content) > MAX_BYTES:
        message = f"{path} is not written: it would have {len(content) // MIB} MiB, at most {MAX_BYTES // MIB} are read"
        raise StateError(message)
    try:
        replace_file(path, content)
    except OSError as error:
        message = f"{path} cannot be written ({error}); the state is not saved"
        raise StateError(message) from error


def read_saved(path: Path, key: StateKey | None = None) -> Saved:
    """Read a file that `write_saved` wrote, of this release or another. Blocks.

    Raises:
        StateError: it cannot be read, is no saved state, is damaged, or is of a form that is newer than this release.
    """
    try:
        return from_message(_message(_content(path)), key)
    except OSError as error:
        message = f"{path} cannot be read ({error.strerror})"
        raise StateError(message) from error
    except _UnusableError as error:
        message = f"{path} {error}"
        raise StateError(message) from error


class _UnusableError(Exception):
    """What is wrong with a file, in words that go on after its name."""


def _content(path: Path) -> bytes:
    # Should it be a pipe, nobody waits for who writes into it.
    handle = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    with os.fdopen(handle, "rb") as file:
        found = os.fstat(handle)
        if not stat.S_ISREG(found.st_mode):
            message = "is not a regular file"
            raise _UnusableError(message)
        if found.st_size > MAX_BYTES:
            message = f"has {found.st_size // MIB} MiB; a saved state has at most {MAX_BYTES // MIB}"
            raise _UnusableError(message)
        return file.read(MAX_BYTES)


def _message(content: bytes) -> SavedState:
    """Take a file apart; what tells most about it is looked at first."""
    if not content or not content.startswith(MAGIC[: len(content)]):
        message = "is not a saved state of xdsserver"
        raise _UnusableError(message)
    start = len(MAGIC) + DIGEST_BYTES
    body = content[start:]
    if content[len(MAGIC) : start] != _digest(body):
        message = "is damaged or cut off: what it holds is not what its digest says; save it again"
        raise _UnusableError(message)
    try:
        state = SavedState.FromString(body)
    except DecodeError as error:
        message = "is whole, and still not a saved state that this release understands"
        raise _UnusableError(message) from error
    if state.schema > SCHEMA:
        message = f"was saved by xdsserver {state.release} in a form that is newer than this release knows; upgrade it"
        raise _UnusableError(message)
    return state


def _digest(body: bytes) -> bytes:
    return hashlib.blake2b(body, digest_size=DIGEST_BYTES).digest()
