"""Envoys that run in pods: whose they are, and the objects by which they run."""

from __future__ import annotations

from typing import TYPE_CHECKING

from xdsserver.infrastructure.dataplane import Envoys, Owner
from xdsserver.infrastructure.workload import workload
from xdsserver.model.fleets import Placement, shared_fleet
from xdsserver.objects.envoyfleet import FLEET_GROUP
from xdsserver.objects.meta import GATEWAY_GROUP, ObjectKey

if TYPE_CHECKING:
    from collections.abc import Mapping

    from xdsserver.effects import Intended
    from xdsserver.gatewayapi.conditions import Problem
    from xdsserver.objects.envoyfleet import EnvoyFleet
    from xdsserver.objects.meta import Name
    from xdsserver.pipeline.story import Pipeline
    from xdsserver.tables import Read


def to_dedicated_envoys(tables: Pipeline, read: Read, key: Name, placed: Placement | Problem) -> Mapping[str, Envoys]:
    if not isinstance(placed, Placement) or not placed.dedicated or placed.of is None:
        return {}
    fleet, gateway = read(tables.envoy_fleets, placed.of), read(tables.our_gateways, key)
    if fleet is None or gateway is None:
        return {}
    owner = Owner(f"{GATEWAY_GROUP}/v1", "Gateway", key, gateway.metadata.uid)
    made = gateway.spec.infrastructure
    labels, annotations = (made.labels, made.annotations) if made is not None else ({}, {})
    marks = (tuple(sorted(labels.items())), tuple(sorted(annotations.items())))
    return {placed.fleet: Envoys(placed.fleet, owner, fleet.spec, *marks)}


def to_shared_envoys(_read: Read, key: Name, fleet: EnvoyFleet) -> Mapping[str, Envoys]:
    if fleet.spec.mode != "Shared":
        return {}
    owner = Owner(f"{FLEET_GROUP}/v1alpha1", "EnvoyFleet", key, fleet.metadata.uid)
    return {shared_fleet(key): Envoys(shared_fleet(key), owner, fleet.spec)}


def to_workloads(tables: Pipeline, _read: Read, _fleet: str, envoys: Envoys) -> Mapping[ObjectKey, Intended]:
    plane = tables.options.data_plane
    if plane is None:
        return {}
    found = {}
    for one in workload(envoys, plane):
        metadata = one.document["metadata"]
        found[ObjectKey(one.document["kind"], metadata["namespace"], metadata["name"])] = one
    return found
