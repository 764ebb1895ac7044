"""TLS towards backends."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from envoy.config.core.v3.base_pb2 import TransportSocket
from envoy.extensions.transport_sockets.tls.v3.common_pb2 import SubjectAltNameMatcher
from envoy.extensions.transport_sockets.tls.v3.tls_pb2 import UpstreamTlsContext

from xdsserver.model.backends import AuthoritiesFile
from xdsserver.translation.downstream_tls import certificate_name
from xdsserver.translation.sources import ads

if TYPE_CHECKING:
    from collections.abc import Mapping

    from xdsserver.model.backends import SubjectName, UpstreamTls
    from xdsserver.model.routing import BackendProtocol

_ALPN: Mapping[BackendProtocol, tuple[str, ...]] = {
    "http1": ("http/1.1",),
    "http2": ("h2",),
    "auto": ("h2", "http/1.1"),
    "tcp": (),
    "tls": (),
    "udp": (),
}

_TYPES = {"DNS": SubjectAltNameMatcher.DNS, "URI": SubjectAltNameMatcher.URI}


def transport_socket(tls: UpstreamTls, protocol: BackendProtocol) -> TransportSocket:
    """Speak TLS to a backend and verify its certificate: who signed it, and whose it is; show one where it is asked."""
    context = UpstreamTlsContext(sni=tls.sni)
    common = context.common_tls_context
    common.alpn_protocols.extend(_ALPN[protocol])
    validation = common.validation_context
    match tls.authorities:
        case AuthoritiesFile(path):
            validation.trusted_ca.filename = path
        case pem:
            validation.trusted_ca.inline_string = pem
    validation.match_typed_subject_alt_names.extend(_matcher(name) for name in tls.names)
    if tls.certificate is not None:
        # A resource of its own, so that a new certificate touches no connection.
        common.tls_certificate_sds_secret_configs.add(name=certificate_name(tls.certificate), sds_config=ads())
    out = TransportSocket(name="envoy.transport_sockets.tls")
    out.typed_config.Pack(context, deterministic=True)
    return out


def _matcher(name: SubjectName) -> SubjectAltNameMatcher:
    """Match a name; Envoy compares a host with the wildcards of a certificate by itself, and one of ours is a label."""
    out = SubjectAltNameMatcher(san_type=_TYPES[name.type])
    if name.type == "DNS" and name.value.startswith("*."):
        out.matcher.safe_regex.regex = r"[^.]+" + re.escape(name.value[1:])
    else:
        out.matcher.exact = name.value
    return out
