"""TLS towards clients."""

from __future__ import annotations

from typing import TYPE_CHECKING

from envoy.config.core.v3.base_pb2 import TransportSocket
from envoy.extensions.transport_sockets.tls.v3.common_pb2 import CertificateValidationContext
from envoy.extensions.transport_sockets.tls.v3.secret_pb2 import SdsSecretConfig, Secret
from envoy.extensions.transport_sockets.tls.v3.tls_pb2 import DownstreamTlsContext

from xdsserver.translation.edge import DOWNSTREAM_TLS, with_defaults
from xdsserver.translation.sources import ads
from xdsserver.xds.resource import Resource

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from xdsserver.model.certificates import ServerCertificate, TrustBundle
    from xdsserver.model.tls import ClientCertificates, Frontend, Termination
    from xdsserver.objects.meta import Name


def transport_socket(termination: Termination, protocols: Iterable[str]) -> TransportSocket:
    """End TLS here; certificates are resources of their own, so that a new one touches no connection.

    `protocols` are what is offered to speak inside (ALPN), the preferred first.
    """
    context = with_defaults(DownstreamTlsContext(), DOWNSTREAM_TLS)
    common = context.common_tls_context
    common.alpn_protocols.extend(protocols)
    for name in termination.certificates:
        common.tls_certificate_sds_secret_configs.add(name=certificate_name(name), sds_config=ads())
    if termination.clients is not None:
        _ask(context, termination.clients)
    out = TransportSocket(name="envoy.transport_sockets.tls")
    out.typed_config.Pack(context, deterministic=True)
    return out


def secrets_of(termination: Termination) -> Iterator[str]:
    """Name the Envoy secrets without which no connection can be accepted."""
    yield from map(certificate_name, termination.certificates)
    if termination.clients is not None:
        yield authorities_name(termination.clients.frontend)


def _ask(context: DownstreamTlsContext, clients: ClientCertificates) -> None:
    """Ask clients for a certificate; whose is good is a resource of its own too, for the same reason."""
    common = context.common_tls_context
    source = SdsSecretConfig(name=authorities_name(clients.frontend), sds_config=ads())
    context.require_client_certificate.value = clients.required
    if clients.required:
        common.validation_context_sds_secret_config.CopyFrom(source)
        return
    # That strangers get in is said in the chain, in one piece with whether a certificate is required.
    combined = common.combined_validation_context
    combined.default_validation_context.trust_chain_verification = CertificateValidationContext.ACCEPT_UNTRUSTED
    combined.validation_context_sds_secret_config.CopyFrom(source)


def authorities_name(frontend: Frontend) -> str:
    """Name the Envoy secret of the authorities of a frontend."""
    gateway, port = frontend
    return f"authorities/{gateway.namespace}/{gateway.name}" + ("" if port is None else f"/{port}")


def authorities(frontend: Frontend, bundle: TrustBundle) -> Resource:
    """Give the authorities whose certificates are good, under the name that listeners have for them."""
    out = Secret(name=authorities_name(frontend))
    out.validation_context.trusted_ca.inline_string = bundle.pem
    return Resource.of(out, out.name)


def certificate_name(secret: Name) -> str:
    """Name the Envoy secret of a certificate."""
    return f"certificate/{secret.namespace}/{secret.name}"


def certificate(secret: Name, found: ServerCertificate) -> Resource:
    """Give a certificate with its private key, under the name that listeners have for it."""
    out = Secret(name=certificate_name(secret))
    out.tls_certificate.certificate_chain.inline_string = found.chain
    out.tls_certificate.private_key.inline_bytes = found.key.reveal()
    return Resource.of(out, out.name)
