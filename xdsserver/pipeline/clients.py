"""Certificates that backends are shown, and the listeners whose requests they are for."""

from __future__ import annotations

from typing import TYPE_CHECKING

from xdsserver.gatewayapi.clientcertificates import client_certificate, reference_of
from xdsserver.gatewayapi.grants import Referrer
from xdsserver.gatewayapi.termination import ends_tls
from xdsserver.objects.meta import GATEWAY_GROUP

if TYPE_CHECKING:
    from collections.abc import Mapping

    from xdsserver.gatewayapi.clientcertificates import ClientCertificate
    from xdsserver.gatewayapi.listeners import Listener
    from xdsserver.model.backends import Cluster
    from xdsserver.model.places import ListenerKey
    from xdsserver.objects.gateway import Gateway
    from xdsserver.objects.meta import Name, SecretObjectReference
    from xdsserver.pipeline.rows import CertificateUse, FleetCluster
    from xdsserver.pipeline.story import Pipeline
    from xdsserver.tables import Read


def to_client_certificate_refs(_read: Read, key: Name, gateway: Gateway) -> Mapping[Name, SecretObjectReference]:
    reference = reference_of(gateway)
    return {} if reference is None else {key: reference}


def to_client_certificates(
    tables: Pipeline, read: Read, key: Name, reference: SecretObjectReference
) -> Mapping[Name, ClientCertificate]:
    referrer = Referrer(GATEWAY_GROUP, "Gateway", key.namespace)
    field = "spec.tls.backend.clientCertificateRef"
    return {key: client_certificate(read, tables.certificate_tables, referrer, field, reference)}


def to_showing(tables: Pipeline, read: Read, key: ListenerKey, listener: Listener) -> Mapping[ListenerKey, str]:
    """Nothing is shown by whoever passes on the TLS of clients, or datagrams."""
    if listener.protocol == "UDP" or (listener.protocol == "TLS" and not ends_tls(listener)):
        return {}
    return {} if read(tables.client_certificate_refs, listener.gateway) is None else {key: str(listener.gateway)}


def to_certificate_uses(_read: Read, key: FleetCluster, cluster: Cluster) -> Mapping[CertificateUse, bool]:
    if cluster.tls is None or cluster.tls.certificate is None:
        return {}
    return {(key[0], cluster.tls.certificate, key[1]): True}
