"""What a supervisor keeps alive, as a value: which binary, told what, living where, treated how."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from xdsserver.proxy.bootstrap import to_yaml

if TYPE_CHECKING:
    from envoy.config.bootstrap.v3.bootstrap_pb2 import Bootstrap


@dataclass(frozen=True, slots=True)
class LocalEnvoy:
    """What is to be kept alive.

    Attributes:
        binary: what `find_envoy` answered.
        bootstrap: its admin address must be a unix socket.
        runtime_dir: a folder for this Envoy alone, made private; two Envoys of one machine need two.
        concurrency: worker threads; None for one per core.
        log_level: of Envoy's stderr, from trace to off.
        drain_s: how long a stop waits at most for requests under way; 0 ends at once.
        hang_s: an Envoy whose admin interface has not answered for so long is ended and started again.
        keep: leave it running when we stop or die, and adopt it on the next start where it still fits (Linux).
    """

    binary: Path
    bootstrap: Bootstrap
    runtime_dir: Path
    concurrency: int | None = None
    log_level: str = "warning"
    drain_s: float = 10.0
    hang_s: float = 10.0
    keep: bool = False

    def command(self, bootstrap: Path) -> tuple[str, ...]:
        """Return the command line that starts it with the bootstrap file."""
        concurrency = () if self.concurrency is None else ("--concurrency", str(self.concurrency))
        return (
            *(str(self.binary.absolute()), "--config-path", str(bootstrap.absolute()), *concurrency),
            # No hot restart: it would share memory and a socket by a number that is unique per machine.
            "--disable-hot-restart",
            # A field that is newer than this Envoy costs the field, not the update; not looking also costs less.
            "--ignore-unknown-dynamic-fields",
            *("--drain-time-s", str(max(1, round(self.drain_s))), "--drain-strategy", "immediate"),
            *("--log-level", self.log_level, "--log-format", "[%l] [%n] %v"),
        )

    @property
    def admin_socket(self) -> Path:
        """Where the bootstrap puts the admin interface.

        Raises:
            ValueError: it is not a unix socket.
        """
        path = self.bootstrap.admin.address.pipe.path
        if not path:
            message = "a supervised Envoy needs its admin interface on a unix socket (BootstrapOptions.admin)"
            raise ValueError(message)
        return Path(path)

    def fingerprint(self, bootstrap: Path) -> str:
        """Hash all that a running Envoy was started with: the same hash means that it may be kept.

        Raises:
            OSError: the binary cannot be looked at.
        """
        # The file as well as its name: an upgrade in place must not leave the old Envoy running for ever.
        binary = self.binary.stat()
        parts = (
            to_yaml(self.bootstrap),
            *self.command(bootstrap),
            *(str(binary.st_ino), str(binary.st_size), str(binary.st_mtime_ns)),
        )
        return hashlib.blake2b("\0".join(parts).encode(), digest_size=16).hexdigest()
