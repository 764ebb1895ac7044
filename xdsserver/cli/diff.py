"""`xdsserver diff`: what becomes different from one folder to another."""

import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated

import typer

from xdsserver.cli.folder import read
from xdsserver.cli.output import Exit, Output, OutputAs, Tone, answer, paint
from xdsserver.inspection.diff import Difference, PlaceChanged, difference
from xdsserver.pipeline import Pipeline

_TONES = {"appears": Tone.GOOD, "vanishes": Tone.BAD, "is answered by": Tone.WARNING, "changes": Tone.WARNING}

_Folder = typer.Argument(exists=True, file_okay=False, help="A folder of YAML and JSON files.")


def diff(
    before: Annotated[Path, _Folder],
    after: Annotated[Path, _Folder],
    output: OutputAs = Output.TABLE,
) -> None:
    """Say what becomes different for requests, conditions and Envoys, from one folder to another.

    Which matches appear, vanish, are answered by another rule or go to other backends; which are not reached any more;
    which conditions go wrong; which resources Envoys get. For CI: nothing is served and no port is opened.

    Exit code: 0 nothing becomes different, 1 something does, 2 usage, 3 a file cannot be understood.
    """
    show(difference(_whole(before), _whole(after)), output)


def show(found: Difference, output: Output) -> None:
    """Print a difference, and end with whether there is one."""
    names = "\n".join(f"{one.type}/{one.name}" for one in found.resources)
    answer(found, output, lines(found), names)
    if not found.nothing:
        raise typer.Exit(Exit.FOUND)


def lines(found: Difference) -> Iterator[str]:
    """Say it for people."""
    if found.nothing:
        yield "no difference"
    for place in found.places:
        yield paint(_place(place), _TONES[place.change])
    for shadow in found.shadows:
        state = "is not reached any more" if shadow.shadowed else "is reached again"
        instead = f": {shadow.instead} comes first" if shadow.shadowed else ""
        yield paint(f"{shadow.rule} {state} for {shadow.match} on {shadow.hostname}{instead}", Tone.WARNING)
    for one in found.conditions:
        state, tone = ("goes wrong", Tone.BAD) if one.wrong else ("is mended", Tone.GOOD)
        part = f" of {one.part}" if one.part else ""
        yield paint(f"{one.object} {one.type}{part} {state}: {one.reason}: {one.message}", tone)
    counts = Counter((one.change, one.type) for one in found.resources)
    for (change, type_), number in sorted(counts.items()):
        yield paint(f"{number} {type_} {change}", Tone.QUIET)


def _place(one: PlaceChanged) -> str:
    where = f"{one.match} on {one.hostname} of {one.listener}"
    match one.change:
        case "appears":
            return f"+ {where}: {one.after} {one.what}"
        case "vanishes":
            return f"- {where}: {one.before}"
        case "is answered by":
            return f"~ {where}: {one.after} instead of {one.before}"
        case "changes":
            return f"~ {where}: {one.after} {one.what}"


def _whole(folder: Path) -> Pipeline:
    """Read a folder that can be understood as a whole: half of one would look like a change."""
    _, scan, reconciler = read(folder)
    if scan.errors:
        for problem in scan.errors:
            print(problem.below(folder), file=sys.stderr)
        raise typer.Exit(Exit.NO_ANSWER)
    return reconciler.pipeline
