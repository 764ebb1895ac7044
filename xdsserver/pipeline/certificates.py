"""Certificates and authorities, each read once however many refer to it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from xdsserver.gatewayapi.certificates import authorities_of, parse_server_certificate
from xdsserver.objects.meta import ObjectKey

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from xdsserver.gatewayapi.conditions import Problem
    from xdsserver.model.certificates import ServerCertificate, TrustBundle
    from xdsserver.objects.clustertrustbundle import ClusterTrustBundle
    from xdsserver.objects.core import ConfigMap
    from xdsserver.objects.meta import Name
    from xdsserver.objects.secret import Secret
    from xdsserver.tables import Read


def to_certificates(_read: Read, key: Name, secret: Secret) -> Mapping[Name, ServerCertificate | Problem]:
    return {key: parse_server_certificate(secret)}


def to_authorities(
    kind: str,
) -> Callable[[Read, Name, ConfigMap | Secret | ClusterTrustBundle], Mapping[ObjectKey, TrustBundle | Problem]]:
    return lambda _read, key, row: {ObjectKey(kind, *key): authorities_of(row)}
