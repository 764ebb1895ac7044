"""`xdsserver diff`: what becomes different from one folder, or from what a server serves, to another folder."""

import sys
from collections import Counter
from collections.abc import Iterator, Mapping
from http.client import HTTPException
from pathlib import Path
from typing import Annotated, Any, Final

import msgspec
import typer

from xdsserver.cli import asking
from xdsserver.cli.asking import SERVER_NAMESPACE, Api, Asked, Silence
from xdsserver.cli.folder import read
from xdsserver.cli.output import Exit, Output, OutputAs, Tone, answer, paint
from xdsserver.gatewayapi.installed import OUR_SCHEMAS
from xdsserver.infrastructure.allocation import Pool, Written
from xdsserver.inspection.diff import Difference, PlaceChanged, difference
from xdsserver.inspection.served import Around, Piece, Place, Sent, Served, Shadow, Wrong, served, whole
from xdsserver.objects.meta import Name, ObjectKey
from xdsserver.pipeline import Options
from xdsserver.reconciler import Reconciler, Surroundings

_TONES = {"appears": Tone.GOOD, "vanishes": Tone.BAD, "is answered by": Tone.WARNING, "changes": Tone.WARNING}

_PIECES: Final[Mapping[str, type[Piece]]] = {"place": Place, "shadow": Shadow, "wrong": Wrong, "sent": Sent}

_TIMES: Final = 5
"""How often a server is asked again that changes while it answers."""


def diff(
    before: Annotated[
        Path, typer.Argument(exists=True, file_okay=False, help="A folder of YAML and JSON files.", metavar="DIR")
    ],
    after: Annotated[
        Path | None,
        typer.Argument(
            exists=True,
            file_okay=False,
            metavar="[AFTER]",
            help="The folder that it is compared with; without, DIR is compared with what a server serves now.",
        ),
    ] = None,
    output: OutputAs = Output.TABLE,
    server: asking.Server = None,
    token_file: asking.TokenFile = None,
    ca_file: asking.CaFile = None,
    server_namespace: asking.Namespace = SERVER_NAMESPACE,
) -> None:
    """Say what becomes different for requests, conditions and Envoys, from one folder to another.

    Which matches appear, vanish, are answered by another rule or go to other backends; which are not reached any more;
    which conditions go wrong; which resources Envoys get. For CI: nothing is served and no port is opened.

    With one folder: what would become different if a server served it, and nothing else, from now on. It is read with
    the addresses and settings of that server. What Envoys reject now is not compared, nor is what is secret shown.

    Exit code: 0 nothing becomes different, 1 something does, 2 usage, 3 a file cannot be understood, or no answer.
    """
    if after is not None:
        show(difference(_whole(before), _whole(after)), output)
        return
    with Asked(None, server, token_file, ca_file, server_namespace).place() as place:
        # Without a folder among the options it is a server.
        surroundings, live = _live(place) if isinstance(place, Api) else (None, _whole(before))
    show(difference(live, _whole(before, surroundings)), output)


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


def _live(api: Api) -> tuple[Around, Served]:
    """Ask a server what it serves, at one moment, and what decides there.

    Raises:
        Silence: there is no answer, or something changes all the time.
    """
    for _ in range(_TIMES):
        head, *lines, last = _lines(api)
        if head["change"] == last["change"]:
            found = (msgspec.convert(one, _PIECES[one["line"]]) for one in lines)
            return msgspec.convert(head, Around), whole(found)
    message = f"what the server serves changed each of the {_TIMES} times that it was asked; ask again"
    raise Silence(message)


def _lines(api: Api) -> list[dict[str, Any]]:
    """Give the lines of an answer, of which the first and the last are there.

    Raises:
        Silence: there is no answer, or only a part of one.
    """
    try:
        found: list[dict[str, Any]] = [msgspec.json.decode(line) for line in api.lines("served")]
    except (HTTPException, msgspec.DecodeError):
        found = []
    if not found or found[-1]["line"] != "end":
        message = "the answer of the server ended before it was whole; ask again"
        raise Silence(message)
    return found


def _whole(folder: Path, around: Around | None = None) -> Served:
    """Read a folder that can be understood as a whole: half of one would look like a change."""
    _, scan, reconciler = read(folder, None if around is None else _surroundings(around))
    if scan.errors:
        for problem in scan.errors:
            print(problem.below(folder), file=sys.stderr)
        raise typer.Exit(Exit.NO_ANSWER)
    if around is not None:
        reconciler.adopt(reconciler.pool, dict(_written(around, reconciler)))
        reconciler.objects(())
    return served(reconciler.pipeline)


def _surroundings(around: Around) -> Surroundings:
    options = Options(around.controllers, system_authorities=around.system_authorities)
    return Surroundings(Pool(around.pool), schemas=OUR_SCHEMAS, options=options)


def _written(around: Around, reconciler: Reconciler) -> Iterator[tuple[Name, Written]]:
    """Give Gateways the addresses and ports that those of their names have at the server.

    The uid is that of the folder's: it takes the place of the other.
    """
    for one in around.given:
        name = Name(one.namespace, one.name)
        found = reconciler.identity(ObjectKey("Gateway", *name))
        if found is not None:
            ports = {(port.port, port.transport): port.bound for port in one.ports}
            yield name, Written(found[0], one.address, ports)
