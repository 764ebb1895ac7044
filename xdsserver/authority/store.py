"""Where the authority's keys are kept: a folder, or memory.

Reading is what servers do at every handshake, so it costs next to nothing while nothing has changed.
"""

from __future__ import annotations

import os
import tempfile
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Final, Protocol

from xdsserver.authority.errors import AuthorityError
from xdsserver.authority.pem import FILE, from_pem, to_pem
from xdsserver.authority.phases import renewed

if TYPE_CHECKING:
    from datetime import datetime

    from xdsserver.authority.certificates import KeyPair

_NEVER_READ: Final = (0, 0, 0)


class Authorities(Protocol):
    """Knows the authorities. It may be asked from any thread, and raises `AuthorityError` alone."""

    def read(self) -> tuple[KeyPair, ...]:
        """Return all authorities; none where none was ever made."""
        ...


class AuthorityStore(Authorities, Protocol):
    """Keeps the authorities."""

    def write(self, pairs: tuple[KeyPair, ...]) -> None:
        """Keep exactly these. What another process made first may stand instead: read again."""
        ...


def kept_up(store: AuthorityStore, now: datetime) -> tuple[KeyPair, ...]:
    """Make the first authority, and a successor when it is time; return all that there are then.

    Two processes that do so at once may each make a successor. One of the two is lost, which costs nothing: it would
    have signed only 90 days later.

    Raises:
        AuthorityError: the keys cannot be read or kept.
    """
    found = store.read()
    if (wanted := renewed(found, now)) == found:
        return found
    store.write(wanted)
    return store.read()


class MemoryStore:
    """Authorities for as long as a process lives."""

    def __init__(self, *pairs: KeyPair) -> None:
        self._pairs = pairs

    def read(self) -> tuple[KeyPair, ...]:
        """Return all authorities."""
        return self._pairs

    def write(self, pairs: tuple[KeyPair, ...]) -> None:
        """Replace all authorities."""
        self._pairs = pairs


class FolderStore:
    """Authorities in a file of a folder, `authority.pem`, which only its owner may read.

    Certificates and keys are in one file because it is replaced as a whole: no reader ever sees half of a change.
    """

    def __init__(self, folder: Path) -> None:
        self._file = folder / FILE
        # Written in one go, since several threads may read.
        self._last: tuple[tuple[int, int, int], tuple[KeyPair, ...]] = (_NEVER_READ, ())

    def read(self) -> tuple[KeyPair, ...]:
        """Return all authorities; the file is read only where it differs from the last time.

        Raises:
            AuthorityError: the file is there and cannot be read, or holds no authority.
        """
        try:
            status = self._file.stat()
            signature = (status.st_ino, status.st_mtime_ns, status.st_size)
            last, pairs = self._last
            if signature != last:
                pairs = from_pem(self._file.read_bytes(), str(self._file))
                self._last = (signature, pairs)
        except FileNotFoundError:
            return ()
        except OSError as error:
            message = f"{self._file} cannot be read ({error.strerror}): give its user access to it"
            raise AuthorityError(message) from error
        return pairs

    def write(self, pairs: tuple[KeyPair, ...]) -> None:
        """Replace the file; where there was none, one that somebody else made meanwhile stays.

        Raises:
            AuthorityError: the folder cannot be written to.
        """
        folder = self._file.parent
        text = to_pem(pairs)
        try:
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            # Made with mode 0600.
            number, name = tempfile.mkstemp(dir=folder, prefix=f".{FILE}.")
            try:
                with os.fdopen(number, "wb") as file:
                    file.write(text)
                    file.flush()
                    os.fsync(file.fileno())
                if self._last[0] == _NEVER_READ:
                    # A link, unlike a rename, fails where there is a file: two first starts agree on one authority.
                    with suppress(FileExistsError):
                        self._file.hardlink_to(name)
                else:
                    Path(name).replace(self._file)
            finally:
                Path(name).unlink(missing_ok=True)
        except OSError as error:
            message = f"the authority cannot be kept in {folder} ({error.strerror}): name a folder that can be written"
            raise AuthorityError(message) from error
