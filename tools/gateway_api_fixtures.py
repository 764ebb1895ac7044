"""Write `tests/fixtures/gateway-api` from the Gateway API's own examples and conformance manifests.

    python tools/gateway_api_fixtures.py MODULE_DIR CONFORMANCE_DIR

Both are unpacked Go modules of one release. One JSON object per line, so that a diff names what changed.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import yaml

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

OUT = Path(__file__).parent.parent / "tests" / "fixtures" / "gateway-api"
GROUP = "gateway.networking"
CORE = {"Service", "EndpointSlice", "Namespace", "Secret", "ConfigMap"}


class Loader(yaml.CSafeLoader):
    """Leaves dates as text, as JSON does."""


Loader.yaml_implicit_resolvers = {
    first: [(tag, form) for tag, form in resolvers if not tag.endswith("timestamp")]
    for first, resolvers in yaml.CSafeLoader.yaml_implicit_resolvers.items()
}


def documents(root: Path, folders: Iterable[str]) -> Iterator[tuple[str, object]]:
    """Yield (source, document) of every object of a kind that has a schema here."""
    for folder in folders:
        for path in sorted((root / folder).rglob("*.yaml")):
            for document in yaml.load_all(path.read_text(), Loader):
                if isinstance(document, dict) and "kind" in document:
                    group = str(document["apiVersion"]).rpartition("/")[0]
                    if group.startswith(GROUP) or document["kind"] in CORE:
                        yield str(path.relative_to(root)), document


def write(name: str, found: Iterable[tuple[str, object]]) -> None:
    """Write one file of fixtures."""
    lines = [json.dumps({"source": source, "document": document}, separators=(",", ":")) for source, document in found]
    (OUT / name).write_text("\n".join(lines) + "\n")


def main() -> None:
    """Rewrite both files and the licence."""
    module, conformance = Path(sys.argv[1]), Path(sys.argv[2])
    OUT.mkdir(parents=True, exist_ok=True)
    write("invalid.jsonl", documents(module, ["hack/invalid-examples"]))
    valid = [*documents(module, ["examples"]), *documents(conformance, ["base", "mesh", "tests"])]
    write("valid.jsonl", valid)
    (OUT / "LICENSE").write_text((module / "LICENSE").read_text())


if __name__ == "__main__":
    main()
