"""`xdsserver why`: the conditions of an object, in words, with what to do."""

from collections.abc import Iterator
from typing import Annotated

import msgspec
import typer

from xdsserver.cli import asking
from xdsserver.cli.asking import SERVER_NAMESPACE, Api, Asked
from xdsserver.cli.output import Exit, Output, OutputAs, Tone, answer, no_answer, paint
from xdsserver.inspection.why import Because, NoSuchKindError, Verdict, object_named
from xdsserver.inspection.why import why as because_of


def why(
    name: Annotated[str, typer.Argument(metavar="KIND/NAMESPACE/NAME", help="Such as httproute/default/shop")],
    output: OutputAs = Output.TABLE,
    folder: asking.Dir = None,
    server: asking.Server = None,
    token_file: asking.TokenFile = None,
    ca_file: asking.CaFile = None,
    server_namespace: asking.Namespace = SERVER_NAMESPACE,
) -> None:
    """Say why an object is as it is: its conditions, what each means, and what to do.

    Exit code: 0 all is well, 1 something is not, 2 usage, 3 no such object, or no answer.
    """
    try:
        key = object_named(name)
    except NoSuchKindError as error:
        raise typer.BadParameter(str(error)) from error
    with Asked(folder, server, token_file, ca_file, server_namespace).place() as place:
        if isinstance(place, Api):
            # Objects of the cluster have no namespace, and a path has no empty part.
            path = f"why/{key.kind}/{key.namespace or '-'}/{key.name}"
            found = msgspec.convert(place.get(path), Because)
        else:
            found = because_of(place.world.reconciler, key)
    show(found, output)


def show(found: Because, output: Output) -> None:
    """Print what is to be said of an object, and end with what it means."""
    if not found.known:
        raise no_answer(found.words)
    answer(found, output, lines(found), f"{found.object.kind}/{found.object.namespace}/{found.object.name}")
    if not found.good:
        raise typer.Exit(Exit.FOUND)


def lines(found: Because) -> Iterator[str]:
    """Say it for people: what is wrong first."""
    yield paint(f"{found.object}: {found.words}", Tone.STRONG)
    for words in found.doubts:
        yield paint(f"  doubtful  {words}", Tone.WARNING)
    for one in sorted(found.verdicts, key=lambda one: (one.good, one.waiting)):
        yield from _verdict(one)


def _verdict(one: Verdict) -> Iterator[str]:
    tone = Tone.GOOD if one.good else Tone.WARNING if one.waiting else Tone.BAD
    sign = "ok" if one.good else "waiting" if one.waiting else "wrong"
    part = f" of {one.part}" if one.part else ""
    yield paint(f"  {sign:<8}  {one.type} {one.status}{part}: {one.reason}", tone)
    if one.good:
        return
    yield f"            {one.message}"
    if one.means:
        yield f"            means: {one.means}"
    if one.remedy:
        yield f"            do:    {one.remedy}"
