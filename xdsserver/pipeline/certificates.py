"""Certificates and authorities, each read once however many refer to it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from xdsserver.gatewayapi.certificates import authorities_of, parse_server_certificate
from xdsserver.gatewayapi.conditions import Problem
from xdsserver.gatewayapi.last_good import last_good
from xdsserver.model.certificates import ServerCertificate
from xdsserver.objects.meta import ObjectKey

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from xdsserver.gatewayapi.last_good import LastGood
    from xdsserver.model.certificates import TrustBundle
    from xdsserver.objects.clustertrustbundle import ClusterTrustBundle
    from xdsserver.objects.core import ConfigMap
    from xdsserver.objects.meta import Name
    from xdsserver.objects.secret import Secret
    from xdsserver.pipeline.story import Pipeline
    from xdsserver.tables import Read


def to_read_certificates(_read: Read, key: Name, secret: Secret) -> Mapping[Name, ServerCertificate | Problem]:
    return {key: parse_server_certificate(secret)}


def to_certificates(
    tables: Pipeline, read: Read, key: Name, found: ServerCertificate | Problem
) -> Mapping[Name, ServerCertificate | LastGood | Problem]:
    secret = read(tables.secrets, key) if isinstance(found, Problem) else None
    if isinstance(found, ServerCertificate) or secret is None:
        return {key: found}
    return {key: last_good(secret, found, read(tables.remembered_certificates, key))}


def to_authorities(
    kind: str,
) -> Callable[[Read, Name, ConfigMap | Secret | ClusterTrustBundle], Mapping[ObjectKey, TrustBundle | Problem]]:
    return lambda _read, key, row: {ObjectKey(kind, *key): authorities_of(row)}
