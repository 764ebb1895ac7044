"""What statuses say, from the verdicts that decide what Envoy gets, and from what the Envoys answered."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from xdsserver.filters import registry
from xdsserver.gatewayapi import features
from xdsserver.gatewayapi.addresses import Inside
from xdsserver.gatewayapi.ancestors import ancestors_status
from xdsserver.gatewayapi.backends.xbackends import MAX_ANCESTORS
from xdsserver.gatewayapi.classes import class_status
from xdsserver.gatewayapi.conditions import ACCEPTED, condition
from xdsserver.gatewayapi.features import tells_scope
from xdsserver.gatewayapi.fleets import fleet_status
from xdsserver.gatewayapi.gateways import Attachments, ListenerState, gateway_status
from xdsserver.gatewayapi.listenersets import is_accepted, listener_set_status
from xdsserver.gatewayapi.routes import Findings, route_status
from xdsserver.model.places import ListenerKey, PortKey
from xdsserver.objects.meta import GATEWAY_GROUP, ObjectKey
from xdsserver.pipeline.expansion import refusals_of
from xdsserver.pipeline.gateways import SERVICES, controllers_of
from xdsserver.pipeline.profiles import kept_at_edge
from xdsserver.pipeline.rejected import rejected_at, rejected_listener, words_against
from xdsserver.pipeline.rules import rules_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping

    from xdsserver.gatewayapi.attachment import Parent
    from xdsserver.gatewayapi.conditions import Problem
    from xdsserver.gatewayapi.fleets import NamedFleet
    from xdsserver.gatewayapi.listeners import Listener
    from xdsserver.gatewayapi.listenersets import SetParent
    from xdsserver.gatewayapi.statuses import ObjectStatus
    from xdsserver.objects.envoyfleet import EnvoyFleet
    from xdsserver.objects.gateway import Gateway, GatewayListener
    from xdsserver.objects.gatewayclass import GatewayClass
    from xdsserver.objects.listenerset import ListenerSet
    from xdsserver.objects.meta import KubeObject, Name
    from xdsserver.objects.xbackend import XBackend
    from xdsserver.pipeline.story import Pipeline
    from xdsserver.tables import Read


def to_listener_states(
    tables: Pipeline, read: Read, key: ListenerKey, listener: Listener
) -> Mapping[ListenerKey, ListenerState]:
    binding = read(tables.bindings, PortKey(listener.gateway, listener.port, listener.transport))
    awaited = read(tables.awaited, key)
    filters = read(tables.listener_filters, key)
    tls = read(tables.terminations, key)
    return {
        key: ListenerState(
            listener=listener,
            attached_routes=read(tables.accepted_counts, key) or 0,
            binding=binding,
            delivery=read(tables.deliveries, key),
            rejected=rejected_listener(tables, read, key, awaited.resources if awaited is not None else ()),
            filter_problems=filters.problems if filters else (),
            tls=tls,
            overlap=read(tables.overlaps, key),
            reached=awaited is None or awaited.reached,
        )
    }


_USED = "it is used by routes of the Gateway"


def to_x_backend_statuses(tables: Pipeline, read: Read, key: Name, row: XBackend) -> Mapping[ObjectKey, ObjectStatus]:
    owner = ObjectKey("XBackend", *key)
    backend = read(tables.backends, owner)
    routes = dict.fromkeys(rule[0] for _, rule in read(tables.users_of_x_backends, owner) or ())
    parents = [parent for route in routes for parent in read(tables.parents, route) or () if parent.listeners]
    if not parents:
        return {}
    problems = (backend.problem,) if backend is not None and backend.problem is not None else ()
    accepted = condition(ACCEPTED, "Accepted", _USED, problems, row.metadata.generation)
    judged = {parent.gateway: (accepted,) for parent in parents}
    return {owner: ancestors_status(judged, controllers_of(tables, read, judged), MAX_ANCESTORS)}


def to_class_statuses(
    tables: Pipeline, read: Read, key: Name, class_: GatewayClass
) -> Mapping[ObjectKey, ObjectStatus]:
    bundles = features.WITH_TRUST_BUNDLES if read(tables.trust_bundle_kinds, "ClusterTrustBundle") else ()
    networks = features.WITH_SERVICE_NETWORKS if read(tables.service_networks, SERVICES) else ()
    whole = features.FEATURES + features.IN_A_CLUSTER + bundles + networks + registry.FEATURES
    parameters: NamedFleet | Problem | None = read(tables.class_parameters, key)
    status = class_status(class_, parameters, whole, read(tables.installed, GATEWAY_GROUP))
    return {ObjectKey("GatewayClass", *key): status}


def to_fleet_statuses(tables: Pipeline, read: Read, key: Name, fleet: EnvoyFleet) -> Mapping[ObjectKey, ObjectStatus]:
    terms = read(tables.fleet_terms, key)
    return {} if terms is None else {ObjectKey("EnvoyFleet", *key): fleet_status(terms, fleet.metadata.generation)}


def to_gateway_statuses(tables: Pipeline, read: Read, key: Name, gateway: Gateway) -> Mapping[ObjectKey, ObjectStatus]:
    owner = ObjectKey("Gateway", *key)
    placed = read(tables.placements, key)
    if placed is None:
        return {}
    inside = read(tables.inside, key) or Inside()
    added = Attachments(
        placed=placed,
        listener_sets=read(tables.accepted_set_counts, key) or 0,
        addresses=read(tables.gateway_addresses, key) or (),
        rejected=words_against(tables, read, owner),
        certificate=read(tables.client_certificates, key),
        tells_scope=tells_scope(read(tables.installed, GATEWAY_GROUP)),
        kept_at_edge=tuple(kept_at_edge(tables, read, owner)),
        # Where no port is served, the address of its Service leads nowhere.
        inside=inside if read(tables.ports_of, key) else replace(inside, own=""),
        blocked=read(tables.ways_blocked, key) or "",
    )
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
    states = _states(tables, read, owner, set_.spec.listeners)
    return {owner: listener_set_status(set_, parent, states, words_against(tables, read, owner))}


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
        findings = findings_of(tables, read, owner, parents)
        generation = route.metadata.generation
        controllers = controllers_of(tables, read, (one.gateway for one in parents))
        named = ((one, controllers[one.gateway]) for one in parents if one.gateway in controllers)
        return {owner: route_status(named, findings, generation)}

    return status


def findings_of(tables: Pipeline, read: Read, route: ObjectKey, parents: Iterable[Parent]) -> Findings:
    """Collect what is known of a route at the listeners of its parents."""
    listeners = (one for parent in parents for one, _ in parent.listeners)
    shadows = (read(tables.shadows, one) for one in read(tables.shadows_of, route) or ())
    behind = (read(tables.behind, one) for one in read(tables.behind_of, route) or ())
    return Findings(
        rules=tuple(rules_of(tables, read, route)),
        refused=tuple(refusals_of(tables, read, route)),
        shadows=tuple(one for one in shadows if one is not None),
        rejected=tuple(rejected_at(tables, read, route, listeners)),
        behind=tuple(one for one in behind if one is not None),
    )
