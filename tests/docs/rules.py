"""Rules of the specification, each with the golden case and the live test that show it: from `tests/rules/*.yaml`.

A row is a rule in the words of the specification, in one line. `golden` is a folder below `tests/golden/cases`, or a
file of the checkout that is made and compared like one; `live` is the id of a test as pytest prints it; either may be a
list, and a row that lacks one of them is a hole. The page lists holes with the others, so that what nobody has shown
stays in sight.
"""

from __future__ import annotations

from itertools import groupby
from typing import TYPE_CHECKING, TypeAlias

import msgspec
import yaml

from tests.docs.reference import DOCS, MADE, ROOT

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

PAGE = DOCS / "reference" / "rules.md"
CASES = ROOT / "tests" / "golden" / "cases"

AREAS = (
    "matching",
    "gateways",
    "listenersets",
    "backends",
    "backend_tls",
    "headers",
    "redirect_rewrite",
    "mirror_cors",
    "auth",
    "timeouts_retry",
    "sessions",
    "grpc",
    "https",
    "streams",
    "tracing",
    "edge",
    "s3",
)
"""The files of rows, in the order of the page."""

COUNTS: Mapping[str, int] = {
    "Paths": 7,
    "Methods, headers and query parameters": 13,
    "Precedence": 12,
    "Hostnames": 14,
    "Hostnames as routes wrote them": 7,
    "Attachment": 10,
    "Named rules": 3,
    "Default Gateways": 5,
    "ListenerSets": 20,
    "Weights and missing backends": 15,
    "Endpoints": 8,
    "Protocols of backends": 6,
    "ServiceImport": 3,
    "XBackend": 8,
    "TLS towards backends": 26,
    "Certificates shown to backends": 6,
    "Request headers": 6,
    "Response headers": 3,
    "Filters together": 6,
    "Redirects": 15,
    "Rewrites": 10,
    "Mirrors": 9,
    "CORS": 11,
    "External authorisation": 15,
    "Filters of listeners": 10,
    "Timeouts": 6,
    "Retries": 11,
    "Session persistence": 10,
    "GRPC matches and precedence": 11,
    "GRPC backends and filters": 11,
    "HTTPS listeners": 11,
    "Certificates": 5,
    "Certificates of clients": 6,
    "TLSRoute": 17,
    "TCPRoute": 11,
    "UDPRoute": 8,
    "Tracing": 5,
    "The edge": 24,
    "Listeners for S3": 5,
    "Tenants as routes": 3,
}
"""How many rules there are of each topic: a row that is lost is missed, one that is added is counted here."""

INTRODUCTION = f"""\
{MADE}# Rules of routes and listeners

Each rule has a golden case (what users write, what Envoy gets, what statuses say) and a live test (a request,
connection or datagram through a real Envoy, and what the backend received). A rule that lacks one of them is a hole;
holes are counted in the last line.
"""

OneOrMore: TypeAlias = str | tuple[str, ...]


class Row(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A rule, and where it is shown."""

    topic: str
    rule: str
    golden: OneOrMore = ()
    live: OneOrMore = ()

    @property
    def cases(self) -> tuple[str, ...]:
        """Give the folders of its golden cases."""
        return _several(self.golden)

    @property
    def tests(self) -> tuple[str, ...]:
        """Give the ids of its live tests."""
        return _several(self.live)

    @property
    def is_hole(self) -> bool:
        """Tell whether a case or a test is missing."""
        return not (self.cases and self.tests)


def rows() -> tuple[Row, ...]:
    """Read all rows, in the order of the page."""
    return tuple(row for area in AREAS for row in _read(ROOT / "tests" / "rules" / f"{area}.yaml"))


def page() -> str:
    """Make the page of all rules."""
    all_rows = rows()
    parts = [INTRODUCTION]
    for topic, group in groupby(all_rows, key=lambda row: row.topic):
        members = tuple(group)
        parts.append(f"## {topic}\n\n{len(members)} rules.\n\n| rule | golden case | live test |\n|---|---|---|")
        parts += [f"| {_cell(row.rule)} | {_links(row.cases)} | {_links(row.tests)} |" for row in members]
        parts.append("")
    parts.append(f"holes: {sum(row.is_hole for row in all_rows)}\n")
    return "\n".join(parts)


def shown(golden: str) -> Path:
    """Give the folder of a golden case, or the made file, by its name."""
    return ROOT / golden if golden.endswith(".yaml") else CASES / golden


def named_files() -> Iterator[str]:
    """Yield the files that hold live tests of rows, each once."""
    yield from sorted({test.partition("::")[0] for row in rows() for test in row.tests})


def _read(path: Path) -> tuple[Row, ...]:
    return msgspec.convert(yaml.safe_load(path.read_text(encoding="utf-8")), tuple[Row, ...])


def _several(value: OneOrMore) -> tuple[str, ...]:
    return (value,) if isinstance(value, str) else value


def _links(names: tuple[str, ...]) -> str:
    return "<br>".join(map(_link, names)) or "hole"


def _link(name: str) -> str:
    """Link a case by its folder, and a test by its file."""
    path, found, test = name.partition("::")
    if not found:
        return f"[{name}](../../{shown(name).relative_to(ROOT).as_posix()})"
    return f"[`{_cell(test)}`](../../{path})"


def _cell(text: str) -> str:
    return text.replace("|", "\\|")
