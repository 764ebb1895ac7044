"""Attachment: which routes ask for which hostnames on which listeners."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

from xdsserver.gatewayapi.attachment import RouteHead, attach, named_gateway
from xdsserver.gatewayapi.default_gateways import references, scope
from xdsserver.gatewayapi.labels import namespace_labels
from xdsserver.objects.grpcroute import GRPCRoute
from xdsserver.objects.httproute import HTTPRoute
from xdsserver.objects.meta import ObjectKey

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from xdsserver.gatewayapi.attachment import Parent
    from xdsserver.model.places import ListenerKey
    from xdsserver.model.routing import Hosts
    from xdsserver.objects.core import Namespace
    from xdsserver.objects.meta import Name
    from xdsserver.pipeline.story import Pipeline
    from xdsserver.tables import Read


R = TypeVar("R", HTTPRoute, GRPCRoute)


def to_labels(_read: Read, key: Name, namespace: Namespace) -> Mapping[str, Mapping[str, str]]:
    return {key.name: namespace.metadata.labels}


def to_route_heads(kind: str) -> Callable[[Read, Name, R], Mapping[ObjectKey, RouteHead]]:
    def head(_read: Read, key: Name, route: R) -> Mapping[ObjectKey, RouteHead]:
        owner = ObjectKey(kind, *key)
        spec = route.spec
        return {owner: RouteHead(owner, spec.hostnames, spec.parent_refs, scope(spec.use_default_gateways))}

    return head


def to_parents(
    tables: Pipeline, read: Read, key: ObjectKey, route: RouteHead
) -> Mapping[ObjectKey, tuple[Parent, ...]]:
    def labels(namespace: str) -> Mapping[str, str]:
        return namespace_labels(namespace, read(tables.labels, namespace))

    parents = []
    defaults = read(tables.default_gateways, route.default_scope) if route.default_scope is not None else None
    for reference in references(route, defaults or ()):
        gateway = named_gateway(route.key, reference)
        keys = read(tables.listeners_of, gateway) if gateway is not None else None
        if gateway is not None and keys is not None:
            found = (read(tables.listeners, one) for one in keys)
            parents.append(attach(route, reference, gateway, (one for one in found if one is not None), labels))
    return {key: tuple(parents)}


def to_asking(
    _read: Read, key: ObjectKey, parents: tuple[Parent, ...]
) -> Mapping[tuple[ListenerKey, ObjectKey], tuple[Hosts, ...]]:
    """Two parentRefs may lead to one listener; the route is there once."""
    return {(listener, key): hosts for parent in parents for listener, hosts in parent.listeners}
