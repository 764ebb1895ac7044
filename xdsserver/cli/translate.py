"""`xdsserver translate`: what Envoy would get, and what statuses would say."""

import json
import sys
from enum import Enum
from typing import Annotated, Any

import typer
import yaml

from xdsserver.cli.folder import ExistingFolder, read
from xdsserver.translation.documents import document, short_type


class Output(Enum):
    """How documents are written."""

    YAML = "yaml"
    JSON = "json"


class Only(Enum):
    """A part of the answer."""

    RESOURCES = "resources"
    STATUSES = "statuses"


def translate(
    folder: ExistingFolder,
    output: Annotated[Output, typer.Option("--output", "-o", help="How to write it.")] = Output.YAML,
    only: Annotated[Only | None, typer.Option(help="Print one part only.")] = None,
) -> None:
    """Print the Envoy configuration of a folder.

    With it come the statuses that its objects would get. Addresses are those of a first start, and no port is tried.
    What is wrong with files goes to the error output.

    Exit code: 0 good, 1 something in a file is refused, 2 usage.
    """
    _, scan, reconciler = read(folder)
    for problem in scan.problems:
        print(problem.below(folder), file=sys.stderr)
    parts: dict[str, Any] = {}
    if only is not Only.STATUSES:
        resources: dict[str, dict[str, Any]] = {}
        for (_, type_url, name), resource in sorted(reconciler.pipeline.resources.rows.items()):
            resources.setdefault(short_type(type_url), {})[name] = document(resource)
        parts["resources"] = resources
    if only is not Only.RESOURCES:
        statuses = sorted(reconciler.pipeline.statuses.rows.items())
        parts["statuses"] = {str(key): status.document() for key, status in statuses}
    whole = parts if only is None else parts[only.value]
    if output is Output.JSON:
        print(json.dumps(whole, indent=2))
    else:
        print(yaml.safe_dump(whole, sort_keys=False, width=120, allow_unicode=True), end="")
    if scan.errors:
        raise typer.Exit(1)
