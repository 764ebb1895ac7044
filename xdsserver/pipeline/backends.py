"""Backends of all kinds in one form, and who may refer to them."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

from xdsserver.filters import registry
from xdsserver.gatewayapi.backends.xbackends import Surroundings, xbackend
from xdsserver.gatewayapi.clientcertificates import client_certificate
from xdsserver.gatewayapi.grants import Referrer, permissions
from xdsserver.objects.core import Service
from xdsserver.objects.httproute import HTTPBackendRef, HTTPRouteRule
from xdsserver.objects.meta import ObjectKey
from xdsserver.objects.serviceimport import ServiceImport
from xdsserver.objects.xbackend import XGATEWAY_GROUP, XBackend
from xdsserver.pipeline.policies import authorities

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from xdsserver.gatewayapi.backends.kinds import Backend, Port, PortPlace
    from xdsserver.gatewayapi.grants import Permission
    from xdsserver.model.routing import Filter
    from xdsserver.objects.httproute import SessionPersistence
    from xdsserver.objects.meta import Name
    from xdsserver.objects.referencegrant import ReferenceGrant
    from xdsserver.pipeline.rows import (
        Selector,
    )
    from xdsserver.pipeline.story import Pipeline
    from xdsserver.tables import Read


B = TypeVar("B", Service, ServiceImport, XBackend)


def selector_of(key: Name, row: Service) -> Selector | None:
    return (key.namespace, frozenset(row.spec.selector.items())) if row.spec.selector else None


def to_backends(kind: str, narrow: Callable[[B], Backend]) -> Callable[[Read, Name, B], Mapping[ObjectKey, Backend]]:
    return lambda _read, key, row: {ObjectKey(kind, *key): narrow(row)}


def to_ports(
    kind: str, ports: Callable[[B], Mapping[PortPlace, Port]]
) -> Callable[[Read, Name, B], Mapping[tuple[ObjectKey, PortPlace], Port]]:
    return lambda _read, key, row: {(ObjectKey(kind, *key), place): port for place, port in ports(row).items()}


def to_x_backends(tables: Pipeline, read: Read, key: Name, row: XBackend) -> Mapping[ObjectKey, Backend]:
    owner = ObjectKey("XBackend", *key)
    referrer = Referrer(XGATEWAY_GROUP, "XBackend", key.namespace)
    around = Surroundings(
        namespace=key.namespace,
        authorities=authorities(tables, read),
        certificate=lambda reference: client_certificate(
            read, tables.certificate_tables, referrer, "tls.clientCertificateRef", reference
        ),
        services=lambda labels: read(tables.selecting, (key.namespace, frozenset(labels.items()))) or (),
        session=lambda spec: session_of(owner, spec),
    )
    return {owner: xbackend(row, around)}


def session_of(owner: ObjectKey, spec: SessionPersistence) -> Filter | str:
    """Understand the session persistence of a backend as if a rule of its own had it."""
    rule = HTTPRouteRule(session_persistence=spec, backend_refs=(HTTPBackendRef(name=owner.name),))
    found = registry.SESSIONS.parse(rule, owner, 0)
    return found[0] if isinstance(found, tuple) else found or "nothing is asked for"


def to_permissions(_read: Read, key: Name, grant: ReferenceGrant) -> Mapping[tuple[Name, Permission], Permission]:
    return {(key, permission): permission for permission in permissions(grant)}
