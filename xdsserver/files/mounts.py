"""Disks whose changes made elsewhere reach no one here."""

import os
from pathlib import Path

MOUNTS = Path("/proc/self/mountinfo")
REMOTE = frozenset(
    {"9p", "afs", "ceph", "cifs", "fakeowner", "ncpfs", "nfs", "nfs4", "smb3", "smbfs", "vboxsf", "virtiofs"}
)
REMOTE_PREFIX = "fuse."


def remote_type(folder: Path, mounts: Path = MOUNTS) -> str | None:
    """Return the type of the network or shared disk that a folder is on, or None for a disk of this machine.

    `mounts` is in the format of proc_pid_mountinfo(5); where it cannot be read the disk counts as local.
    """
    try:
        lines = mounts.read_text().splitlines()
    except OSError:
        return None
    real = os.path.realpath(folder)
    best, kind = "", None
    for line in lines:
        left, _, right = line.partition(" - ")
        point = left.split(" ")[4].encode().decode("unicode_escape")
        inside = point in {"/", real} or real.startswith(point + "/")
        if inside and len(point) >= len(best):
            best, kind = point, right.split(" ")[0]
    return kind if kind is not None and (kind in REMOTE or kind.startswith(REMOTE_PREFIX)) else None
