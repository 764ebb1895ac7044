"""Rewrite `bootstrap/standalone.yaml`, part of `make golden`."""

from __future__ import annotations

from pathlib import Path

from xdsserver.proxy.bootstrap import BootstrapOptions, UnixSocket, build_bootstrap, to_yaml

PATH = Path(__file__).parents[2] / "bootstrap" / "standalone.yaml"
OPTIONS = BootstrapOptions(
    node_id="standalone",
    fleet="default/standalone",
    xds=UnixSocket("/run/xdsserver/xds.sock"),
    admin=UnixSocket("/run/xdsserver/admin.sock"),
)


def text() -> str:
    return (
        "# How the local Envoy of `xdsserver standalone` is started, for a runtime folder of /run/xdsserver.\n"
        "# Made from xdsserver/proxy/bootstrap.py by `make golden`; do not edit.\n"
    ) + to_yaml(build_bootstrap(OPTIONS))


if __name__ == "__main__":
    PATH.write_text(text(), encoding="utf-8")
