"""What is made of and for the Helm chart: roles and definitions in it, boards, plain manifests, the page of values."""

from __future__ import annotations

import re
import shutil
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

import yaml

from tests.deploy.charts import CHART, presets, texts
from tests.docs import crds
from tests.docs.reference import DOCS, MADE, ROOT
from tools.dashboards import BOARDS, rendered
from xdsserver.infrastructure.permissions import PERMISSIONS, Scope
from xdsserver.infrastructure.tenant_permissions import TENANT_PERMISSIONS

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from xdsserver.infrastructure.permissions import Permission

PAGE = DOCS / "reference" / "values.md"
MANIFESTS = ROOT / "deploy" / "manifests"
PERMISSIONS_FILE = CHART / "files" / "permissions.yaml"
TENANT_PERMISSIONS_FILE = CHART / "files" / "tenant-permissions.yaml"
PLAIN = ("default", "hostport", "namespaced")
"""Presets that there are plain manifests of: the others are a line of these, or somebody else's choice."""

_SCOPES = {"cluster": Scope.CLUSTER, "named": Scope.NAMED, "watched": Scope.WATCHED, "own": Scope.OWN}
_KEY = re.compile(r"^(?P<indent> *)(?P<key>[A-Za-z]+):(?P<value>.*)$")

INTRODUCTION = f"""\
{MADE}# Values of the Helm chart

What `deploy/chart/xdsserver` takes, with what it is where nothing is said. A name or a type that is not here is refused
by the schema of the chart. Sets of values for common cases are in [`deploy/chart/presets`](../../deploy/chart/presets).

| value | where nothing is said | what it does |
|---|---|---|
"""


def pages() -> dict[Path, str]:
    """Make all files that the code or the chart says already."""
    made = inside()
    with TemporaryDirectory() as folder:
        # Manifests are rendered from the chart as it is to be, not as it was before what is made in it.
        chart = Path(shutil.copytree(CHART, f"{folder}/xdsserver"))
        for path, text in made.items():
            (chart / path.relative_to(CHART)).write_text(text, encoding="utf-8")
        plain = {MANIFESTS / f"{name}.yaml": manifest(chart, name) for name in PLAIN}
    return {PAGE: page(), **made, **plain}


def inside() -> dict[Path, str]:
    """Make the files of the chart that follow from the code."""
    definitions = {CHART / "charts/crds/crds" / path.name: text for path, text in crds.pages().items()}
    boards = {CHART / "dashboards" / f"{one.id}.json": rendered(one) for one in BOARDS}
    tables = {
        PERMISSIONS_FILE: permissions(PERMISSIONS),
        TENANT_PERMISSIONS_FILE: permissions(TENANT_PERMISSIONS),
    }
    return {**tables, **definitions, **boards}


def permissions(table: Iterable[Permission]) -> str:
    """Make a table of permissions, by where they hold, as templates can read it."""
    rows = tuple(table)
    found = {
        name: [
            {"group": one.group, "resource": one.resource, "verbs": list(one.verbs), "name": one.name, "why": one.why}
            for one in rows
            if one.scope is scope
        ]
        for name, scope in _SCOPES.items()
    }
    dumped = yaml.safe_dump(found, sort_keys=False, default_flow_style=None, width=200)
    return f"# Made from the code by `make golden`; do not edit.\n{dumped}"


def manifest(chart: Path, preset: str) -> str:
    """Render everything that a preset installs as one file: our kinds first, and no label of Helm's own."""
    values = presets()[preset]
    found = texts(values, chart=chart)
    objects = [path for path in sorted(found) if path.endswith(".yaml") and not path.startswith("tests/")]
    kinds = [text for _, text in sorted(crds.pages().items())]
    head = (
        f"# Made of the chart by `make golden`, with the values of the preset `{preset}`; do not edit.\n"
        "# The CustomResourceDefinitions of the Gateway API come first, and are installed by themselves.\n"
    )
    parts = [
        "apiVersion: v1\nkind: Namespace\nmetadata:\n  name: xdsserver-system\n",
        *kinds,
        *filter(None, (_plain(found[path]) for path in objects)),
    ]
    return head + "---\n".join(f"{part.strip()}\n" for part in parts)


def _plain(text: str) -> str:
    lines = [line for line in text.splitlines() if "helm.sh/" not in line]
    kept = "\n".join(line.rstrip().replace("managed-by: Helm", "managed-by: kubectl") for line in lines)
    return kept.strip().removeprefix("---").strip()


def page() -> str:
    """Make the page of values: the comment above a value says what it does."""
    return INTRODUCTION + "".join(_rows(yaml.safe_load((CHART / "values.yaml").read_text(encoding="utf-8"))))


def comments() -> dict[str, str]:
    """Give what is said of each value in values.yaml, by its path."""
    found: dict[str, str] = {}
    said: list[str] = []
    above: list[tuple[int, str]] = []
    for line in (CHART / "values.yaml").read_text(encoding="utf-8").splitlines():
        if line.strip().startswith("#"):
            said.append(line.strip().removeprefix("#").strip())
        elif matched := _KEY.match(line):
            indent = len(matched["indent"])
            above = [one for one in above if one[0] < indent]
            above.append((indent, matched["key"]))
            if said:
                found[".".join(key for _, key in above)] = " ".join(said)
            said = []
        else:
            said = []
    return found


def _rows(values: dict[str, Any]) -> Iterator[str]:
    said = comments()
    for path, value in _leaves(values, said):
        shown = "" if isinstance(value, _Group) else f"`{_inline(value)}`"
        yield f"| `{path}` | {shown} | {said.get(path, '')} |\n"


class _Group:
    """Stands for a map whose members have rows of their own."""


def _inline(value: object) -> str:
    return yaml.safe_dump(value, default_flow_style=True, width=500).splitlines()[0]


def _leaves(values: dict[str, Any], said: dict[str, str], above: str = "") -> Iterator[tuple[str, Any]]:
    for key, value in values.items():
        path = f"{above}{key}"
        if isinstance(value, dict) and value and not path.endswith(("ecurityContext", ".labels")):
            if path in said:
                yield path, _Group()
            yield from _leaves(value, said, f"{path}.")
        else:
            yield path, value
