"""Reading a folder once, for the commands that need no running server."""

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated

import typer

from xdsserver.files import Folder, Scan
from xdsserver.gatewayapi.installed import OUR_SCHEMAS
from xdsserver.infrastructure.allocation import Written
from xdsserver.objects.meta import Name
from xdsserver.reconciler import Reconciler, Surroundings

ExistingFolder = Annotated[
    Path,
    typer.Argument(metavar="DIR", help="Folder of YAML and JSON files.", exists=True, file_okay=False),
]
"""The folder of a command that reads once; one that is not there is a wrong command line."""


def read(
    path: Path, surroundings: Surroundings | None = None, written: Mapping[Name, Written] | None = None
) -> tuple[Folder, Scan, Reconciler]:
    """Read a folder and reconcile what it says; no port is opened and nothing is kept."""
    folder = Folder(path)
    scan = folder.scan()
    reconciler = Reconciler(surroundings or Surroundings(schemas=OUR_SCHEMAS), written)
    reconciler.objects((one.kind, one.name, one.object) for one in scan.changes)
    return folder, scan, reconciler
