"""`xdsserver serve`: any Envoys, served from a cluster or from a saved state."""

import asyncio
import dataclasses
import os
import signal
import sys
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Annotated

import typer

from xdsserver.admin.errors import AdminError
from xdsserver.app import ServeSaved
from xdsserver.authority import AuthorityError
from xdsserver.cli.pool import Addresses, parse_pool
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
    together,
    until_signal,
)
from xdsserver.files.state import StateError
from xdsserver.gatewayapi.quotas import Quota
from xdsserver.infrastructure.dataplane import IMAGE
from xdsserver.infrastructure.permissions import NAMESPACE
from xdsserver.objects.gatewayclass import CONTROLLER
from xdsserver.observe.condition import EndpointError
from xdsserver.observe.notices import Notice
from xdsserver.proxy.envoy import EnvoyError
from xdsserver.proxy.home import HomeBusyError
from xdsserver.server import ServerError
from xdsserver.settings import (
    GATEWAY_CONTROLLER,
    TENANT_CONTROLLER,
    ClusterSettings,
    EnvoySettings,
    SavedStateSettings,
    ServeSettings,
    SettingsError,
    TenantSettings,
    TrustSettings,
    default_runtime_dir,
    fleets,
    host_port,
    secure_xds,
    trust,
    watching,
)
from xdsserver.settings import admin as admin_settings
from xdsserver.settings import controllers as parse_controllers
from xdsserver.settings import namespace_quota as quota_settings
from xdsserver.settings import replica as replica_settings
from xdsserver.tenant.workload import IMAGE as RUSTFS_IMAGE

AUTO = "auto"
_QUOTA = ",".join(f"{one.name}={one.default}" for one in dataclasses.fields(Quota))


