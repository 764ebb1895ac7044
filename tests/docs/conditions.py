"""The reference of conditions, and conditions two more times: as golden cases show them, as the code spells them."""

from __future__ import annotations

import ast
import textwrap
from typing import TYPE_CHECKING, Any, NamedTuple

import yaml

from tests.docs.reference import DOCS, MADE, ROOT
from xdsserver.inspection.reasons import CHAPTERS

if TYPE_CHECKING:
    from xdsserver.inspection.reasons import Chapter


class Listed(NamedTuple):
    """One kind of condition; `part` is a kind of object, or `listener` for those in a Gateway's listeners."""

    part: str
    type: str
    status: str
    reason: str


PAGE = DOCS / "reference" / "conditions.md"

INTRODUCTION = f"""\
{MADE}# Conditions

What the status of each object may say, and what to do about it. `xdsserver why KIND/NAMESPACE/NAME --dir DIR` says it
of one object, and `xdsserver translate DIR --only statuses` prints the statuses of a folder; in a running gateway what
is wrong is on the terminal. The message of a condition names the field and the remedy; this page says what a reason
means. Types and reasons are those of the Gateway API. `Unknown` is no fault: something is still under way.
"""

LISTED = frozenset(
    Listed(part, one.type, one.status, one.reason)
    for chapter in CHAPTERS
    for part in chapter.parts
    for one in chapter.reasons
)


def page() -> str:
    """Make the page."""
    return "\n".join((INTRODUCTION, *(_section(one) for one in CHAPTERS)))


def _section(chapter: Chapter) -> str:
    rows = [f"| {one.type} {one.status} | `{one.reason}` | {one.means} | {one.remedy} |" for one in chapter.reasons]
    table = ["| condition | reason | meaning | what to do |", "|---|---|---|---|", *rows]
    parts = [f"## {' and '.join(chapter.parts)}", *_paragraph(chapter.introduction), *table]
    return "\n".join([*parts, *(["", *_paragraph(chapter.afterword)] if chapter.afterword else [""])])


def _paragraph(text: str) -> list[str]:
    wrapped = textwrap.wrap(text, 120, break_long_words=False, break_on_hyphens=False)
    return [*wrapped, ""] if wrapped else []


def problems() -> set[str]:
    """Collect the reasons that are given to Problems and Refusals where these are made."""
    packages = ("gatewayapi", "infrastructure", "pipeline", "filters")
    paths = (path for package in packages for path in (ROOT / "xdsserver" / package).rglob("*.py"))
    found: set[str] = set()
    for path in paths:
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
                at = {"Problem": 1, "Refusal": 0, "Condition": 2, "condition": 1}.get(node.func.id)
                given = node.args[at] if at is not None and len(node.args) > at else None
                if isinstance(given, ast.Constant) and isinstance(given.value, str):
                    found.add(given.value)
    return found


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
