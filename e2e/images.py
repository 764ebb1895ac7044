"""Images for pods, made of what is on this machine, and how the rig's cluster gets to know them."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path
from typing import Final

import pytest

from tests.live import s3server
from tools.images import recipe
from tools.images.archives import Image
from tools.images.recipe import envoy_image, script_image, server_image

__all__ = ["ENVOY", "SERVER", "envoy_image", "load_images", "server_image"]

SERVER: Final = recipe.SERVER.name
ENVOY: Final = recipe.ENVOY.name


def load_images() -> None:
    """Make the rig's cluster know both images. Skips where there is no rig to load them into."""
    rig = _rig()
    for name, archive in ((SERVER, server_image()), (ENVOY, envoy_image())):
        _load(rig, name, archive)


def load_store() -> str:
    """Make the rig's cluster know a server for S3 that stands in for RustFS, which is in no reach; give its name."""
    rig = _rig()
    image = Image("localhost/rustfs-stand-in:e2e", ("python3", "-I", "/run.py"))
    _load(rig, image.name, script_image(image, Path(s3server.__file__)))
    return image.name


def _rig() -> str:
    rig = os.environ.get("XDSSERVER_RIG")
    if not rig:
        pytest.skip("pods need images that no registry has, and only the rig can load them: XDSSERVER_RIG is not set")
    return rig


def _load(rig: str, name: str, archive: Path) -> None:
    load = subprocess.run([f"{rig}/load-image", name, archive], capture_output=True, text=True, check=False)
    assert load.returncode == 0, load.stderr or load.stdout
