"""TLS towards clients."""

from __future__ import annotations

from typing import TYPE_CHECKING

from envoy.config.core.v3.base_pb2 import TransportSocket
from envoy.extensions.transport_sockets.tls.v3.secret_pb2 import Secret
from envoy.extensions.transport_sockets.tls.v3.tls_pb2 import DownstreamTlsContext

from xdsserver.translation.edge import DOWNSTREAM_TLS, with_defaults
from xdsserver.translation.sources import ads
from xdsserver.xds.resource import Resource

if TYPE_CHECKING:
    from collections.abc import Iterable

    from xdsserver.model.certificates import ServerCertificate
    from xdsserver.model.tls import Termination
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
    out = TransportSocket(name="envoy.transport_sockets.tls")
    out.typed_config.Pack(context, deterministic=True)
    return out


def certificate_name(secret: Name) -> str:
    """Name the Envoy secret of a certificate."""
    return f"certificate/{secret.namespace}/{secret.name}"


def certificate(secret: Name, found: ServerCertificate) -> Resource:
    """Give a certificate with its private key, under the name that listeners have for it."""
    out = Secret(name=certificate_name(secret))
    out.tls_certificate.certificate_chain.inline_string = found.chain
    out.tls_certificate.private_key.inline_bytes = found.key.reveal()
    return Resource.of(out, out.name)
