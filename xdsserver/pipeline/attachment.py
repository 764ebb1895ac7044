"""Attachment: which routes ask for which hostnames on which listeners."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

from xdsserver.gatewayapi.attachment import Offer, RouteHead, attach, named_parent
from xdsserver.gatewayapi.default_gateways import references, scope
from xdsserver.gatewayapi.labels import namespace_labels
from xdsserver.objects.grpcroute import GRPCRoute
from xdsserver.objects.httproute import HTTPRoute
from xdsserver.objects.l4route import TLSRoute
from xdsserver.objects.meta import Name, ObjectKey
from xdsserver.pipeline.profiles import as_served

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from xdsserver.gatewayapi.attachment import Parent
    from xdsserver.model.places import ListenerKey
    from xdsserver.model.routing import Hosts
    from xdsserver.objects.core import Namespace
    from xdsserver.objects.l4route import TCPRoute, UDPRoute
    from xdsserver.pipeline.story import Pipeline
    from xdsserver.tables import Read


R = TypeVar("R", HTTPRoute, GRPCRoute, TLSRoute)


def to_labels(_read: Read, key: Name, namespace: Namespace) -> Mapping[str, Mapping[str, str]]:
    return {key.name: namespace.metadata.labels}


def to_route_heads(kind: str) -> Callable[[Read, Name, R], Mapping[ObjectKey, RouteHead]]:
    def head(_read: Read, key: Name, route: R) -> Mapping[ObjectKey, RouteHead]:
        owner = ObjectKey(kind, *key)
        spec, created = route.spec, route.metadata.creation_timestamp
        return {owner: RouteHead(owner, spec.hostnames, spec.parent_refs, scope(spec.use_default_gateways), created)}

    return head


def to_l4_route_heads(kind: str) -> Callable[[Read, Name, TCPRoute | UDPRoute], Mapping[ObjectKey, RouteHead]]:
    """Connections of a port have no name."""

    def head(_read: Read, key: Name, route: TCPRoute | UDPRoute) -> Mapping[ObjectKey, RouteHead]:
        owner = ObjectKey(kind, *key)
        spec, created = route.spec, route.metadata.creation_timestamp
        return {owner: RouteHead(owner, (), spec.parent_refs, scope(spec.use_default_gateways), created)}

    return head


def to_claimed_parents(
    tables: Pipeline, read: Read, key: ObjectKey, route: RouteHead
) -> Mapping[ObjectKey, tuple[Parent, ...]]:
    def labels(namespace: str) -> Mapping[str, str]:
        return namespace_labels(namespace, read(tables.labels, namespace))

    parents = []
    defaults = read(tables.default_gateways, route.default_scope) if route.default_scope is not None else None
    for reference in references(route, defaults or ()):
        parent = named_parent(route.key, reference)
        offer = _offer(tables, read, parent) if parent is not None else None
        if offer is not None:
            parents.append(attach(route, reference, as_served(tables, read, offer) if route.signed else offer, labels))
    return {key: tuple(parents)}


def _offer(tables: Pipeline, read: Read, parent: ObjectKey) -> Offer | None:
    """Give what a Gateway or ListenerSet has for routes; None for one that is not ours."""
    name = Name(parent.namespace, parent.name)
    keys = read(tables.listeners_of, parent)
    found = (read(tables.listeners, one) for one in keys or ())
    listeners = tuple(one for one in found if one is not None)
    if parent.kind == "Gateway":
        return None if keys is None else Offer(parent, name, listeners)
    attached = read(tables.our_sets, name)
    if attached is None:
        return None
    refused = attached.problem.message if attached.problem is not None else ""
    return Offer(parent, attached.gateway, listeners, refused)


def to_asking(
    _read: Read, key: ObjectKey, parents: tuple[Parent, ...]
) -> Mapping[tuple[ListenerKey, ObjectKey], tuple[Hosts, ...]]:
    """Two parentRefs may lead to one listener; the route is there once."""
    return {(listener, key): hosts for parent in parents for listener, hosts in parent.listeners}
