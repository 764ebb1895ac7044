"""The Dockerfile builds both images; the base is made of this machine, since no registry may be in reach."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import docker
import pytest

from tools.images.recipe import BASE, base_image

ROOT = Path(__file__).parents[2]
AUTHORITIES = "/etc/ssl/certs/ca-certificates.crt"
RESTRICTED: dict[str, Any] = {
    "network_mode": "none",
    "read_only": True,
    "cap_drop": ["ALL"],
    "security_opt": ["no-new-privileges:true"],
    "remove": True,
}


def where_packages_come_from() -> dict[str, str]:
    """Tell the build what pip of this machine has been told."""
    listed = subprocess.run([sys.executable, "-m", "pip", "config", "list"], capture_output=True, text=True, check=True)
    told = dict(re.findall(r"^(?:global|install|:env:)\.([a-z-]+)='(.*)'$", listed.stdout, re.MULTILINE))
    index = {"PIP_INDEX_URL": told["index-url"]} if "index-url" in told else {}
    # Proxies are arguments that every engine takes.
    proxies = {name: value for name, value in os.environ.items() if name.lower() in {"http_proxy", "https_proxy"}}
    return {"PIP_CERT": AUTHORITIES, **index, **proxies}


def built(engine: Any, target: str, arguments: dict[str, str]) -> Any:  # noqa: ANN401  (the docker SDK has no types)
    """Build a stage; skips where the build cannot reach the place that packages come from."""
    try:
        image, _log = engine.images.build(
            path=str(ROOT), target=target, buildargs=arguments, network_mode="host", rm=True, forcerm=True
        )
    except docker.errors.BuildError as error:
        log = "".join(str(line.get("stream", "")) for line in error.build_log)
        if re.search(r"Could not fetch URL|Connection(Pool| broken)|name resolution", log):
            pytest.skip(f"no package index is in reach of a build: {log.strip().splitlines()[-1]}")
        raise
    return image


def test_s13_the_dockerfile_builds_images_that_run_without_any_right(engine: Any) -> None:  # noqa: ANN401
    """S13: both stages, as user 65532 with nothing to write, no capability and no network, say who they are."""
    with base_image().open("rb") as archive:
        engine.images.load(archive)
    arguments = {"BASE": BASE.name, "ENVOY_BASE": BASE.name, "VERSION": "1.2.3"} | where_packages_come_from()
    images = {}
    try:
        # The second one is made of what was built for the first, which is gone when that is removed.
        for target in ("server", "envoy"):
            images[target] = built(engine, target, arguments)
        for image in images.values():
            assert image.attrs["Config"]["User"] == "65532:65532"
            assert image.attrs["Config"]["StopSignal"] == "SIGTERM"
            assert image.labels["org.opencontainers.image.version"] == "1.2.3"
        commands = {"server": "version", "envoy": "--version"}
        said = {
            target: engine.containers.run(image, commands[target], **RESTRICTED).decode()
            for target, image in images.items()
        }
    finally:
        for image in images.values():
            engine.images.remove(image.id, force=True)
    assert "gateway-api v" in said["server"]
    # Envoy has an image of its own, and is not in this one a second time.
    assert "no Envoy found" in said["server"]
    assert re.search(r"version: [0-9a-f]+/1\.40\.", said["envoy"])
