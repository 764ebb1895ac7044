"""The stack, up for all tests: with images of this checkout, on ports that are free, from a copy of the folder."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING, Any

import docker
import pytest

from e2e.compose.program import NoComposeError, compose
from e2e.compose.stack import PROJECT, Stack
from tests.ports import free_port
from tools.images.machine import NotHereError
from tools.images.recipe import PROMETHEUS, envoy_image, prometheus_image, server_image

if TYPE_CHECKING:
    from collections.abc import Iterator

HERE = Path(__file__).parent
UP_S = 300


@pytest.fixture(scope="session")
def engine() -> Iterator[Any]:
    """Give a client of the engine; skips where none answers."""
    try:
        client = docker.from_env()
        client.ping()
    except docker.errors.DockerException as error:
        pytest.skip(f"no engine answers (docker, or what DOCKER_HOST names): {error}")
    yield client
    client.close()


@pytest.fixture(scope="session")
def stack(engine: Any, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:  # noqa: ANN401  (has no types)
    """Give a stack that is up; skips where there is no compose."""
    try:
        words = compose()
    except NoComposeError as error:
        pytest.skip(str(error))
    images = [server_image(), envoy_image()]
    named, missing = {}, ""
    if "PROMETHEUS_IMAGE" not in os.environ:
        try:
            images.append(prometheus_image())
            named = {"PROMETHEUS_IMAGE": PROMETHEUS.name}
        except NotHereError as error:
            missing = str(error)
    for image in images:
        with image.open("rb") as archive:
            engine.images.load(archive)
    gateway = tmp_path_factory.mktemp("compose") / "gateway"
    shutil.copytree(HERE / "gateway", gateway)
    ports = {name: free_port() for name in ("PORT_1", "PORT_2", "COUNTS_PORT", "PROMETHEUS_PORT")}
    environment = os.environ | named | {name: str(port) for name, port in ports.items()}
    environment["GATEWAY_FOLDER"] = str(gateway)

    def run(*arguments: str) -> subprocess.CompletedProcess[str]:
        command = [*words, "--project-name", PROJECT, "--file", str(HERE / "compose.yaml"), *arguments]
        return subprocess.run(command, env=environment, capture_output=True, text=True, timeout=UP_S + 60, check=False)

    # What a run before left behind, if it was ended in the middle.
    run("down", "--volumes")
    if missing and run("pull", "prometheus").returncode == 0:
        missing = ""
    without = ("--scale", "prometheus=0") if missing else ()
    try:
        up = run("up", "--wait", "--wait-timeout", str(UP_S), *without)
        assert up.returncode == 0, f"{up.stderr}\n{run('logs', '--tail=40').stdout}"
        envoys = {f"envoy-{n}": f"http://127.0.0.1:{ports[f'PORT_{n}']}" for n in (1, 2)}
        counts, metrics = (f"http://127.0.0.1:{ports[name]}/" for name in ("COUNTS_PORT", "PROMETHEUS_PORT"))
        yield Stack(engine, gateway, counts, metrics, missing, envoys)
    finally:
        run("down", "--volumes")
