"""`xdsserver bootstrap`: what an Envoy that somebody else runs must be started with."""

from dataclasses import replace
from typing import Annotated

import typer

from xdsserver.infrastructure.allocation import MAX_PORT
from xdsserver.proxy.bootstrap import (
    FIRST_CONFIGURATION_S,
    BootstrapOptions,
    TcpAddress,
    UnixSocket,
    build_bootstrap,
    to_yaml,
)
from xdsserver.reconciler import FLEET


def bootstrap(
    xds: Annotated[
        str, typer.Option(metavar="ADDRESS", help="Where xdsserver listens: HOST:PORT or unix:PATH.")
    ] = "127.0.0.1:18000",
    admin: Annotated[
        str, typer.Option(metavar="ADDRESS", help="Envoy's admin interface: HOST:PORT or unix:PATH.")
    ] = "127.0.0.1:9901",
    node_id: Annotated[
        str, typer.Option(metavar="NAME", help="Names this Envoy; each needs a name of its own.")
    ] = "envoy",
    fleet: Annotated[str, typer.Option(metavar="NAME", help="The fleet that it belongs to.")] = FLEET,
    tls_dir: Annotated[
        str | None,
        typer.Option(
            metavar="DIR",
            help="Where this Envoy finds what `xdsserver certificate` wrote; without, it speaks plaintext.",
        ),
    ] = None,
    probes: Annotated[
        str | None,
        typer.Option(
            metavar="HOST:PORT",
            help="Answer GET of /ready and /stats/prometheus here, to whoever can reach it, once there is a first "
            "configuration; the admin interface must then be a socket.",
        ),
    ] = None,
) -> None:
    """Print the bootstrap for an Envoy of your own.

    It is YAML for `envoy -c`; an Envoy that is started with it gets everything else from xdsserver.
    """
    try:
        options = BootstrapOptions(node_id, fleet, _address(xds), _address(admin), tls_dir)
        if probes is not None:
            options = replace(options, probes=_tcp(probes), initial_fetch_timeout_s=FIRST_CONFIGURATION_S)
        print(to_yaml(build_bootstrap(options)), end="")
    except ValueError as error:
        raise typer.BadParameter(str(error)) from error


def _address(text: str) -> TcpAddress | UnixSocket:
    if text.startswith("unix:"):
        return UnixSocket(text.removeprefix("unix:"))
    return _tcp(text)


def _tcp(text: str) -> TcpAddress:
    host, colon, port = text.rpartition(":")
    if not colon or not port.isdecimal() or not 0 < int(port) <= MAX_PORT:
        message = f"{text!r} is no address: write HOST:PORT, or unix:PATH where a socket will do"
        raise ValueError(message)
    return TcpAddress(host.strip("[]"), int(port))
