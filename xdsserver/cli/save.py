"""`xdsserver save`: a folder, made into one file that can be served without it."""

import sys
import time
from importlib.metadata import version
from pathlib import Path
from typing import Annotated

import typer

from xdsserver.cli.folder import ExistingFolder, read
from xdsserver.cli.pool import LOOPBACK_RANGE, Addresses, parse_pool
from xdsserver.cli.running import StateKeyFile
from xdsserver.files.saved import read_saved, write_saved
from xdsserver.files.sealing import read_key
from xdsserver.files.snapshot import SEALED_KINDS, Snapshot
from xdsserver.files.state import StateError
from xdsserver.gatewayapi.installed import OUR_SCHEMAS
from xdsserver.infrastructure.allocation import Pool
from xdsserver.reconciler import Surroundings
from xdsserver.settings import SettingsError


def save(
    folder: ExistingFolder,
    out: Annotated[Path, typer.Option("--out", "-o", metavar="FILE", help="The file; it is replaced as a whole.")],
    addresses: Addresses = LOOPBACK_RANGE,
    state_key_file: StateKeyFile = None,
) -> None:
    """Save a folder as a state that `xdsserver serve --from` serves.

    The file holds the objects and the addresses of Gateways; addresses that it holds already stay. A folder in which
    something is refused is not saved.

    Exit code: 0 saved, 1 not saved, 2 usage.
    """
    try:
        pool = Pool(parse_pool(addresses))
    except SettingsError as error:
        raise typer.BadParameter(str(error)) from error
    try:
        key = read_key(state_key_file) if state_key_file is not None else None
        written = read_saved(out).snapshot.written if out.exists() else {}
        _, scan, reconciler = read(folder, Surroundings(pool, schemas=OUR_SCHEMAS), written)
        for problem in scan.problems:
            print(problem.below(folder), file=sys.stderr)
        if scan.errors:
            print(f"xdsserver: {out} is not written, since something in {folder} is refused", file=sys.stderr)
            raise typer.Exit(1)
        objects = {one.key: one.object for one in scan.changes if one.object is not None}
        release, now_s = version("xdsserver"), time.time()
        write_saved(out, Snapshot(objects, reconciler.written, release=release, saved_at_s=now_s), key)
    except StateError as error:
        print(f"xdsserver: {error}", file=sys.stderr)
        raise typer.Exit(1) from error
    print(f"{len(objects)} objects in {out}")
    for one in sorted(objects):
        if key is None and one.kind in SEALED_KINDS:
            print(f"{one} is left out: give a key with --state-key-file", file=sys.stderr)
