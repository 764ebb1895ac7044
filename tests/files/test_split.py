"""Documents are cut at marker lines, whatever stands around them."""

import pytest

from xdsserver.files.split import split


@pytest.mark.parametrize(
    ("text", "documents"),
    [
        ("a: 1\n", [(1, "a: 1\n")]),
        ("---\na: 1\n---\nb: 2\n", [(2, "a: 1\n"), (4, "b: 2\n")]),
        ("a: 1\n---\n# nothing\n\n---\nb: 2", [(1, "a: 1\n"), (6, "b: 2")]),
        ("a: 1\r\n---\r\nb: 2\r\n", [(1, "a: 1\r\n"), (3, "b: 2\r\n")]),
        ("--- # first\na: 1\n...\n---\nb: 2\n", [(2, "a: 1\n"), (5, "b: 2\n")]),
        ("%YAML 1.2\n---\na: 1\n", [(3, "a: 1\n")]),
        ("a: |\n  x\n  ---\n  y\n", [(1, "a: |\n  x\n  ---\n  y\n")]),
        ("a: |\n  x\n---\ny: 1\n", [(1, "a: |\n  x\n"), (4, "y: 1\n")]),
        ("----\n---x\n", [(1, "----\n---x\n")]),
        ("--- {a: 1}\n--- |\n  # text\n", [(1, " {a: 1}\n"), (2, " |\n  # text\n")]),
        ("", []),
        ("# only a comment\n", []),
    ],
)
def test_documents_and_their_first_lines(text: str, documents: list[tuple[int, str]]) -> None:
    assert [*split(text)] == documents
