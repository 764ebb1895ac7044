"""How answers are written: the same for every command."""

from __future__ import annotations

import json
from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING

import pytest
import yaml

from xdsserver.cli.output import Column, Listing, Output, Tone, document, list_rows, paint
from xdsserver.objects.meta import ObjectKey

if TYPE_CHECKING:
    from collections.abc import Iterator


class Mood(Enum):
    GOOD = "good"


@dataclass(frozen=True)
class Row:
    key: ObjectKey
    words: str
    moods: tuple[Mood, ...] = (Mood.GOOD,)


ROWS = [Row(ObjectKey("Gateway", "ns", "edge"), "a"), Row(ObjectKey("HTTPRoute", "ns", "long-name"), "")]
LISTING = Listing[Row](
    (Column("OBJECT", lambda row: str(row.key)), Column("WORDS", lambda row: row.words, lambda _row: Tone.BAD)),
    name=lambda row: f"{row.key.kind}/{row.key.namespace}/{row.key.name}",
)


@pytest.fixture
def terminal(monkeypatch: pytest.MonkeyPatch) -> Iterator[pytest.MonkeyPatch]:
    with monkeypatch.context() as patched:
        patched.setattr("sys.stdout.isatty", lambda: True, raising=False)
        patched.delenv("NO_COLOR", raising=False)
        yield patched


def test_a_table_has_columns_as_wide_as_they_must_be(capsys: pytest.CaptureFixture[str]) -> None:
    list_rows(ROWS, LISTING, Output.TABLE)
    assert capsys.readouterr().out.splitlines() == [
        "OBJECT                  WORDS",
        "Gateway ns/edge         a",
        "HTTPRoute ns/long-name  -",
    ]


def test_names_are_one_a_line(capsys: pytest.CaptureFixture[str]) -> None:
    list_rows(ROWS, LISTING, Output.NAME)
    assert capsys.readouterr().out.splitlines() == ["Gateway/ns/edge", "HTTPRoute/ns/long-name"]


def test_documents_say_the_same_by_the_names_of_fields() -> None:
    as_json, as_yaml = document(ROWS, Output.JSON), document(ROWS, Output.YAML)
    assert json.loads(as_json) == yaml.safe_load(as_yaml)
    assert json.loads(as_json)[0] == {
        "key": {"kind": "Gateway", "namespace": "ns", "name": "edge"},
        "words": "a",
        "moods": ["good"],
    }


def test_colours_are_for_terminals_only(terminal: pytest.MonkeyPatch) -> None:
    assert paint("a", Tone.BAD) == "\x1b[31ma\x1b[0m"
    assert paint("a", Tone.PLAIN) == "a"
    terminal.setenv("NO_COLOR", "1")
    assert paint("a", Tone.BAD) == "a"
    terminal.delenv("NO_COLOR")
    terminal.setattr("sys.stdout.isatty", lambda: False, raising=False)
    assert paint("a", Tone.BAD) == "a"
