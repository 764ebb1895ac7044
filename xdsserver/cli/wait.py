"""`xdsserver wait`: until Envoys have an object as it is now."""

import sys
import time
from typing import Annotated

import msgspec
import typer

from xdsserver.admin.waits import Progress
from xdsserver.cli import asking
from xdsserver.cli.asking import SERVER_NAMESPACE, Api, Asked
from xdsserver.cli.output import Exit, Output, OutputAs, answer

_ONE_S = 30.0
"""How long one question may take: what is between, such as a proxy, ends what takes longer."""


def wait(
    name: Annotated[str, typer.Argument(metavar="KIND/NAMESPACE/NAME", help="Such as HTTPRoute/default/shop.")],
    programmed: Annotated[
        bool, typer.Option("--programmed", help="Until Envoys have acknowledged it, which is what is waited for.")
    ] = True,
    generation: Annotated[
        int, typer.Option(min=0, help="The least that is waited for, such as that of an object just written.")
    ] = 0,
    timeout: Annotated[float, typer.Option(metavar="SECONDS", min=0, help="For how long.")] = 60.0,
    output: OutputAs = Output.TABLE,
    server: asking.Server = None,
    token_file: asking.TokenFile = None,
    ca_file: asking.CaFile = None,
    server_namespace: asking.Namespace = SERVER_NAMESPACE,
) -> None:
    """Wait until all Envoys have acknowledged the current generation of a Gateway, a ListenerSet or a route.

    Exit code: 0 they have, 1 they have not in time, 2 usage, 3 no answer.
    """
    del programmed
    parts = name.split("/")
    if len(parts) != 3 or not all(parts):  # noqa: PLR2004 (as the message says)
        message = f"{name!r} is not KIND/NAMESPACE/NAME, such as HTTPRoute/default/shop"
        raise typer.BadParameter(message)
    with Asked(None, server, token_file, ca_file, server_namespace).place() as place:
        if not isinstance(place, Api):
            return
        found = _wait(place, name, generation, timeout)
    if found.outcome == "unknown kind":
        raise typer.BadParameter(found.words)
    answer(found, output, (_line(name, found),), name)
    if found.outcome != "programmed":
        raise typer.Exit(Exit.FOUND)


def _wait(api: Api, name: str, generation: int, timeout_s: float) -> Progress:
    end_s, shown = time.monotonic() + timeout_s, ""
    while True:
        left_s = max(0.0, end_s - time.monotonic())
        found = api.get(f"wait/{name}", generation=generation or None, timeout_s=min(_ONE_S, left_s))
        for missing in found["missing"]:
            print(f"xdsserver: not heard: {missing}", file=sys.stderr)
        progress = msgspec.convert(found["progress"], Progress)
        if progress.outcome in {"programmed", "unknown kind"} or time.monotonic() >= end_s:
            return progress
        line = _line(name, progress)
        if line != shown and sys.stderr.isatty():
            print(line, file=sys.stderr)
        shown = line


def _line(name: str, found: Progress) -> str:
    generation = f" in generation {found.generation}" if found.generation else ""
    match found.outcome:
        case "programmed":
            return f"{name} is in force{generation}: {len(found.envoys)} Envoys have it"
        case "absent":
            return f"{name} is not there{generation and f', only{generation}'}"
        case "not served":
            return f"{name} is not served: {found.words or 'no Gateway here has it'}"
        case _:
            late = f": {', '.join(found.waiting)}" if found.waiting else ""
            return f"{name} waits for {len(found.waiting)} of {len(found.envoys)} Envoys{late} {found.words}".rstrip()
