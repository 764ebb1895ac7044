"""Policies of telemetry: which is in force for each Gateway, and what its connection managers tell."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from xdsserver.gatewayapi.telemetry import (
    not_in_force,
    overruled,
    targets,
    telemetry_status,
    understand,
)
from xdsserver.model.places import Bind, ChainKey, ListenerKey
from xdsserver.objects.meta import ObjectKey
from xdsserver.pipeline.gateways import controllers_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from xdsserver.gatewayapi.statuses import ObjectStatus
    from xdsserver.gatewayapi.telemetry import ResolvedTelemetry
    from xdsserver.model.places import Binding, PortKey
    from xdsserver.model.tracing import Tracing
    from xdsserver.objects.meta import Name
    from xdsserver.objects.xtelemetrypolicy import XTelemetryPolicy
    from xdsserver.pipeline.rows import ClusterUse
    from xdsserver.pipeline.story import Pipeline
    from xdsserver.tables import Read


def to_telemetry_targets(_read: Read, key: Name, policy: XTelemetryPolicy) -> Mapping[tuple[Name, Name], str]:
    return {(gateway, key): policy.metadata.creation_timestamp for gateway in targets(policy)}


def age(key: tuple[Name, Name], created: str) -> tuple[str, str]:
    return created, str(key[1])


def to_understood(
    tables: Pipeline, read: Read, key: Name, policy: XTelemetryPolicy
) -> Mapping[Name, ResolvedTelemetry]:
    return {key: understand(read, tables.backend_tables, policy)}


def to_tracings(tables: Pipeline, read: Read, key: Name, policy: Name) -> Mapping[Name, Tracing]:
    found = read(tables.understood_telemetry, policy)
    if found is None or found.tracing is None:
        return {}
    return {key: replace(found.tracing, service=found.tracing.service or f"{key.name}.{key.namespace}")}


def bind_of(_key: PortKey, binding: Binding) -> Bind | None:
    return binding if isinstance(binding, Bind) else None


def tracing_at(tables: Pipeline, read: Read, bind: Bind) -> Tracing | None:
    """Give what is told of the requests of a bind whose listeners share their connection manager."""
    gateway = _oldest_at(tables, read, bind)
    return None if gateway is None else read(tables.tracings, gateway)


def _oldest_at(tables: Pipeline, read: Read, bind: Bind) -> Name | None:
    """Give the oldest of the Gateways that share a bind; one that tells nothing has a say too."""
    gateways = {port.gateway for port in read(tables.ports_at, bind) or ()}
    claims = {name: read(tables.claimants, name) for name in gateways}
    return min(claims, key=lambda name: (claim.created if (claim := claims[name]) else "", name), default=None)


def to_tracing_cluster_uses(tables: Pipeline, read: Read, key: Name, tracing: Tracing) -> Mapping[ClusterUse, bool]:
    bindings = (read(tables.bindings, port) for port in read(tables.claims_of, key) or ())
    fleets = {binding.fleet for binding in bindings if isinstance(binding, Bind)}
    gateway = ObjectKey("Gateway", *key)
    return {(fleet, tracing.collector, ListenerKey(*gateway, ""), gateway): True for fleet in fleets}


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
            older = next(_older_at_ports(tables, read, gateway), None)
            problem = overruled(older) if older is not None else None
        found[gateway] = [*([problem] if problem is not None else []), *wrong]
    if not found:
        return {}
    status = telemetry_status(found, controllers_of(tables, read, found), policy.metadata.generation)
    return {ObjectKey("XTelemetryPolicy", *key): status}


def _older_at_ports(tables: Pipeline, read: Read, gateway: Name) -> Iterator[Name]:
    """Give the Gateways that decide for plain-text ports which this one shares."""
    for port in read(tables.claims_of, gateway) or ():
        bind = read(tables.bindings, port)
        if isinstance(bind, Bind) and read(tables.plain_chain_counts, ChainKey(bind, "")) is not None:
            oldest = _oldest_at(tables, read, bind)
            if oldest is not None and oldest != gateway:
                yield oldest