def serve(
    from_: Annotated[
        Path | None,
        typer.Option(
            "--from",
            metavar="FILE",
            help="Serve this saved state and ask no API server; the file is watched.",
            envvar="XDSSERVER_FROM",
        ),
    ] = None,
    kubeconfig: Annotated[
        str | None,
        typer.Option(
            metavar="PATH",
            help="How to reach the API server; without, the service account of the pod that we run in.",
            envvar="KUBECONFIG",
        ),
    ] = None,
    context: Annotated[
        str | None, typer.Option(metavar="NAME", help="A context of the kubeconfig; its current one without.")
    ] = None,
    namespace: Annotated[
        str,
        typer.Option(metavar="NAME", help="Our own namespace, where the Lease is.", envvar="XDSSERVER_NAMESPACE"),
    ] = NAMESPACE,
    controllers: Annotated[
        str,
        typer.Option(
            metavar="A,B",
            help="What to run in a cluster: gateway serves Envoys, tenant runs RustFS Tenants.",
            envvar="XDSSERVER_CONTROLLERS",
        ),
    ] = GATEWAY_CONTROLLER,
    tenant_image: Annotated[
        str,
        typer.Option(metavar="IMAGE", help="The image of Tenants that name none.", envvar="TENANT_RUSTFS_IMAGE"),
    ] = RUSTFS_IMAGE,
    controller: Annotated[
        list[str] | None,
        typer.Option(
            metavar="NAME",
            help=f"A controllerName whose GatewayClasses are ours too, besides {CONTROLLER}. May be repeated.",
            envvar="XDSSERVER_CONTROLLER",
        ),
    ] = None,
    watch_namespaces: Annotated[
        str,
        typer.Option(
            metavar="A,B",
            help="Read objects of these namespaces only; of all without.",
            envvar="XDSSERVER_WATCH_NAMESPACES",
        ),
    ] = "",
    secret_selector: Annotated[
        str,
        typer.Option(
            metavar="SELECTOR",
            help="Read Secrets with these labels only, such as gateway=yes.",
            envvar="XDSSERVER_SECRET_SELECTOR",
        ),
    ] = "",
    namespace_quota: Annotated[
        str,
        typer.Option(
            metavar="LIST",
            help=f"The most that a namespace may have: {_QUOTA} without.",
            envvar="XDSSERVER_NAMESPACE_QUOTA",
        ),
    ] = "",
    addresses: Addresses = "",
    envoy: Annotated[
        str | None,
        typer.Option(
            metavar=f"{AUTO}|PATH",
            help=f"Run an Envoy beside the server: this binary, or `{AUTO}` to find one.",
            envvar="XDSSERVER_ENVOY",
        ),
    ] = None,
    concurrency: Concurrency = None,
    drain_s: DrainS = 4.0,
    runtime_dir: RuntimeDir = None,
    save_state: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="Save what is served into this file; it is served when the API server is silent at a start.",
            envvar="XDSSERVER_SAVE_STATE",
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
    xds_tokens: Annotated[
        list[str] | None,
        typer.Option(
            metavar="HOST:PORT",
            help="In a cluster: serve xDS here to clients with a token of a fleet's service account. May be repeated.",
            envvar="XDSSERVER_XDS_TOKENS",
        ),
    ] = None,
    reports: Annotated[
        str | None,
        typer.Option(
            metavar="HOST:PORT",
            help="In a cluster: take reports of other servers here, so that one decides for the Envoys of all.",
            envvar="XDSSERVER_REPORTS",
        ),
    ] = None,
    envoys_anywhere: Annotated[
        bool,
        typer.Option(
            "--envoys-anywhere", help="In a cluster: let in Envoys with a certificate that are no pods of their fleet."
        ),
    ] = False,
    envoys_xds: Annotated[
        str | None,
        typer.Option(
            metavar="HOST:PORT",
            help="Where Envoys of EnvoyFleets reach --xds-tls from their pods; without, our Service at its first port.",
            envvar="XDSSERVER_ENVOYS_XDS",
        ),
    ] = None,
    envoys_image: Annotated[
        str,
        typer.Option(metavar="IMAGE", help="The image of EnvoyFleets that name none.", envvar="XDSSERVER_ENVOYS_IMAGE"),
    ] = IMAGE,
    pod: Annotated[
        str, typer.Option(metavar="NAME", help="The name of our pod; that of the machine without.", envvar="POD_NAME")
    ] = "",
    replica: Annotated[str | None, typer.Option(hidden=True, help="The name of this server among --replicas.")] = None,
    replicas: Annotated[
        str, typer.Option(hidden=True, help="All servers, NAME=HOST:PORT,...: where they take each other's reports.")
    ] = "",
    leader: Annotated[
        str | None, typer.Option(hidden=True, help="The name of the server that decides for all Envoys.")
    ] = None,
    health: Health = None,
    admin: Admin = None,
    admin_token_file: AdminTokenFile = None,
    admin_host: AdminHost = None,
    admin_tls_cert: AdminTlsCert = None,
    admin_tls_key: AdminTlsKey = None,
    log_format: Annotated[LogFormat, typer.Option(help="How to write what happens.")] = LogFormat.TEXT,
) -> None:
    """Serve Envoys from a cluster, or from a saved state.

    In a cluster the objects of the API server are followed, and statuses are written by the one replica that holds the
    Lease. With --controllers tenant no Envoy is served: RustFS Tenants are run instead, under a Lease of their own.

    With --from no API server is asked: the file is read again when it is replaced, and on SIGHUP; one that
    cannot be used is named, and what was read before is served on. SIGINT and SIGTERM end it.

    Exit code: 0 ended by a signal, 1 it could not run, 2 usage.
    """
    report = reporting(log_format)
    doors = tuple(xds or (DEFAULT_XDS,))
    try:
        running = parse_controllers(controllers)
        certificates = tuple(xds_tls or ())
        # In a cluster the authority is kept there, unless a folder is named.
        in_folder = from_ is not None or authority_dir is not None
        secured = secure_xds(certificates if in_folder else (), authority_dir)
        observed = health_address(health)
        inspected = admin_settings(
            admin, admin_token_file, None, tuple(admin_host or ()), admin_tls_cert, admin_tls_key
        )
        if from_ is not None and TENANT_CONTROLLER in running:
            message = "--from asks no API server, and Tenants are run at one: leave out --controllers"
            raise typer.BadParameter(message)
        if from_ is not None:
            part = replica_settings(replica, replicas, leader, authority_dir)
            saved = ServeSettings(from_, state_key_file, doors, secured, observed, part, inspected)
            _until_end(lambda: _serve_saved(saved, report))
            return
        if kubeconfig is None and "KUBERNETES_SERVICE_HOST" not in os.environ:
            message = (
                "there is no API server to ask: give --kubeconfig FILE, or run in a pod, or serve a file with --from"
            )
            raise typer.BadParameter(message)
        watched = watching(watch_namespaces, secret_selector)
        both = running == {GATEWAY_CONTROLLER, TENANT_CONTROLLER}
        tenants = TenantSettings(
            kubeconfig, context, namespace, tenant_image, watched.namespaces, pod, None if both else observed
        )
        if GATEWAY_CONTROLLER not in running:
            _until_end(lambda: _serve_in_cluster(report, None, tenants))
            return
        quota = quota_settings(namespace_quota)
        cluster = ClusterSettings(
            kubeconfig,
            context,
            namespace,
            pool=parse_pool(addresses) if addresses else (),
            xds=doors,
            watched=watched,
            quota=quota,
            envoy=None
            if envoy is None
            else EnvoySettings(
                binary=None if envoy == AUTO else Path(envoy),
                runtime_dir=runtime_dir or default_runtime_dir(f"serve-{namespace}"),
                concurrency=concurrency,
                drain_s=drain_s,
            ),
            saved_state=None if save_state is None else SavedStateSettings(save_state, state_key_file),
            secure_xds=secured,
            trust=trust(
                TrustSettings(
                    namespace,
                    watched.namespaces,
                    certificates=() if in_folder else certificates,
                    tokens=tuple(xds_tokens or ()),
                    reports=None if reports is None else host_port("--reports", reports),
                    anywhere=envoys_anywhere,
                )
            ),
            fleets=None if in_folder else fleets(certificates, envoys_xds, envoys_image, namespace),
            pod=pod,
            health=observed,
            admin=inspected,
            controllers=tuple(controller or ()),
        )
    except SettingsError as error:
        raise typer.BadParameter(str(error)) from error
    _until_end(lambda: _serve_in_cluster(report, cluster, tenants if both else None))


