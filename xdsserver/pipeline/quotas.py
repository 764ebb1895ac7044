"""Quotas of namespaces: looked into only where a namespace asks for more than it may have."""

from __future__ import annotations

from typing import TYPE_CHECKING

from xdsserver.gatewayapi.quotas import Claim, beyond, hostnames_of, refused

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from xdsserver.gatewayapi.attachment import Parent
    from xdsserver.gatewayapi.conditions import Problem
    from xdsserver.gatewayapi.listeners import Candidate
    from xdsserver.gatewayapi.quotas import Quota
    from xdsserver.model.places import ListenerKey
    from xdsserver.objects.meta import ObjectKey
    from xdsserver.pipeline.story import Pipeline
    from xdsserver.tables import Read

# Routes. Their hostnames are summed by how many of them each route has, which few routes differ in: a route more or
# less is one count that changes, and one sum of a few numbers.


def share_of(key: ObjectKey, parents: tuple[Parent, ...]) -> tuple[str, int] | None:
    return (key.namespace, hostnames_of(parents)) if parents else None


def to_crowded_namespaces(
    tables: Pipeline, read: Read, namespace: str, shares: tuple[tuple[str, int], ...]
) -> Mapping[str, bool]:
    counts = [(hostnames, read(tables.route_shares, (namespace, hostnames)) or 0) for _, hostnames in shares]
    quota = tables.options.quota
    routes, hostnames = sum(count for _, count in counts), sum(one * count for one, count in counts)
    return {namespace: True} if routes > quota.routes or hostnames > quota.hostnames else {}


def to_queued_routes(
    tables: Pipeline, read: Read, key: ObjectKey, parents: tuple[Parent, ...]
) -> Mapping[ObjectKey, Claim]:
    if not parents or not read(tables.crowded_namespaces, key.namespace):
        return {}
    head = read(tables.route_heads, key)
    created = head.created if head is not None else ""
    return {key: Claim((created, f"{key.namespace}/{key.name}", key.kind), hostnames_of(parents))}


def age_of(_key: ObjectKey, claim: Claim) -> tuple[str, str, str]:
    return claim.age


def behind(quota: Quota) -> Callable[[str, Sequence[tuple[ObjectKey, Claim]]], tuple[tuple[ObjectKey, Problem], ...]]:
    return lambda namespace, claims: tuple(beyond(quota, namespace, claims))


def to_routes_too_many(
    _read: Read, _namespace: str, found: tuple[tuple[ObjectKey, Problem], ...]
) -> Mapping[ObjectKey, Problem]:
    return dict(found)


def to_parents(
    tables: Pipeline, read: Read, key: ObjectKey, parents: tuple[Parent, ...]
) -> Mapping[ObjectKey, tuple[Parent, ...]]:
    problem = read(tables.routes_too_many, key)
    return {key: parents if problem is None else refused(parents, problem)}


# Listeners: by the age of the Gateway or ListenerSet that has them.


def namespace_of(key: ListenerKey, _candidate: Candidate) -> str:
    return key.namespace


def to_full_namespaces(tables: Pipeline, _read: Read, namespace: str, listeners: int) -> Mapping[str, bool]:
    return {namespace: True} if listeners > tables.options.quota.listeners else {}


def to_queued_listeners(
    tables: Pipeline, read: Read, key: ListenerKey, candidate: Candidate
) -> Mapping[ListenerKey, Candidate]:
    return {key: candidate} if read(tables.full_namespaces, key.namespace) else {}


def parent_age_of(_key: ListenerKey, candidate: Candidate) -> tuple[str, str, bool]:
    rank = candidate.rank
    return (rank.created, rank.name, rank.of_a_set)


def listeners_behind(
    quota: Quota,
) -> Callable[[str, Sequence[tuple[ListenerKey, Candidate]]], tuple[ListenerKey, ...]]:
    return lambda _namespace, members: tuple(key for key, _ in members[quota.listeners :])


def to_listeners_too_many(_read: Read, _namespace: str, keys: tuple[ListenerKey, ...]) -> Mapping[ListenerKey, bool]:
    return dict.fromkeys(keys, True)
