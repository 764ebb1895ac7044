"""Small worlds, settled: documents in, tables out."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.live import manifests as m
from xdsserver.files import Folder
from xdsserver.gatewayapi.installed import OUR_SCHEMAS
from xdsserver.reconciler import Reconciler, Surroundings

if TYPE_CHECKING:
    from pathlib import Path

    from tests.live.manifests import Document
    from xdsserver.pipeline import Pipeline


def settled(folder: Path, *documents: Document) -> Pipeline:
    """Give the tables of what is decided on documents, and a class for their Gateways."""
    return reconciled(folder, *documents).pipeline


def reconciled(folder: Path, *documents: Document) -> Reconciler:
    """Decide on documents, and a class for their Gateways."""
    file = folder / "all.yaml"
    file.touch(mode=0o600)
    m.write(file, [m.gateway_class(), *documents])
    scan = Folder(folder).scan()
    assert not scan.errors, [str(problem) for problem in scan.errors]
    found = Reconciler(Surroundings(schemas=OUR_SCHEMAS))
    assert not found.objects((one.kind, one.name, one.object) for one in scan.changes).failures
    return found
