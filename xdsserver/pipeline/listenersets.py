"""ListenerSets that name a Gateway of ours, and listeners of all its parents merged: each sees who comes before it."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from xdsserver.gatewayapi.conflicts import (
    Earlier,
    Place,
    SharedPlace,
    SharedPort,
    SharedPortHolder,
    Sharing,
    judged,
    port_holder,
    too_many,
    too_many_of_namespace,
)
from xdsserver.gatewayapi.labels import namespace_labels
from xdsserver.gatewayapi.listeners import ListenerParent, candidates
from xdsserver.gatewayapi.listenersets import (
    SetParent,
    allowance,
    gateway_behind,
    named_parent,
    rank,
    set_problem,
)
from xdsserver.gatewayapi.s3listeners import marked
from xdsserver.model.fleets import HostPorts
from xdsserver.model.places import PortKey
from xdsserver.objects.meta import ObjectKey

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from xdsserver.gatewayapi.conflicts import PortHolder
    from xdsserver.gatewayapi.listeners import Candidate, Listener, Rank
    from xdsserver.gatewayapi.listenersets import Allowance
    from xdsserver.model.places import ListenerKey
    from xdsserver.objects.gateway import Gateway
    from xdsserver.objects.listenerset import ListenerSet
    from xdsserver.objects.meta import Name
    from xdsserver.pipeline.rows import PortFamily
    from xdsserver.pipeline.story import Pipeline
    from xdsserver.tables import Read


def to_set_parents(_read: Read, key: Name, set_: ListenerSet) -> Mapping[Name, ObjectKey]:
    parent = named_parent(set_)
    return {} if parent is None else {key: parent}


def to_allowances(tables: Pipeline, read: Read, key: Name, gateway: Gateway) -> Mapping[Name, Allowance]:
    placed = read(tables.placements, key)
    return {} if placed is None else {key: allowance(gateway, placed)}


def to_our_sets(tables: Pipeline, read: Read, key: Name, parent: ObjectKey) -> Mapping[Name, SetParent]:
    gateway = gateway_behind(parent, lambda name: read(tables.set_parents, name))
    allowed = read(tables.allowances, gateway) if gateway is not None else None
    if gateway is None or allowed is None:
        return {}

    def labels(namespace: str) -> Mapping[str, str]:
        return namespace_labels(namespace, read(tables.labels, namespace))

    return {key: SetParent(gateway, set_problem(key.namespace, parent, gateway, allowed, labels))}


def to_gateway_candidates(_read: Read, key: Name, gateway: Gateway) -> Mapping[ListenerKey, Candidate]:
    rank_ = rank(gateway.metadata, of_a_set=False)
    parent = ListenerParent(ObjectKey("Gateway", *key), key, rank_, marked(gateway))
    return {one.listener.key: one for one in candidates(parent, gateway.spec.listeners)}


def to_set_candidates(tables: Pipeline, read: Read, key: Name, set_: ListenerSet) -> Mapping[ListenerKey, Candidate]:
    attached = read(tables.our_sets, key)
    if attached is None or attached.problem is not None:
        return {}
    parent = ListenerParent(ObjectKey("ListenerSet", *key), attached.gateway, rank(set_.metadata, of_a_set=True))
    return {one.listener.key: one for one in candidates(parent, set_.spec.listeners)}


# Too many: looked into only where a Gateway has more listeners than it may have.


def gateway_of(_key: ListenerKey, candidate: Candidate) -> Name:
    return candidate.listener.gateway


def to_crowded_gateways(tables: Pipeline, _read: Read, key: Name, listeners: int) -> Mapping[Name, bool]:
    return {key: True} if listeners > tables.options.listeners_per_gateway else {}


def to_queued(tables: Pipeline, read: Read, key: ListenerKey, candidate: Candidate) -> Mapping[ListenerKey, Candidate]:
    return {key: candidate} if read(tables.crowded_gateways, candidate.listener.gateway) else {}


def order_of(_key: ListenerKey, candidate: Candidate) -> Rank:
    return candidate.rank


def behind(
    most: int,
) -> Callable[[Name, Sequence[tuple[ListenerKey, Candidate]]], tuple[ListenerKey, ...]]:
    return lambda _gateway, members: tuple(key for key, _ in members[most:])


def to_left_over(_read: Read, _gateway: Name, keys: tuple[ListenerKey, ...]) -> Mapping[ListenerKey, bool]:
    return dict.fromkeys(keys, True)


# Conflicts: the first of each place, and where several families ask for one port, the first there.


def to_claiming(
    tables: Pipeline, read: Read, key: ListenerKey, candidate: Candidate
) -> Mapping[ListenerKey, Candidate]:
    if not candidate.listener.accepted or read(tables.left_over, key) or read(tables.listeners_too_many, key):
        return {}
    return {key: candidate}


def place_of(_key: ListenerKey, candidate: Candidate) -> Place:
    listener = candidate.listener
    return Place(_port(listener), listener.family, listener.hostname)


def first_parent(_place: Place, members: Sequence[tuple[ListenerKey, Candidate]]) -> ObjectKey:
    return members[0][1].listener.parent


def family_of(_key: ListenerKey, candidate: Candidate) -> PortFamily:
    return (_port(candidate.listener), candidate.listener.family)


def to_contested(
    tables: Pipeline, read: Read, key: ListenerKey, candidate: Candidate
) -> Mapping[ListenerKey, Candidate]:
    families = read(tables.families_at, _port(candidate.listener))
    return {key: candidate} if families is not None and len(families) > 1 else {}


def contested_port_of(_key: ListenerKey, candidate: Candidate) -> PortKey:
    return _port(candidate.listener)


def first_on_port(port: PortKey, members: Sequence[tuple[ListenerKey, Candidate]]) -> PortHolder:
    return port_holder(port, members)


def to_listeners(
    tables: Pipeline, read: Read, key: ListenerKey, candidate: Candidate
) -> Mapping[ListenerKey, Listener]:
    if read(tables.listeners_too_many, key):
        return {key: too_many_of_namespace(candidate.listener, tables.options.quota.listeners)}
    if candidate.rank.of_a_set and read(tables.left_over, key):
        return {key: too_many(candidate.listener, tables.options.listeners_per_gateway)}
    earlier = _earlier(tables, read, key, candidate)
    sharing = read(tables.sharing, key)
    if sharing is not None:
        earlier = replace(
            earlier,
            shared_port=read(tables.shared_port_holders, sharing.place.port),
            shared_place=read(tables.shared_place_holders, sharing.place),
        )
    return {key: judged(candidate, earlier)}


def _earlier(tables: Pipeline, read: Read, key: ListenerKey, candidate: Candidate) -> Earlier:
    """The listeners of a Gateway itself come before all others, so that no ListenerSet wakes them."""
    if not candidate.rank.of_a_set:
        return Earlier()
    port = read(tables.port_holders, _port(candidate.listener))
    return Earlier(port, read(tables.place_holders, place_of(key, candidate)))


# Gateways that share ports of nodes: whoever came first.


def to_sharing(tables: Pipeline, read: Read, key: ListenerKey, candidate: Candidate) -> Mapping[ListenerKey, Sharing]:
    claim = read(tables.claimants, candidate.listener.gateway)
    if claim is None or not isinstance(claim.placement.exposure, HostPorts):
        return {}
    listener = judged(candidate, _earlier(tables, read, key, candidate))
    if not listener.accepted or listener.port not in claim.placement.exposure.ports:
        return {}
    port = SharedPort(claim.placement.fleet, listener.port, listener.transport)
    return {key: Sharing(SharedPlace(port, listener.family, listener.hostname), listener.gateway, claim.age)}


def shared_port_of(_key: ListenerKey, sharing: Sharing) -> SharedPort:
    return sharing.place.port


def shared_place_of(_key: ListenerKey, sharing: Sharing) -> SharedPlace:
    return sharing.place


def age_of(_key: ListenerKey, sharing: Sharing) -> tuple[tuple[str, str], Name]:
    return sharing.age, sharing.gateway


def first_on_shared_port(_port: SharedPort, members: Sequence[tuple[ListenerKey, Sharing]]) -> SharedPortHolder:
    first = members[0][1]
    return SharedPortHolder(first.gateway, first.place.family)


def first_gateway(_place: SharedPlace, members: Sequence[tuple[ListenerKey, Sharing]]) -> Name:
    return members[0][1].gateway


def _port(listener: Listener) -> PortKey:
    return PortKey(listener.gateway, listener.port, listener.transport)
