"""`xdsserver check`: everything that is wrong with a folder, each with file and line."""

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Annotated

import typer

from xdsserver.cli.folder import ExistingFolder, read
from xdsserver.files import Scan
from xdsserver.gatewayapi.statuses import doubts, faults
from xdsserver.gatewayapi.validity import doubt
from xdsserver.model.certificates import ServerCertificate
from xdsserver.objects.meta import ObjectKey
from xdsserver.reconciler import Reconciler


def check(
    folder: ExistingFolder,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Print problems only.")] = False,
) -> None:
    """Say what is wrong with a folder.

    That is: what cannot be read, objects that are refused, references that lead nowhere, conditions that are not good,
    and, as warnings, rules that no request ever reaches and certificates that are expired. Each with file and line, as
    compilers write it.

    Exit code: 0 good (warnings do not count), 1 problems found, 2 usage.
    """
    source, scan, reconciler = read(folder)
    for problem in scan.problems:
        print(problem.below(folder))
    found = list(_found(scan, reconciler))
    told = [("error", *one) for one in found] + [("warning", *one) for one in _doubts(reconciler)]
    for severity, key, words in told:
        file, line = source.place(key) or ("", 0)
        print(f"{folder / file}:{line}: {severity}: {key} {words}")
    errors = len(scan.errors) + len(found)
    if not quiet:
        objects = "1 object" if len(scan.changes) == 1 else f"{len(scan.changes)} objects"
        print(f"{objects}, " + ("no problems" if not errors else "1 problem" if errors == 1 else f"{errors} problems"))
    if errors:
        raise typer.Exit(1)


def _doubts(reconciler: Reconciler) -> Iterator[tuple[ObjectKey, str]]:
    """Give what is served and surely not meant."""
    for key, status in sorted(reconciler.pipeline.statuses.rows.items()):
        yield from ((key, words) for words in doubts(status))
    now = datetime.now(UTC)
    for name in sorted({secret for _fleet, secret in reconciler.pipeline.certificate_counts.rows}):
        found = reconciler.pipeline.certificates.rows.get(name)
        if isinstance(found, ServerCertificate) and (words := doubt(found, now)):
            yield ObjectKey("Secret", *name), words


def _found(scan: Scan, reconciler: Reconciler) -> Iterator[tuple[ObjectKey, str]]:
    """Give faults of statuses, and references of which no status can tell."""
    for key, status in sorted(reconciler.pipeline.statuses.rows.items()):
        # The same words may stand in several conditions and for several parents.
        yield from ((key, words) for words in {f"{one.reason}: {one.message}": None for _, one in faults(status)})
    for key, words in sorted(reconciler.dangling(change.key for change in scan.changes).items()):
        yield from ((key, one) for one in words)
