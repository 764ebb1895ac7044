"""`xdsserver check`: everything that is wrong with a folder, each with file and line."""

from collections.abc import Iterator
from typing import Annotated

import typer

from xdsserver.cli.folder import ExistingFolder, read
from xdsserver.gatewayapi.attachment import named_gateway
from xdsserver.gatewayapi.statuses import faults
from xdsserver.objects.meta import ObjectKey
from xdsserver.reconciler import Reconciler


def check(
    folder: ExistingFolder,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Print problems only.")] = False,
) -> None:
    """Say what is wrong with a folder.

    That is: what cannot be read, objects that are refused, references that lead nowhere, conditions that are not good.
    Each with file and line, as compilers write it.

    Exit code: 0 good (warnings do not count), 1 problems found, 2 usage.
    """
    source, scan, reconciler = read(folder)
    for problem in scan.problems:
        print(problem.below(folder))
    found = list(_found(reconciler))
    for key, words in found:
        file, line = source.place(key) or ("", 0)
        print(f"{folder / file}:{line}: error: {key} {words}")
    errors = len(scan.errors) + len(found)
    if not quiet:
        objects = "1 object" if len(scan.changes) == 1 else f"{len(scan.changes)} objects"
        print(f"{objects}, " + ("no problems" if not errors else "1 problem" if errors == 1 else f"{errors} problems"))
    if errors:
        raise typer.Exit(1)


def _found(reconciler: Reconciler) -> Iterator[tuple[ObjectKey, str]]:
    """Give faults of statuses, and references to Gateways that are not there, of which no status can tell."""
    pipeline = reconciler.pipeline
    for key, status in sorted(pipeline.statuses.rows.items()):
        # The same words may stand in several conditions and for several parents.
        yield from ((key, words) for words in {f"{one.reason}: {one.message}": None for _, one in faults(status)})
    for name, gateway in sorted(pipeline.gateways.rows.items()):
        class_name = gateway.spec.gateway_class_name
        if not any(key.name == class_name for key in pipeline.gateway_classes.rows):
            words = f"spec.gatewayClassName: no GatewayClass {class_name}; this Gateway is served by nobody"
            yield ObjectKey("Gateway", *name), words
    for key, route in sorted(pipeline.route_heads.rows.items()):
        for number, reference in enumerate(route.parents):
            gateway_name = named_gateway(key, reference)
            if gateway_name is not None and gateway_name not in pipeline.gateways.rows:
                yield key, f"spec.parentRefs[{number}]: no Gateway {gateway_name}"
