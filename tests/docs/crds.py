"""The manifests of our own kinds, a file each, made of their structs."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.docs.reference import ROOT
from xdsserver.objects.crd import OWN, manifest

if TYPE_CHECKING:
    from pathlib import Path


def pages() -> dict[Path, str]:
    folder = ROOT / "deploy" / "crds"
    return {
        folder / f"{own.plural}.yaml": f"# Made by `xdsserver crds`; `make golden` renews it.\n{manifest([own])}"
        for own in OWN
    }
