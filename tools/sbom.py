"""Print what the server is made of as a CycloneDX document: every package of `requirements.txt`, and nothing else.

    python tools/sbom.py > sbom.cdx.json

The lock is the source, not what happens to be installed: each entry has the version that an image is built with and is
held to hashes there. The same lock gives the same document, so neither a time nor a random serial number is in it.
"""

from __future__ import annotations

import json
import re
import sys
import tomllib
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parent.parent
LOCK = ROOT / "requirements.txt"


@dataclass(frozen=True)
class Package:
    """A package of the lock; `marker` says on which machines it is installed, and is empty for all."""

    name: str
    version: str
    marker: str
    sha256: tuple[str, ...]

    @property
    def purl(self) -> str:
        """Its package URL, by which databases of vulnerabilities know it."""
        return f"pkg:pypi/{self.name}@{self.version}"


def packages(lock: str) -> list[Package]:
    """Read a lock as `make lock` writes it, one package after the other.

    Raises:
        ValueError: a line is not understood, so that nothing is left out in silence.
    """
    found = []
    for entry in re.sub(r"\\\n", " ", re.sub(r"^#.*\n", "", lock, flags=re.MULTILINE)).splitlines():
        requirement, *hashes = re.split(r"\s+--hash=sha256:", entry.strip())
        match = re.fullmatch(r"([a-z0-9-]+)==([^\s;]+)(?:\s*;\s*(.+))?", requirement)
        if match is None or not hashes:
            message = f"not a pinned package with hashes: {entry.strip()!r}"
            raise ValueError(message)
        found.append(Package(match[1], match[2], match[3] or "", tuple(one.strip() for one in hashes)))
    return found


def document(lock: str) -> dict[str, Any]:
    """Return the document of a lock, by CycloneDX 1.5."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    ours = Package(project["name"], project["version"], "", ())
    return {
        "$schema": "http://cyclonedx.org/schema/bom-1.5.schema.json",
        "bomFormat": "CycloneDX",
        "specVersion": "1.5",
        "version": 1,
        "metadata": {"component": _component(ours) | {"type": "application", "description": project["description"]}},
        "components": [_component(one) for one in packages(lock)],
    }


def _component(package: Package) -> dict[str, Any]:
    component: dict[str, Any] = {
        "type": "library",
        "bom-ref": package.purl,
        "name": package.name,
        "version": package.version,
        "purl": package.purl,
    }
    if expression := _license(package):
        component["licenses"] = [{"expression": expression}]
    # A package has a hash per file, for each Python and processor. `hashes` of the format would say that one file has
    # them all.
    properties = [{"name": "xdsserver:file:sha256", "value": one} for one in package.sha256]
    if package.marker:
        properties.append({"name": "xdsserver:marker", "value": package.marker})
    return component | ({"properties": properties} if properties else {})


def _license(package: Package) -> str | None:
    """Return the SPDX expression that an installed package of just this version states."""
    try:
        installed = metadata.metadata(package.name)
    except metadata.PackageNotFoundError:
        return None
    if installed["Version"] != package.version or "License-Expression" not in installed:
        return None
    return installed["License-Expression"]


def main() -> int:
    """Print the document."""
    json.dump(document(LOCK.read_text(encoding="utf-8")), sys.stdout, indent=1)
    print()
    return 0


if __name__ == "__main__":
    sys.exit(main())
