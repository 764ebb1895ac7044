"""Images for pods, made of what is on this machine, and how the rig's cluster gets to know them."""

from __future__ import annotations

import os
import subprocess
from typing import TYPE_CHECKING, Final

import pytest

from tools.images import recipe
from tools.images.recipe import envoy_image, server_image

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["ENVOY", "SERVER", "envoy_image", "load_images", "server_image"]

SERVER: Final = recipe.SERVER.name
ENVOY: Final = recipe.ENVOY.name


def load_images() -> None:
    """Make the rig's cluster know both images. Skips where there is no rig to load them into."""
    rig = os.environ.get("XDSSERVER_RIG")
    if not rig:
        pytest.skip("pods need images that no registry has, and only the rig can load them: XDSSERVER_RIG is not set")
    for name, archive in ((SERVER, server_image()), (ENVOY, envoy_image())):
        _load(rig, name, archive)


def _load(rig: str, name: str, archive: Path) -> None:
    load = subprocess.run([f"{rig}/load-image", name, archive], capture_output=True, text=True, check=False)
    assert load.returncode == 0, load.stderr or load.stdout
