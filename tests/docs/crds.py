"""The manifest of our own kinds, made of their structs."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.docs.reference import ROOT
from xdsserver.objects.crd import manifest

if TYPE_CHECKING:
    from pathlib import Path


def pages() -> dict[Path, str]:
    return {
        ROOT
        / "deploy"
        / "crds"
        / "envoyfleets.yaml": f"# Made by `xdsserver crds`; `make golden` renews it.\n{manifest()}"
    }
