"""Settings of a run, parsed once; whoever runs gets these values and looks at no environment."""

from __future__ import annotations

import hashlib
import os
import re
import tempfile
from dataclasses import dataclass, field
from ipaddress import ip_address
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Mapping

from typing_extensions import override

_NAMESPACE = re.compile(r"[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?")
MAX_PORT = 65535


class SettingsError(Exception):
    """A setting that cannot be used; the message names it and the remedy."""


class HostPort(NamedTuple):
    """Where something listens; port 0 is any that is free."""

    host: str
    port: int

    @override
    def __str__(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


def host_port(option: str, text: str) -> HostPort:
    """Parse `HOST:PORT`, the host a name or an address, IPv6 in brackets.

    Raises:
        SettingsError: it is neither.
    """
    host, _, port = text.rpartition(":")
    bare = host.removeprefix("[").removesuffix("]")
    if not bare or (":" in bare and bare == host) or not (port.isascii() and port.isdecimal()) or int(port) > MAX_PORT:
        message = f"{option}: {text!r} is not HOST:PORT, such as 127.0.0.1:8080"
        raise SettingsError(message)
    return HostPort(bare, int(port))


DEFAULT_ADMIN = HostPort("127.0.0.1", 19000)
"""Where the admin API is served when no address is given."""


@dataclass(frozen=True, slots=True)
class AdminSettings:
    """Where the admin API is served, and to whom.

    Attributes:
        address: where it listens.
        token_file: the token that is asked for; made where there is none.
        hosts: names by which it is asked for, besides those of this machine and its address.
        tls: files of a certificate and its key; None for plaintext, on this machine only.
        wanted: whether somebody asked for it, so that there is no run without it.
    """

    address: HostPort
    token_file: Path
    hosts: tuple[str, ...] = ()
    tls: tuple[Path, Path] | None = None
    wanted: bool = True


def admin(  # noqa: PLR0913, PLR0917 (as many as the options of a command)
    address: str | None,
    token_file: Path | None,
    state_dir: Path | None,
    hosts: tuple[str, ...] = (),
    certificate: Path | None = None,
    key: Path | None = None,
) -> AdminSettings | None:
    """Put together where the admin API is served: by default on this machine only; None where it is `off`.

    Raises:
        SettingsError: the address is none, or could be reached from other machines without TLS.
    """
    if address == "off":
        return None
    place = DEFAULT_ADMIN if address is None else host_port("--admin", address)
    if (certificate is None) != (key is None):
        message = "--admin-tls-cert and --admin-tls-key belong together: give both or none"
        raise SettingsError(message)
    if certificate is None and not _is_loopback(place.host):
        message = (
            f"--admin {place} can be reached from other machines, which would see the token: give --admin-tls-cert and"
            f" --admin-tls-key, or listen on 127.0.0.1:{place.port}"
        )
        raise SettingsError(message)
    tls = None if certificate is None or key is None else (certificate, key)
    file = token_file or (state_dir or state_base()) / "admin-token"
    return AdminSettings(place, file, (place.host, *hosts), tls, wanted=address is not None)


def _is_loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False


@dataclass(frozen=True, slots=True)
class SecureXds:
    """xDS for Envoys on other machines: `addresses` (any `HOST:PORT`), and the folder of the authority's key."""

    addresses: tuple[str, ...]
    authority_dir: Path


def secure_xds(addresses: tuple[str, ...], authority_dir: Path | None) -> SecureXds | None:
    """Put together what was asked for; None where nothing was.

    Raises:
        SettingsError: an address is none, or there is no folder for the authority.
    """
    for address in addresses:
        host, colon, port = address.rpartition(":")
        if not host or not colon or not port.isdecimal():
            message = f"--xds-tls: {address!r} is not HOST:PORT, such as 0.0.0.0:18001"
            raise SettingsError(message)
    if not addresses:
        return None
    if authority_dir is None:
        message = "--xds-tls needs --authority-dir: the folder in which the key that signs certificates is kept"
        raise SettingsError(message)
    return SecureXds(addresses, authority_dir)


@dataclass(frozen=True, slots=True)
class Replica:
    """One of several servers, each with some of the Envoys.

    Attributes:
        name: of this one.
        addresses: of all by name, each `HOST:PORT`, where they take reports of each other.
        leader: the name of the one that decides for all.
        authority_dir: the folder of the key that they prove themselves by; None for plaintext on loopback.
    """

    name: str
    addresses: dict[str, str]
    leader: str
    authority_dir: Path | None


def replica(name: str | None, others: str, leader: str | None, authority_dir: Path | None) -> Replica | None:
    """Put together what was asked for; `others` is `NAME=HOST:PORT,...` of all. None where nothing was.

    Raises:
        SettingsError: something is missing, or no address.
    """
    if name is None:
        return None
    pairs = [part.strip().partition("=") for part in others.split(",") if part.strip()]
    addresses = {key: address for key, _, address in pairs}
    for key, address in addresses.items():
        host, _, port = address.rpartition(":")
        if not key or not host or not port.isdecimal():
            message = f"--replicas: {key}={address} is not NAME=HOST:PORT"
            raise SettingsError(message)
    for given, option in ((name, "--replica"), (leader or "", "--leader")):
        if given not in addresses:
            message = f"{option}: {given!r} is not among --replicas ({', '.join(addresses) or 'none'})"
            raise SettingsError(message)
    return Replica(name, addresses, leader or "", authority_dir)


@dataclass(frozen=True, slots=True)
class EnvoySettings:
    """An Envoy that we run ourselves.

    Attributes:
        binary: None to find one.
        runtime_dir: where sockets and the pid file are; its path must be short (sockets).
        concurrency: worker threads; None for one per core.
        drain_s: how long requests under way may take to finish when we stop, in seconds.
        keep: leave it running when we stop, and take it over at the next start.
    """

    binary: Path | None
    runtime_dir: Path
    concurrency: int | None = None
    drain_s: float = 4.0
    keep: bool = False


@dataclass(frozen=True, slots=True)
class SavedStateSettings:
    """The file into which what is served is saved, and the key that seals its secrets; None to leave them out."""

    file: Path
    key_file: Path | None = None


@dataclass(frozen=True, slots=True)
class StandaloneSettings:
    """What `xdsserver standalone` was asked for.

    Attributes:
        folder: the YAML and JSON files that say everything.
        pool: addresses that Gateways get, in the order in which they are given out.
        envoy: the Envoy to run; None for none, and any that connects to `xds` with the fleet's name is served.
        xds: addresses for xDS besides the socket of the supervised Envoy, each `HOST:PORT` on loopback or `unix:PATH`.
        state_dir: where allocated addresses, and what Envoys rejected, are kept.
        saved_state: where what is served is saved; None for nowhere.
        secure_xds: where Envoys of other machines may connect; None for nowhere.
        health: where probes and scrapes are answered; None for nowhere.
        admin: where the admin API is served; None for nowhere.
    """

    folder: Path
    pool: tuple[str, ...]
    envoy: EnvoySettings | None
    xds: tuple[str, ...]
    state_dir: Path
    saved_state: SavedStateSettings | None = None
    secure_xds: SecureXds | None = None
    health: HostPort | None = None
    admin: AdminSettings | None = None


@dataclass(frozen=True, slots=True)
class ServeSettings:
    """What `xdsserver serve` was asked for.

    Attributes:
        file: the saved state.
        state_key_file: the key that its secrets are sealed with; None to do without them.
        xds: addresses for xDS, each `HOST:PORT` on loopback or `unix:PATH`.
        secure_xds: where Envoys of other machines may connect; None for nowhere.
        health: where probes and scrapes are answered; None for nowhere.
        replica: which of several servers this is; None for the only one.
        admin: where the admin API is served; None for nowhere.
    """

    file: Path
    state_key_file: Path | None
    xds: tuple[str, ...]
    secure_xds: SecureXds | None = None
    health: HostPort | None = None
    replica: Replica | None = None
    admin: AdminSettings | None = None


@dataclass(frozen=True, slots=True)
class WatchSettings:
    """What is read of a cluster: `namespaces`, none for all; `secrets` is the label selector of Secrets, "" for all."""

    namespaces: tuple[str, ...] = ()
    secrets: str = ""


def watching(namespaces: str, secrets: str) -> WatchSettings:
    """Parse names of namespaces, separated by commas, and a label selector, which the API server judges.

    Raises:
        SettingsError: something is no name of a namespace.
    """
    names = tuple(dict.fromkeys(part.strip() for part in namespaces.split(",") if part.strip()))
    for name in names:
        if not _NAMESPACE.fullmatch(name):
            message = f"--watch-namespaces: {name!r} is no name of a namespace"
            raise SettingsError(message)
    return WatchSettings(names, secrets.strip())


@dataclass(frozen=True, slots=True)
class TrustSettings:
    """Who proves what to whom in a cluster, by the authority that is kept in a Secret.

    Attributes:
        namespace: ours, with that Secret and our pods.
        namespaces: those in which Envoys may run; none for all.
        certificates: where Envoys come in that show a certificate of their fleet, each `HOST:PORT`.
        tokens: where clients come in that show a token of a service account, each `HOST:PORT`.
        reports: where other servers report to this one while it leads; None where there are no others.
        anywhere: whether Envoys with a certificate need not be pods of their fleet.
    """

    namespace: str
    namespaces: tuple[str, ...] = ()
    certificates: tuple[str, ...] = ()
    tokens: tuple[str, ...] = ()
    reports: HostPort | None = None
    anywhere: bool = False


def trust(settings: TrustSettings) -> TrustSettings | None:
    """Check what was asked for; None where nothing was.

    Raises:
        SettingsError: an address is none.
    """
    for option, addresses in (("--xds-tls", settings.certificates), ("--xds-tokens", settings.tokens)):
        for address in addresses:
            host_port(option, address)
    return settings if settings.certificates or settings.tokens or settings.reports else None


def namespace_quota(text: str) -> dict[str, int]:
    """Parse what a namespace may have: `routes=N,hostnames=N,listeners=N`, any of them.

    Raises:
        SettingsError: a name or a number is none.
    """
    found: dict[str, int] = {}
    for part in filter(None, (part.strip() for part in text.split(","))):
        name, _, number = part.partition("=")
        if name not in {"routes", "hostnames", "listeners"} or not (number.isascii() and number.isdecimal()):
            message = f"--namespace-quota: {part!r} is not routes=N, hostnames=N or listeners=N"
            raise SettingsError(message)
        found[name] = int(number)
    return found


@dataclass(frozen=True, slots=True)
class FleetSettings:
    """How Envoys of EnvoyFleets run: where they reach xDS over mutual TLS, and the image of those that name none."""

    xds: HostPort
    image: str


def fleets(certificates: tuple[str, ...], xds: str | None, image: str, namespace: str) -> FleetSettings | None:
    """Put together how Envoys are run in pods; None where no Envoy with a certificate could come in.

    Without `xds` it is our Service, at the first port where they come in.

    Raises:
        SettingsError: an address is none.
    """
    if not certificates:
        return None
    port = host_port("--xds-tls", certificates[0]).port
    address = HostPort(f"xdsserver.{namespace}.svc", port) if xds is None else host_port("--envoys-xds", xds)
    return FleetSettings(address, image)


@dataclass(frozen=True, slots=True)
class ClusterSettings:
    """What `xdsserver serve` was asked for in a cluster.

    Attributes:
        kubeconfig: files that say where the API server is; None for the service account of the pod that we run in.
        context: one of a kubeconfig; None for its current one.
        namespace: ours, with the Lease.
        controllers: controllerNames of GatewayClasses that are ours too, besides our own.
        watched: of which namespaces objects are read, and which Secrets.
        quota: what a namespace may have: `routes`, `hostnames`, `listeners`; the defaults for those that are missing.
        pool: addresses that Gateways get, in the order in which they are given out.
        xds: addresses for xDS besides the socket of the supervised Envoy, each `HOST:PORT` on loopback or `unix:PATH`.
        envoy: the Envoy to run; None for none.
        saved_state: where what is served is saved, and what is served while the API server is silent at a start.
        secure_xds: where Envoys of other machines may connect, by an authority in a folder; None for nowhere.
        trust: who proves what to whom by the authority of the cluster; None for nobody.
        fleets: how Envoys of EnvoyFleets are run in pods; None where somebody else runs them.
        pod: the name of our pod, "" for that of the machine.
        health: where probes and scrapes are answered; None for nowhere.
        admin: where the admin API is served; None for nowhere.
    """

    kubeconfig: str | None
    context: str | None
    namespace: str
    pool: tuple[str, ...]
    xds: tuple[str, ...]
    watched: WatchSettings = field(default_factory=WatchSettings)
    quota: Mapping[str, int] = field(default_factory=dict)
    envoy: EnvoySettings | None = None
    saved_state: SavedStateSettings | None = None
    secure_xds: SecureXds | None = None
    trust: TrustSettings | None = None
    fleets: FleetSettings | None = None
    pod: str = ""
    health: HostPort | None = None
    admin: AdminSettings | None = None
    controllers: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class TenantSettings:
    """What running Tenants in a cluster was asked for.

    Attributes:
        kubeconfig: files that say where the API server is; None for the service account of the pod that we run in.
        context: one of a kubeconfig; None for its current one.
        namespace: ours, with the Lease.
        image: the image of Tenants that name none.
        namespaces: whose Tenants are run; all without.
        pod: the name of our pod, "" for that of the machine.
        health: where probes and scrapes are answered; None for nowhere.
    """

    kubeconfig: str | None
    context: str | None
    namespace: str
    image: str
    namespaces: tuple[str, ...] = ()
    pod: str = ""
    health: HostPort | None = None


GATEWAY_CONTROLLER = "gateway"
TENANT_CONTROLLER = "tenant"


def controllers(text: str) -> frozenset[str]:
    """Parse which controllers run, as `gateway,tenant`.

    Raises:
        SettingsError: there is none, or one is not known.
    """
    known = (GATEWAY_CONTROLLER, TENANT_CONTROLLER)
    named = [one.strip() for one in text.split(",") if one.strip()]
    if not named or not {*named} <= {*known}:
        message = f"--controllers: {text!r} is not a list of {' and '.join(known)}"
        raise SettingsError(message)
    return frozenset(named)


def folder_id(folder: Path) -> str:
    """Name a folder in names of other folders: short, and the same for every way to write its path."""
    return hashlib.blake2b(str(folder.resolve()).encode(), digest_size=6).hexdigest()


def state_base() -> Path:
    """Where this user's state is kept: below XDG_STATE_HOME, or `~/.local/state`.

    A user of a container may have neither a home nor a name; it is the temporary folder then, which ends with it.
    """
    if given := os.environ.get("XDG_STATE_HOME"):
        return Path(given) / "xdsserver"
    try:
        return Path.home() / ".local" / "state" / "xdsserver"
    except RuntimeError:
        return Path(tempfile.gettempdir()) / f"xdsserver-{os.getuid()}"


def default_state_dir(folder: Path) -> Path:
    """Where a folder's state is kept."""
    return state_base() / folder_id(folder)


def default_runtime_dir(of: str) -> Path:
    """Where sockets of a run are made: below XDG_RUNTIME_DIR, or a folder of this user below the temporary one."""
    base = os.environ.get("XDG_RUNTIME_DIR")
    root = Path(base) / "xdsserver" if base else Path(tempfile.gettempdir()) / f"xdsserver-{os.getuid()}"
    return root / of
