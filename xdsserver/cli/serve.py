"""`xdsserver serve`: any Envoys, served from a saved state."""

import asyncio
import signal
import sys
from pathlib import Path
from typing import Annotated

import typer

from xdsserver.app import ServeSaved
from xdsserver.authority import AuthorityError
from xdsserver.cli.running import (
    DEFAULT_XDS,
    AuthorityDir,
    Health,
    LogFormat,
    StateKeyFile,
    XdsTls,
    health_address,
    reporting,
    until_signal,
)
from xdsserver.files.state import StateError
from xdsserver.observe.condition import EndpointError
from xdsserver.server import ServerError
from xdsserver.settings import ServeSettings, SettingsError, secure_xds
from xdsserver.settings import replica as replica_settings


def serve(
    from_: Annotated[
        Path | None,
        typer.Option(
            "--from",
            metavar="FILE",
            help="The saved state, of `xdsserver save` or `standalone --save-state`; it is watched.",
            envvar="XDSSERVER_FROM",
        ),
    ] = None,
    state_key_file: StateKeyFile = None,
    xds: Annotated[
        list[str] | None,
        typer.Option(
            metavar="ADDRESS",
            help=f"Serve xDS here: HOST:PORT on loopback, or unix:PATH. May be repeated; {DEFAULT_XDS} without.",
            envvar="XDSSERVER_XDS",
        ),
    ] = None,
    xds_tls: XdsTls = None,
    authority_dir: AuthorityDir = None,
    replica: Annotated[str | None, typer.Option(hidden=True, help="The name of this server among --replicas.")] = None,
    replicas: Annotated[
        str, typer.Option(hidden=True, help="All servers, NAME=HOST:PORT,...: where they take each other's reports.")
    ] = "",
    leader: Annotated[
        str | None, typer.Option(hidden=True, help="The name of the server that decides for all Envoys.")
    ] = None,
    health: Health = None,
    log_format: Annotated[LogFormat, typer.Option(help="How to write what happens.")] = LogFormat.TEXT,
) -> None:
    """Serve Envoys from a saved state.

    No folder and no API server is needed. The file is read again when it is replaced, and on SIGHUP; one that cannot be
    used is named, and what was read before is served on. SIGINT and SIGTERM end it.

    Exit code: 0 ended by a signal, 1 it could not run, 2 usage.
    """
    if from_ is None:
        message = "--from FILE is needed: this version does not serve from an API server yet, only from a saved state"
        raise typer.BadParameter(message)
    try:
        secured = secure_xds(tuple(xds_tls or ()), authority_dir)
        observed = health_address(health)
        part = replica_settings(replica, replicas, leader, authority_dir)
    except SettingsError as error:
        raise typer.BadParameter(str(error)) from error
    settings = ServeSettings(from_, state_key_file, tuple(xds or (DEFAULT_XDS,)), secured, observed, part)
    try:
        asyncio.run(_serve(ServeSaved(settings, reporting(log_format))))
    except (AuthorityError, EndpointError, ServerError, StateError) as error:
        print(f"xdsserver: {error}", file=sys.stderr)
        raise typer.Exit(1) from error


async def _serve(run: ServeSaved) -> None:
    reload = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGHUP, reload.set)
    await until_signal(lambda stop: run.run(stop, reload))
