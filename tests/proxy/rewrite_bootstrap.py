"""Rewrite `bootstrap/`, part of `make golden`: what an Envoy is started with in each way to run."""

from __future__ import annotations

from pathlib import Path

from xdsserver.proxy.bootstrap import (
    FIRST_CONFIGURATION_S,
    BootstrapOptions,
    TcpAddress,
    UnixSocket,
    build_bootstrap,
    to_yaml,
)
from xdsserver.reconciler import FLEET

FOLDER = Path(__file__).parents[2] / "bootstrap"
OPTIONS = BootstrapOptions(
    node_id="standalone",
    fleet="default/standalone",
    xds=UnixSocket("/run/xdsserver/xds.sock"),
    admin=UnixSocket("/run/xdsserver/admin.sock"),
)
COMPOSE = BootstrapOptions(
    node_id="",
    fleet=FLEET,
    xds=TcpAddress("server", 18001),
    admin=UnixSocket("/run/envoy/admin.sock"),
    tls_dir="/etc/envoy/tls",
    probes=TcpAddress("0.0.0.0", 19001),  # noqa: S104  (of a container)
    initial_fetch_timeout_s=FIRST_CONFIGURATION_S,
)


def texts() -> dict[Path, str]:
    return {
        FOLDER / "standalone.yaml": _text(
            "How the local Envoy of `xdsserver standalone` is started, for a runtime folder of /run/xdsserver.", OPTIONS
        ),
        FOLDER / "compose.yaml": _text("How the Envoys of e2e/compose are started; each is told its name.", COMPOSE),
    }


def _text(what: str, options: BootstrapOptions) -> str:
    made = "# Made from xdsserver/proxy/bootstrap.py by `make golden`; do not edit.\n"
    return f"# {what}\n{made}{to_yaml(build_bootstrap(options))}"


if __name__ == "__main__":
    for path, text in texts().items():
        path.write_text(text, encoding="utf-8")
