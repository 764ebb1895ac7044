"""Run as a user whom file modes keep out: what a folder says while permissions come and go."""

import sys
from pathlib import Path

from xdsserver.files import Folder

root = Path(sys.argv[1])
folder = Folder(root)


def say(step: str) -> None:
    scan = folder.scan()
    names = [change.name.name for change in scan.changes]
    sys.stdout.write(" ".join([f"{step}:", *names, *(f"| {error}" for error in scan.errors)]) + "\n")


say("start")
for step, path, mode in (("file", root / "a.yaml", 0o600), ("subfolder", root / "sub", 0o700), ("folder", root, 0o700)):
    path.chmod(0)
    say(step)
    path.chmod(mode)
say("back")
