"""ListenerSets that name a Gateway of ours, and listeners of all its parents merged: each sees who comes before it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from xdsserver.gatewayapi.conflicts import Earlier, Place, judged, port_holder, too_many, too_many_of_namespace
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


def to_allowances(_read: Read, key: Name, gateway: Gateway) -> Mapping[Name, Allowance]:
    return {key: allowance(gateway)}


def to_our_sets(tables: Pipeline, read: Read, key: Name, parent: ObjectKey) -> Mapping[Name, SetParent]:
    gateway = gateway_behind(parent, lambda name: read(tables.set_parents, name))
    allowed = read(tables.allowances, gateway) if gateway is not None else None
    if gateway is None or allowed is None:
        return {}

    def labels(namespace: str) -> Mapping[str, str]:
        return namespace_labels(namespace, read(tables.labels, namespace))

    return {key: SetParent(gateway, set_problem(key.namespace, parent, gateway, allowed, labels))}


def to_gateway_candidates(_read: Read, key: Name, gateway: Gateway) -> Mapping[ListenerKey, Candidate]:
    parent = ListenerParent(ObjectKey("Gateway", *key), key, rank(gateway.metadata, of_a_set=False))
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
    """The listeners of a Gateway itself come before all others, so that no ListenerSet wakes them."""
    if read(tables.listeners_too_many, key):
        return {key: too_many_of_namespace(candidate.listener, tables.options.quota.listeners)}
    if not candidate.rank.of_a_set:
        return {key: judged(candidate, Earlier())}
    if read(tables.left_over, key):
        return {key: too_many(candidate.listener, tables.options.listeners_per_gateway)}
    port = read(tables.port_holders, _port(candidate.listener))
    place = read(tables.place_holders, place_of(key, candidate))
    return {key: judged(candidate, Earlier(port, place))}


def _port(listener: Listener) -> PortKey:
    return PortKey(listener.gateway, listener.port, listener.transport)
