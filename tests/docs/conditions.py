"""Conditions three times: as the reference lists them, as golden cases show them, as the code spells their reasons."""

from __future__ import annotations

import ast
import re
from typing import TYPE_CHECKING, Any, NamedTuple

import yaml

from tests.docs.reference import ROOT

if TYPE_CHECKING:
    from collections.abc import Iterator


class Listed(NamedTuple):
    """One kind of condition; `part` is a kind of object, or `listener` for those in a Gateway's listeners."""

    part: str
    type: str
    status: str
    reason: str


def _listed() -> Iterator[Listed]:
    """Read the tables of the reference: a section for each part, a row for each (type and status, reason)."""
    text = (ROOT / "docs" / "reference" / "conditions.md").read_text(encoding="utf-8")
    for section in re.split(r"^## ", text, flags=re.MULTILINE)[1:]:
        for type_, status, reason in re.findall(r"^\| ([\w./]+) (\w+) \| `(\w+)` \|", section, re.MULTILINE):
            for part in section.split("\n", 1)[0].split(" and "):
                yield Listed(part, type_, status, reason)


LISTED = frozenset(_listed())


def in_golden_cases() -> set[Listed]:
    """Collect the conditions of all golden statuses."""
    found: set[Listed] = set()
    for path in (ROOT / "tests" / "golden" / "cases").rglob("status.yaml"):
        for key, status in (yaml.safe_load(path.read_text(encoding="utf-8")) or {}).items():
            found |= _conditions(key.split()[0], status)
    return found


def literals() -> set[str]:
    """Collect all strings of the packages that decide on conditions."""
    packages = ("gatewayapi", "infrastructure")
    paths = (path for package in packages for path in (ROOT / "xdsserver" / package).rglob("*.py"))
    nodes = (node for path in paths for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))))
    return {node.value for node in nodes if isinstance(node, ast.Constant) and isinstance(node.value, str)}


def _conditions(part: str, value: Any) -> set[Listed]:  # noqa: ANN401 (a document of YAML)
    match value:
        case {"type": str(type_), "status": status, "reason": str(reason)}:
            return {Listed(part, type_, str(status), reason)}
        case dict():
            parts = ("listener" if name == "listeners" else part for name in value)
            return set().union(*map(_conditions, parts, value.values()))
        case list():
            return set().union(*(_conditions(part, one) for one in value))
        case _:
            return set()
