"""Certificates and authorities, each read once however many refer to it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from xdsserver.gatewayapi.certificates import authorities_of, parse_server_certificate
from xdsserver.gatewayapi.conditions import Problem
from xdsserver.gatewayapi.frontends import asked, client_validation, frontends
from xdsserver.gatewayapi.last_good import last_good
from xdsserver.model.certificates import ServerCertificate
from xdsserver.objects.meta import ObjectKey
from xdsserver.translation.downstream_tls import authorities

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from xdsserver.gatewayapi.frontends import Asked, ClientValidation
    from xdsserver.gatewayapi.last_good import LastGood
    from xdsserver.gatewayapi.termination import ResolvedTermination
    from xdsserver.model.certificates import TrustBundle
    from xdsserver.model.places import ListenerKey
    from xdsserver.model.tls import Frontend
    from xdsserver.objects.clustertrustbundle import ClusterTrustBundle
    from xdsserver.objects.core import ConfigMap
    from xdsserver.objects.gateway import FrontendTLSConfig, Gateway
    from xdsserver.objects.meta import Name
    from xdsserver.objects.secret import Secret
    from xdsserver.pipeline.rows import ResourceKey
    from xdsserver.pipeline.story import Pipeline
    from xdsserver.tables import Read
    from xdsserver.xds.resource import Resource


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


def to_frontends(_read: Read, _key: Name, gateway: Gateway) -> Mapping[Frontend, FrontendTLSConfig]:
    return dict(frontends(gateway))


def to_client_validations(
    tables: Pipeline, read: Read, key: Frontend, config: FrontendTLSConfig
) -> Mapping[Frontend, ClientValidation]:
    spec = config.validation
    return {} if spec is None else {key: client_validation(read, tables.authority_tables, key, spec)}


def to_asked(tables: Pipeline, read: Read, key: Frontend, _config: FrontendTLSConfig) -> Mapping[Frontend, Asked]:
    return {key: asked(key, read(tables.client_validations, key))}


def to_authority_uses(
    tables: Pipeline, read: Read, key: ListenerKey, found: ResolvedTermination
) -> Mapping[tuple[str, Frontend, ListenerKey], bool]:
    serving = read(tables.binds, key)
    if serving is None or found.termination is None or found.termination.clients is None:
        return {}
    return {(serving.bind.fleet, found.termination.clients.frontend, key): True}


def to_authority_resources(
    tables: Pipeline, read: Read, key: tuple[str, Frontend], _count: int
) -> Mapping[ResourceKey, Resource]:
    fleet, frontend = key
    found = read(tables.client_validations, frontend)
    if found is None or found.authorities is None:
        return {}
    resource = authorities(frontend, found.authorities)
    return {(fleet, resource.type_url, resource.name): resource}
