"""What statuses say, from the verdicts that decide what Envoy gets, and from what the Envoys answered."""

from __future__ import annotations

from typing import TYPE_CHECKING

from xdsserver.filters import registry
from xdsserver.gatewayapi import features
from xdsserver.gatewayapi.ancestors import ancestors_status
from xdsserver.gatewayapi.classes import class_status
from xdsserver.gatewayapi.gateways import Attachments, ListenerState, gateway_status
from xdsserver.gatewayapi.listenersets import is_accepted, listener_set_status
from xdsserver.gatewayapi.routes import Findings, route_status
from xdsserver.model.places import Delivery, DeliveryKey, ListenerKey, PortKey
from xdsserver.objects.meta import ObjectKey
from xdsserver.pipeline.expansion import refusals_of
from xdsserver.pipeline.rows import HTTP_PROTOCOLS
from xdsserver.pipeline.rules import rules_of
from xdsserver.translation.layout import route_configuration_name
from xdsserver.translation.listeners import listener_name
from xdsserver.xds.resource import LISTENER, ROUTE

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping

    from xdsserver.gatewayapi.listeners import Listener
    from xdsserver.gatewayapi.listenersets import SetParent
    from xdsserver.gatewayapi.statuses import ObjectStatus
    from xdsserver.objects.gateway import Gateway, GatewayListener
    from xdsserver.objects.gatewayclass import GatewayClass
    from xdsserver.objects.listenerset import ListenerSet
    from xdsserver.objects.meta import KubeObject, Name
    from xdsserver.objects.xbackend import XBackend
    from xdsserver.pipeline.rows import Serving
    from xdsserver.pipeline.story import Pipeline
    from xdsserver.tables import Read


def to_listener_states(
    tables: Pipeline, read: Read, key: ListenerKey, listener: Listener
) -> Mapping[ListenerKey, ListenerState]:
    binding = read(tables.bindings, PortKey(listener.gateway, listener.port, listener.transport))
    filters = read(tables.listener_filters, key)
    tls = read(tables.terminations, key)
    serving = read(tables.binds, key)
    return {
        key: ListenerState(
            listener=listener,
            attached_routes=read(tables.accepted_counts, key) or 0,
            binding=binding,
            delivery=delivery_of(tables, read, serving) if serving is not None else None,
            filter_problems=filters.problems if filters else (),
            tls=tls,
        )
    }


def delivery_of(tables: Pipeline, read: Read, serving: Serving) -> Delivery | None:
    """Put together what the Envoys said of a socket and of the routes behind it.

    An Envoy acknowledges a listener before it has its routes, and opens it when it has them.
    """
    bind = serving.bind
    opened = read(tables.deliveries, DeliveryKey(bind.fleet, LISTENER, listener_name(bind)))
    routed = read(tables.deliveries, DeliveryKey(bind.fleet, ROUTE, route_configuration_name(serving.chain)))
    if opened is None:
        return None
    if serving.protocol not in HTTP_PROTOCOLS:
        return opened
    if routed is None:
        return Delivery(acknowledged=False, rejected=opened.rejected)
    return Delivery(opened.acknowledged and routed.acknowledged, opened.rejected or routed.rejected)


def to_x_backend_statuses(tables: Pipeline, read: Read, key: Name, row: XBackend) -> Mapping[ObjectKey, ObjectStatus]:
    owner = ObjectKey("XBackend", *key)
    backend = read(tables.backends, owner)
    routes = dict.fromkeys(rule[0] for _, rule in read(tables.users_of_x_backends, owner) or ())
    parents = [parent for route in routes for parent in read(tables.parents, route) or () if parent.listeners]
    if not parents:
        return {}
    problems = (backend.problem,) if backend is not None and backend.problem is not None else ()
    gateways = (parent.gateway for parent in parents)
    generation = row.metadata.generation
    status = ancestors_status(problems, gateways, controller=tables.options.controller, generation=generation)
    return {owner: status}


def to_class_statuses(
    tables: Pipeline, read: Read, key: Name, class_: GatewayClass
) -> Mapping[ObjectKey, ObjectStatus]:
    claimed = features.FEATURES + registry.FEATURES
    return {ObjectKey("GatewayClass", *key): class_status(class_, claimed, read(tables.bundles, "version"))}


def to_gateway_statuses(tables: Pipeline, read: Read, key: Name, gateway: Gateway) -> Mapping[ObjectKey, ObjectStatus]:
    added = Attachments(
        listener_sets=read(tables.accepted_set_counts, key) or 0,
        addresses=tuple(address for _, address in read(tables.addresses_of, key) or ()),
    )
    owner = ObjectKey("Gateway", *key)
    return {owner: gateway_status(gateway, _states(tables, read, owner, gateway.spec.listeners), added)}


def to_accepted_sets(tables: Pipeline, read: Read, key: Name, parent: SetParent) -> Mapping[Name, Name]:
    keys = read(tables.listeners_of, ObjectKey("ListenerSet", *key)) or ()
    states = (read(tables.listener_states, one) for one in keys)
    return {key: parent.gateway} if is_accepted(one for one in states if one is not None) else {}


def to_listener_set_statuses(
    tables: Pipeline, read: Read, key: Name, set_: ListenerSet
) -> Mapping[ObjectKey, ObjectStatus]:
    parent = read(tables.our_sets, key)
    if parent is None:
        return {}
    owner = ObjectKey("ListenerSet", *key)
    return {owner: listener_set_status(set_, parent, _states(tables, read, owner, set_.spec.listeners))}


def _states(
    tables: Pipeline, read: Read, parent: ObjectKey, listeners: Iterable[GatewayListener]
) -> Iterator[ListenerState]:
    """Give what is known of the listeners of a parent, in the order of its spec."""
    for listener in listeners:
        state = read(tables.listener_states, ListenerKey(*parent, listener.name))
        if state is not None:
            yield state


def to_route_statuses(
    tables: Pipeline, kind: str
) -> Callable[[Read, Name, KubeObject], Mapping[ObjectKey, ObjectStatus]]:
    def status(read: Read, key: Name, route: KubeObject) -> Mapping[ObjectKey, ObjectStatus]:
        owner = ObjectKey(kind, *key)
        parents = read(tables.parents, owner)
        if not parents:
            return {}
        shadows = (read(tables.shadows, one) for one in read(tables.shadows_of, owner) or ())
        findings = Findings(
            rules=tuple(rules_of(tables, read, owner)),
            refused=tuple(refusals_of(tables, read, owner)),
            shadows=tuple(one for one in shadows if one is not None),
        )
        generation = route.metadata.generation
        return {owner: route_status(parents, findings, controller=tables.options.controller, generation=generation)}

    return status
