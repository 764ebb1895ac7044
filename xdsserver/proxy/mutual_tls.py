"""How an Envoy proves itself to our server, and what it asks our server to prove."""

from __future__ import annotations

from envoy.config.core.v3.base_pb2 import TransportSocket, WatchedDirectory
from envoy.config.core.v3.config_source_pb2 import ApiVersion, ConfigSource, PathConfigSource
from envoy.extensions.transport_sockets.tls.v3.common_pb2 import (
    CertificateValidationContext,
    SubjectAltNameMatcher,
    TlsParameters,
)
from envoy.extensions.transport_sockets.tls.v3.secret_pb2 import SdsSecretConfig
from envoy.extensions.transport_sockets.tls.v3.tls_pb2 import CommonTlsContext, UpstreamTlsContext
from envoy.type.matcher.v3.string_pb2 import StringMatcher
from google.protobuf import any_pb2

from xdsserver.authority.envoy_files import AUTHORITIES_FILE, AUTHORITIES_NAME, CERTIFICATE_FILE, CERTIFICATE_NAME
from xdsserver.xds.identity import SERVER_URI


def mutual_tls(folder: str) -> TransportSocket:
    """Return what secures an Envoy's connection to our server, with the certificate in this folder of its machine."""

    def watched(name: str, file: str) -> SdsSecretConfig:
        # What is renewed is moved into the folder, or the folder is swapped as a whole, as Kubernetes does it.
        path = PathConfigSource(path=f"{folder}/{file}", watched_directory=WatchedDirectory(path=folder))
        return SdsSecretConfig(
            name=name, sds_config=ConfigSource(path_config_source=path, resource_api_version=ApiVersion.V3)
        )

    # By its identity, not by a host name: another Envoy's certificate is of the same authority and no server.
    server = SubjectAltNameMatcher(san_type=SubjectAltNameMatcher.URI, matcher=StringMatcher(exact=SERVER_URI))
    validation = CommonTlsContext.CombinedCertificateValidationContext(
        default_validation_context=CertificateValidationContext(match_typed_subject_alt_names=[server]),
        validation_context_sds_secret_config=watched(AUTHORITIES_NAME, AUTHORITIES_FILE),
    )
    context = UpstreamTlsContext(
        sni="xdsserver",
        common_tls_context=CommonTlsContext(
            # Both, since what Envoy takes at most towards servers is 1.2 by default.
            tls_params=TlsParameters(
                tls_minimum_protocol_version=TlsParameters.TLSv1_3, tls_maximum_protocol_version=TlsParameters.TLSv1_3
            ),
            tls_certificate_sds_secret_configs=[watched(CERTIFICATE_NAME, CERTIFICATE_FILE)],
            combined_validation_context=validation,
            alpn_protocols=["h2"],
        ),
    )
    packed = any_pb2.Any()
    packed.Pack(context)
    return TransportSocket(name="envoy.transport_sockets.tls", typed_config=packed)
