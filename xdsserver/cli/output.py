"""How answers are written: as a table for people, as JSON or YAML for programs, as names for what comes next in a pipe.

Every command that answers a question has the option `--output`, writes what it found through here, and ends with one of
the same four exit codes. What is written as a document is the answer itself, by the names of its fields; a table shows
as much of it as fits a line. Colours are for terminals, and only to tell good from bad faster: the words say it, too.
"""

import dataclasses
import json
import os
import sys
from collections.abc import Callable, Iterable, Sequence
from enum import Enum, IntEnum
from typing import Annotated, Any, Generic, TypeVar

import typer
import yaml

RowT = TypeVar("RowT")


class Exit(IntEnum):
    """What a command says by its exit code.

    `FOUND`: there is something that its user should look at, such as a problem, a difference, an error as the answer to
    a request. `NO_ANSWER`: nothing could be found out, since there is nobody to ask, or nothing of that name.
    """

    GOOD = 0
    FOUND = 1
    USAGE = 2
    NO_ANSWER = 3


class Output(Enum):
    """How an answer is written."""

    TABLE = "table"
    JSON = "json"
    YAML = "yaml"
    NAME = "name"


OutputAs = Annotated[
    Output,
    typer.Option(
        "--output", "-o", metavar="FORMAT", help="How to write it: table, json, yaml, or name for names only."
    ),
]
"""The option of every command that answers a question."""


class Tone(Enum):
    """What a word means for its reader; the value is how a terminal is told (ECMA-48, SGR)."""

    PLAIN = ""
    GOOD = "32"
    WARNING = "33"
    BAD = "31"
    QUIET = "2"
    STRONG = "1"


@dataclasses.dataclass(frozen=True)
class Column(Generic[RowT]):
    """A column of a table: its title, what stands in a row of it, and what that means for the reader."""

    title: str
    text: Callable[[RowT], str]
    tone: Callable[[RowT], Tone] = lambda _row: Tone.PLAIN


@dataclasses.dataclass(frozen=True)
class Listing(Generic[RowT]):
    """How rows of one kind are written: their columns, and the name of one, as `--output name` prints it."""

    columns: Sequence[Column[RowT]]
    name: Callable[[RowT], str]


def coloured() -> bool:
    """Whether the output is a terminal whose user has nothing against colours (https://no-color.org)."""
    return sys.stdout.isatty() and not os.environ.get("NO_COLOR")


def paint(text: str, tone: Tone, *, on: bool | None = None) -> str:
    """Colour a text where the output is a terminal; `on` says so for whoever has looked already."""
    wanted = coloured() if on is None else on
    return f"\x1b[{tone.value}m{text}\x1b[0m" if wanted and text and tone is not Tone.PLAIN else text


def list_rows(rows: Sequence[RowT], listing: Listing[RowT], output: Output) -> None:
    """Print rows; as a document they are a list."""
    match output:
        case Output.NAME:
            for row in rows:
                print(listing.name(row))
        case Output.TABLE:
            print("\n".join(table(rows, listing.columns)))
        case Output.JSON | Output.YAML:
            print(document(list(rows), output), end="")


def answer(found: Any, output: Output, lines: Iterable[str], name: str) -> None:  # noqa: ANN401 (a document)
    """Print one answer: `lines` of it for people, `name` for `--output name`, else the whole of it."""
    match output:
        case Output.NAME:
            print(name)
        case Output.TABLE:
            for line in lines:
                print(line)
        case Output.JSON | Output.YAML:
            print(document(found, output), end="")


def table(rows: Iterable[RowT], columns: Sequence[Column[RowT]]) -> Iterable[str]:
    """Give the lines of a table; columns are as wide as their longest text, the last one as long as it is."""
    on = coloured()
    texts = [[(one.text(row) or "-", one.tone(row)) for one in columns] for row in rows]
    widths = [max([len(one.title), *(len(line[number][0]) for line in texts)]) for number, one in enumerate(columns)]
    yield paint(_line([one.title for one in columns], widths), Tone.QUIET, on=on)
    for line in texts:
        # Padded first: a terminal does not count what colours a text.
        padded = (text.ljust(width) for (text, _), width in zip(line, widths, strict=True))
        yield "  ".join(paint(text, tone, on=on) for text, (_, tone) in zip(padded, line, strict=True)).rstrip()


def document(found: Any, output: Output) -> str:  # noqa: ANN401 (a document)
    """Write an answer as JSON or YAML, by the names of its fields."""
    plain = _plain(found)
    if output is Output.YAML:
        return yaml.safe_dump(plain, sort_keys=False, width=120, allow_unicode=True)
    return json.dumps(plain, indent=2, ensure_ascii=False) + "\n"


def no_answer(words: str) -> typer.Exit:
    """Say why there is no answer, and give what ends the command."""
    print(f"xdsserver: {words}", file=sys.stderr)
    return typer.Exit(Exit.NO_ANSWER)


def _line(texts: Sequence[str], widths: Sequence[int]) -> str:
    return "  ".join(text.ljust(width) for text, width in zip(texts, widths, strict=True)).rstrip()


def _plain(value: Any) -> Any:  # noqa: ANN401 (a document)
    """Make plain things of frozen values: what has fields by their names, enumerations by their values."""
    if isinstance(value, Enum):
        return value.value
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {one.name: _plain(getattr(value, one.name)) for one in dataclasses.fields(value)}
    match value:
        case dict():
            return {str(key): _plain(one) for key, one in value.items()}
        case tuple() if hasattr(value, "_fields"):
            return {name: _plain(getattr(value, name)) for name in value._fields}
        case list() | tuple() | set() | frozenset():
            return [_plain(one) for one in value]
        case _:
            return value
