"""Both ends show a certificate of our own authority; that of the client names the one fleet that it may read.

Everything is asked for again at each handshake: a new authority, a new server certificate and what they trust are in
force for the next connection, without a restart and without ending the streams that are there.
"""

from __future__ import annotations

import threading
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import grpc
from cryptography import x509

from xdsserver.authority import AuthorityError, issue_replica, issue_server, standing
from xdsserver.authority.certificates import SERVER_LIFE, utc_now
from xdsserver.server.doors import Door, Permit, ip_of
from xdsserver.server.meeting import GRPC_OPTIONS
from xdsserver.server.reports import ReportsDoor
from xdsserver.server.stream import Ending
from xdsserver.xds.identity import SERVER_URI, Peer, admit, fleet_of_uri

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from xdsserver.authority import Authorities, KeyPair, Standing
    from xdsserver.server.stream import Context
    from xdsserver.xds.identity import PodAddresses

SERVER_NAMES: Final = ("xdsserver", "localhost")
"""DNS names of a server's certificate. Envoys check the identity instead; other clients override the name."""

_EXPIRED: Final = Ending(grpc.StatusCode.UNAUTHENTICATED, "the client's certificate has expired: issue a new one")


def ignore(_words: str) -> None:
    """Say nothing of problems."""


@dataclass(frozen=True, slots=True)
class _Shown:
    """What was made for a handshake, and what for."""

    configuration: grpc.ServerCertificateConfiguration
    standing: Standing
    renew_at: datetime


class ServerCertificates:
    """What a server shows at a handshake and whom it trusts, as of now.

    `names` are DNS names for its certificate. `on_problem` is told, once, of each problem with the store, from any
    thread; meanwhile what was shown last is shown on. Handshakes of several threads may ask at a time.

    Raises:
        AuthorityError: there is nothing to show at the start.
    """

    def __init__(
        self,
        store: Authorities,
        *,
        names: tuple[str, ...] = SERVER_NAMES,
        clock: Callable[[], datetime] = utc_now,
        on_problem: Callable[[str], None] = ignore,
    ) -> None:
        self._store = store
        self._names = names
        self._clock = clock
        self._on_problem = on_problem
        self._problem = ""
        self._lock = threading.Lock()
        self._shown = self._show(standing(store.read(), clock()))

    def credentials(self, *, of_clients: bool) -> grpc.ServerCredentials:
        """Return credentials that ask here at each handshake; `of_clients`: none comes in without a certificate."""
        credentials: grpc.ServerCredentials = grpc.dynamic_ssl_server_credentials(
            self._shown.configuration, self.current, require_client_authentication=of_clients
        )
        return credentials

    def current(self) -> grpc.ServerCertificateConfiguration:
        """Return what is shown now: the same object until something differs."""
        with self._lock:
            try:
                now = self._clock()
                found = standing(self._store.read(), now)
                if found != self._shown.standing or now >= self._shown.renew_at:
                    self._shown = self._show(found)
                problem = ""
            except AuthorityError as error:
                problem = str(error)
            if problem not in {"", self._problem}:
                self._on_problem(problem)
            self._problem = problem
            return self._shown.configuration

    def _show(self, found: Standing) -> _Shown:
        now = self._clock()
        mine: KeyPair = issue_server(found.signer, self._names, now)
        configuration = grpc.ssl_server_certificate_configuration([(mine.key, mine.certificate)], found.bundle)
        return _Shown(configuration, found, now + SERVER_LIFE / 2)


def certificate_door(
    addresses: tuple[str, ...],
    certificates: ServerCertificates,
    pods: PodAddresses | None = None,
    clock: Callable[[], datetime] = utc_now,
) -> Door:
    """Let in whoever shows a certificate of a fleet, for that fleet alone and until the certificate ends."""

    async def authenticate(context: Context) -> Permit | Ending:
        certificate = _shown_by(context)
        # A resumed session was verified when it began, so its certificate may have ended since.
        expires_in_s = (certificate.not_valid_after_utc - clock()).total_seconds()
        if expires_in_s <= 0:
            return _EXPIRED
        uri, fleet = _identity(certificate)
        if fleet is None:
            words = f"the client's certificate is of no fleet ({uri or 'it has not exactly one URI'})"
            return Ending(grpc.StatusCode.PERMISSION_DENIED, words)
        peer = Peer(uri, frozenset((fleet,)), ip_of(context.peer()))
        return Permit(lambda node: admit(peer, node, pods), expires_in_s)

    return Door(addresses, authenticate, certificates.credentials(of_clients=True))


def replica_door(
    address: str, certificates: ServerCertificates, clock: Callable[[], datetime] = utc_now
) -> ReportsDoor:
    """Let in whoever shows a certificate of a server, until it ends."""

    async def prove(context: Context) -> Ending | float:
        certificate = _shown_by(context)
        expires_in_s = (certificate.not_valid_after_utc - clock()).total_seconds()
        if expires_in_s <= 0:
            return _EXPIRED
        uri, _ = _identity(certificate)
        if uri != SERVER_URI:
            words = f"only a server may report; this certificate is of {uri or 'nobody: it has not exactly one URI'}"
            return Ending(grpc.StatusCode.PERMISSION_DENIED, words)
        return expires_in_s

    return ReportsDoor(address, prove, certificates.credentials(of_clients=True))


def replica_channel(store: Authorities, address: str, clock: Callable[[], datetime] = utc_now) -> grpc.aio.Channel:
    """Connect to another server, each end proving to be one, as of now.

    Raises:
        AuthorityError: there is nothing to show.
    """
    now = clock()
    found = standing(store.read(), now)
    mine = issue_replica(found.signer, now)
    credentials = grpc.ssl_channel_credentials(found.bundle, mine.key, mine.certificate)
    # Only certificates of servers carry this name, and only our authority vouches for it.
    options = (*GRPC_OPTIONS, ("grpc.ssl_target_name_override", SERVER_NAMES[0]))
    return grpc.aio.secure_channel(address, credentials, options=options)


def _shown_by(context: Context) -> x509.Certificate:
    """Read what a client showed at the handshake, which has verified the chain, and not what it says."""
    return x509.load_pem_x509_certificate(next(iter(context.auth_context()["x509_pem_cert"])))


def _identity(certificate: x509.Certificate) -> tuple[str, str | None]:
    """Return the one URI of a certificate and the fleet that it names."""
    try:
        names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except x509.ExtensionNotFound:
        return "", None
    match names.get_values_for_type(x509.UniformResourceIdentifier):
        case [uri]:
            return uri, fleet_of_uri(uri)
        case _:
            # "An X.509 SVID MUST contain exactly one URI SAN": of two, nobody could say which one was meant.
            return "", None
