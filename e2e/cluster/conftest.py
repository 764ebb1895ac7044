"""One release of the chart for all tests of this folder, installed by the commands of the guide.

The last but one file, by its name, takes it away.
"""

from __future__ import annotations

import os
import time
from contextlib import suppress
from typing import TYPE_CHECKING

import pytest

from e2e.cluster.release import Release
from e2e.cluster.shell import Shell
from e2e.images import load_images

if TYPE_CHECKING:
    from collections.abc import Iterator

    from e2e.conftest import Cluster


@pytest.fixture(scope="session")
def shell(cluster: Cluster, tmp_path_factory: pytest.TempPathFactory) -> Shell:
    """Give a shell for a cluster with nothing of ours but the images; into one of yours they are loaded by hand."""
    if os.environ.get("XDSSERVER_RIG"):
        load_images()
    made = Shell(cluster, tmp_path_factory.mktemp("programs"))
    # What other tests left would be taken for part of the release.
    made.run(
        "kubectl delete namespace xdsserver-system --ignore-not-found --timeout=120s;"
        "kubectl delete gatewayclass xdsserver --ignore-not-found;"
        "kubectl delete clusterrole,clusterrolebinding xdsserver --ignore-not-found;"
        "kubectl delete crd envoyfleets.gateway.xdsserver.io tenants.rustfs.com --ignore-not-found --timeout=60s"
    )
    return made


@pytest.fixture(scope="session")
def release(shell: Shell) -> Iterator[Release]:
    """Install it as the guide says, up to the first answer."""
    begun = time.monotonic()
    shell.do("install", "Try it")
    yield Release(shell, time.monotonic() - begun)
    with suppress(AssertionError):
        shell.do("uninstall", "In a cluster")
