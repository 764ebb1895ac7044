"""The command line in this process: arguments in; exit code, output and error output out."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from typer.testing import CliRunner

from xdsserver.cli.main import app

if TYPE_CHECKING:
    from pathlib import Path


class Answer(NamedTuple):
    """What a command did."""

    code: int
    out: str
    err: str

    @property
    def lines(self) -> list[str]:
        """The lines of the output."""
        return self.out.splitlines()


def xdsserver(*arguments: str | Path) -> Answer:
    """Run a command."""
    result = CliRunner().invoke(app, [str(one) for one in arguments], env={"COLUMNS": "120"})
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        raise result.exception
    return Answer(result.exit_code, result.stdout, result.stderr)
