"""Pages that are made from the code: each as a path and its text."""

from __future__ import annotations

import ast
import re
from collections import defaultdict
from pathlib import Path
from typing import TYPE_CHECKING

from typer.testing import CliRunner

from xdsserver.cli.main import app

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"

FAMILIES: Mapping[str, str] = {
    "a": "Availability and scale",
    "f": "Folder, files and processes",
    "k": "The Kubernetes API",
    "p": "Hostile or broken input",
    "s": "Security of the control plane",
    "t": "Tenants and their StatefulSets",
    "x": "xDS: the protocol between server and Envoy",
}
"""The letter of an id, and what its failures have in common."""

MADE = "<!-- Made from the code by `make golden`; do not edit. -->\n\n"

FAULTS_INTRODUCTION = f"""\
{MADE}# Failures that are tested

Each row is a test that makes something go wrong and shows what happens then. Tests of one kind of failure share an id,
which begins their names: `test_x9_...`. Run one kind with `make test ARGS='-k x9_'`.
"""

_FAULT_TEST = re.compile(r"test_([a-z])([0-9]+)_(\w+)")


def pages() -> dict[Path, str]:
    """Make the pages of this module."""
    return {DOCS / "reference" / "cli.md": cli(), DOCS / "faults.md": faults()}


def cli() -> str:
    """Make the reference of the command line: the help of every command."""
    names = [one.name or getattr(one.callback, "__name__", "") for one in app.registered_commands]
    parts = [f"{MADE}# Command line\n\nExit codes: 0 good, 1 problems found or the run failed, 2 usage, 3 no answer.\n"]
    for words in ((), *((name,) for name in names)):
        title = " ".join(("xdsserver", *words))
        help_ = CliRunner().invoke(app, [*words, "--help"], terminal_width=100, env={"COLUMNS": "100"}).stdout
        parts.append(f"## {title}\n\n```text\n{help_.strip()}\n```\n")
    return "\n".join(parts)


def faults() -> str:
    """Make the list of failures that are tested: by id, what each test shows, and where it is."""
    shown: dict[str, dict[int, list[tuple[str, str]]]] = defaultdict(lambda: defaultdict(list))
    for path in sorted((ROOT / "tests").rglob("test_*.py")):
        for name in _tests(path):
            if found := _FAULT_TEST.fullmatch(name):
                family, number, words = found.groups()
                shown[family][int(number)].append((words.replace("_", " "), path.relative_to(ROOT).as_posix()))
    parts = [FAULTS_INTRODUCTION]
    for family, numbers in sorted(shown.items()):
        parts.append(f"## {FAMILIES[family]}\n\n| id | what is shown | test |\n|---|---|---|")
        for number, rows in sorted(numbers.items()):
            parts += [f"| {family.upper()}{number} | {words} | [{path}](../{path}) |" for words, path in rows]
        parts.append("")
    return "\n".join(parts)


def _tests(path: Path) -> Iterator[str]:
    """Yield the names of test functions, methods of test classes too, in the order of the file."""
    functions = (ast.FunctionDef, ast.AsyncFunctionDef)
    yield from (
        node.name for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))) if isinstance(node, functions)
    )
