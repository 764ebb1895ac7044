"""Policies of telemetry: which is in force for each Gateway, and what its connection managers tell."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, NamedTuple

from xdsserver.gatewayapi.telemetry import (
    not_in_force,
    overruled,
    targets,
    telemetry_status,
    understand,
)
from xdsserver.objects.meta import ObjectKey
from xdsserver.pipeline.gateways import controllers_of
from xdsserver.pipeline.rows import HTTP_PROTOCOLS

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from xdsserver.gatewayapi.statuses import ObjectStatus
    from xdsserver.gatewayapi.telemetry import (
        ResolvedTelemetry,
    )
    from xdsserver.model.places import ChainKey, ListenerKey
    from xdsserver.model.tracing import Tracing
    from xdsserver.objects.meta import Name
    from xdsserver.objects.xtelemetrypolicy import XTelemetryPolicy
    from xdsserver.pipeline.rows import ClusterUse, Serving
    from xdsserver.pipeline.story import Pipeline
    from xdsserver.tables import Read


class Told(NamedTuple):
    """What the Gateway of a listener wants to be told of requests (None: nothing), and how old the Gateway is."""

    chain: ChainKey
    gateway: Name
    created: str
    tracing: Tracing | None


def to_telemetry_targets(_read: Read, key: Name, policy: XTelemetryPolicy) -> Mapping[tuple[Name, Name], str]:
    return {(gateway, key): policy.metadata.creation_timestamp for gateway in targets(policy)}


def age(key: tuple[Name, Name], created: str) -> tuple[str, str]:
    return created, str(key[1])


def to_understood(
    tables: Pipeline, read: Read, key: Name, policy: XTelemetryPolicy
) -> Mapping[Name, ResolvedTelemetry]:
    return {key: understand(read, tables.backend_tables, policy)}


def to_told(tables: Pipeline, read: Read, key: ListenerKey, serving: Serving) -> Mapping[ListenerKey, Told]:
    """One for every listener for HTTP: one that tells nothing has a say where it shares its connection manager."""
    listener = read(tables.listeners, key)
    if listener is None or serving.protocol not in HTTP_PROTOCOLS:
        return {}
    claimant = read(tables.claimants, listener.gateway)
    policy = read(tables.telemetry, listener.gateway)
    found = read(tables.understood_telemetry, policy) if policy is not None else None
    tracing = found.tracing if found is not None else None
    if tracing is not None and not tracing.service:
        tracing = replace(tracing, service=f"{listener.gateway.name}.{listener.gateway.namespace}")
    return {key: Told(serving.chain, listener.gateway, claimant.created if claimant is not None else "", tracing)}


def seniority(_key: ListenerKey, told: Told) -> tuple[str, Name]:
    return told.created, told.gateway


def decide(_chain: ChainKey, members: Sequence[tuple[ListenerKey, Told]]) -> Told:
    return members[0][1]


def to_tracing_cluster_uses(tables: Pipeline, read: Read, key: ListenerKey, told: Told) -> Mapping[ClusterUse, bool]:
    decided = read(tables.deciding_telemetry, told.chain)
    if decided is None or decided.tracing is None or decided.gateway != told.gateway:
        return {}
    return {(told.chain.bind.fleet, decided.tracing.collector, key, ObjectKey("Gateway", *told.gateway)): True}


def to_telemetry_statuses(
    tables: Pipeline, read: Read, key: Name, policy: XTelemetryPolicy
) -> Mapping[ObjectKey, ObjectStatus]:
    """A policy of Gateways that are nobody's, or others', is for others to judge."""
    understood = read(tables.understood_telemetry, key)
    wrong = understood.problems if understood is not None else ()
    found = {}
    for gateway in targets(policy):
        if read(tables.our_gateways, gateway) is None:
            continue
        problem = not_in_force(key, gateway, read(tables.telemetry, gateway))
        if problem is None:
            own = (read(tables.told, one) for one in read(tables.listeners_of, ObjectKey("Gateway", *gateway)) or ())
            deciding = (read(tables.deciding_telemetry, one.chain) for one in own if one is not None)
            problem = next((overruled(one.gateway) for one in deciding if one and one.gateway != gateway), None)
        found[gateway] = [*([problem] if problem is not None else []), *wrong]
    if not found:
        return {}
    status = telemetry_status(found, controllers_of(tables, read, found), policy.metadata.generation)
    return {ObjectKey("XTelemetryPolicy", *key): status}