def _until_end(run: Callable[[], Coroutine[None, None, None]]) -> None:
    try:
        asyncio.run(run())
    except HomeBusyError as error:
        print(f"xdsserver: another process has the Envoy of --runtime-dir: {error}", file=sys.stderr)
        raise typer.Exit(1) from error
    except (AdminError, AuthorityError, EndpointError, EnvoyError, ServerError, StateError) as error:
        print(f"xdsserver: {error}", file=sys.stderr)
        raise typer.Exit(1) from error


async def _serve_saved(settings: ServeSettings, report: Callable[[Notice], None]) -> None:
    run = ServeSaved(settings, report)
    reload = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGHUP, reload.set)
    await until_signal(lambda stop: run.run(stop, reload))


async def _serve_in_cluster(
    report: Callable[[Notice], None], cluster: ClusterSettings | None, tenants: TenantSettings | None
) -> None:
    # What talks to an API server takes half a second to import: only for those who need it.
    runs: list[Callable[[asyncio.Event], Coroutine[None, None, None]]] = []
    observed = None
    if cluster is not None:
        from xdsserver.app.cluster import ServeCluster  # noqa: PLC0415

        gateways = ServeCluster(cluster, report)
        observed = gateways.observation
        runs.append(gateways.run)
    if tenants is not None:
        from xdsserver.app.tenants import ServeTenants  # noqa: PLC0415

        runs.append(ServeTenants(tenants, report, observed).run)
    await until_signal(lambda stop: together(runs, stop))
