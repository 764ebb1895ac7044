"""A kubeconfig is read again and again, since what it holds is replaced."""

from __future__ import annotations

import base64
import json
from typing import TYPE_CHECKING

from tests.certificates import authority
from xdsserver.kube.access import Kubeconfig

if TYPE_CHECKING:
    from pathlib import Path


async def test_k21_what_a_kubeconfig_holds_can_be_read_again(tmp_path: Path) -> None:
    """K21: credentials are read again in one process, also where nothing in them changed."""
    pem = authority("kubernetes").pem
    data = base64.b64encode(pem).decode()
    file = tmp_path / "config"
    cluster = {"server": "https://127.0.0.1:6443", "certificate-authority-data": data}
    content = {
        "apiVersion": "v1",
        "kind": "Config",
        "current-context": "c",
        "clusters": [{"name": "c", "cluster": cluster}],
        "users": [{"name": "c", "user": {"token": "t"}}],
        "contexts": [{"name": "c", "context": {"cluster": "c", "user": "c"}}],
    }
    file.write_text(json.dumps(content))
    first = await Kubeconfig(str(file)).read()

    assert first.trust.authorities == pem
    assert await Kubeconfig(str(file)).read() == first
