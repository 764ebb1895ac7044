"""Policies of TLS towards backends: which is in force where, how it verifies, and which Gateways use it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from xdsserver.gatewayapi.backends.verification import Authorities, verification
from xdsserver.gatewayapi.backendtlspolicies import not_in_force, policy_status, targets
from xdsserver.objects.meta import Name, ObjectKey
from xdsserver.pipeline.gateways import controllers_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from xdsserver.gatewayapi.backends.verification import Verification
    from xdsserver.gatewayapi.backendtlspolicies import Target
    from xdsserver.gatewayapi.conditions import Problem
    from xdsserver.gatewayapi.statuses import ObjectStatus
    from xdsserver.objects.backendtlspolicy import BackendTLSPolicy
    from xdsserver.pipeline.rows import ClusterUse
    from xdsserver.pipeline.story import Pipeline
    from xdsserver.tables import Read

Reach = tuple[ObjectKey, ObjectKey]
"""A backend, and a parent of listeners (a Gateway or a ListenerSet) whose requests get there."""


def authorities(tables: Pipeline, read: Read) -> Authorities:
    return Authorities(
        tables.options.system_authorities,
        held=lambda holder: read(tables.authorities, holder),
        served=lambda kind: read(tables.authority_tables.kinds, kind) is not None,
    )


def to_policy_targets(_read: Read, key: Name, policy: BackendTLSPolicy) -> Mapping[tuple[Target, Name], str]:
    return {(target, key): policy.metadata.creation_timestamp for target in targets(policy)}


def age(key: tuple[Target, Name], created: str) -> tuple[str, str]:
    return created, str(key[1])


def to_verifications(tables: Pipeline, read: Read, key: Name, policy: BackendTLSPolicy) -> Mapping[Name, Verification]:
    around = authorities(tables, read)
    return {key: verification(policy.spec.validation, around, field="spec.validation", namespace=key.namespace)}


def reach_of(key: ClusterUse, _true: bool) -> Reach | None:  # noqa: FBT001 # a row
    _fleet, cluster, listener, _user = key
    if cluster.kind != "Service" or cluster.protocol in ("tls", "udp"):
        return None
    return ObjectKey(*cluster[:3]), ObjectKey(*listener[:3])


def to_backend_tls_policy_statuses(
    tables: Pipeline, read: Read, key: Name, policy: BackendTLSPolicy
) -> Mapping[ObjectKey, ObjectStatus]:
    """A policy whose Services no route leads to has nobody to be accepted by, and no status."""
    found: dict[Name, list[Problem]] = {}
    verified = read(tables.verifications, key)
    for target in targets(policy):
        winner = read(tables.policies, target)
        problem = not_in_force(key, target, winner, _port_names(tables, read, target))
        for gateway in _gateways(tables, read, target.backend):
            found.setdefault(gateway, []).extend([problem] if problem is not None else [])
    if not found:
        return {}
    generation = policy.metadata.generation
    wrong = verified.problems if verified is not None else ()
    judged = {gateway: (*problems, *wrong) for gateway, problems in found.items()}
    status = policy_status(judged, controllers_of(tables, read, judged), generation)
    return {ObjectKey("BackendTLSPolicy", *key): status}


def _port_names(tables: Pipeline, read: Read, target: Target) -> frozenset[str]:
    if not target.port:
        return frozenset()
    row = read(tables.services, Name(target.backend.namespace, target.backend.name))
    return frozenset(one.name for one in row.spec.ports) if row is not None else frozenset()


def _gateways(tables: Pipeline, read: Read, backend: ObjectKey) -> Iterator[Name]:
    """Give the Gateways through which requests get to a backend, each once."""
    found = set()
    for _, parent in read(tables.parents_reaching, backend) or ():
        name = Name(parent.namespace, parent.name)
        added = read(tables.our_sets, name) if parent.kind == "ListenerSet" else None
        found.add(added.gateway if added is not None else name)
    return iter(found)
