"""Which resources carry an object to Envoys: when these are acknowledged, it is in force."""

from collections.abc import Iterator
from typing import Final

from xdsserver.gatewayapi.streams import L4_KINDS
from xdsserver.inspection.world import look
from xdsserver.model.places import ListenerKey
from xdsserver.objects.meta import ObjectKey
from xdsserver.pipeline import Pipeline, ResourceKey
from xdsserver.pipeline.rules import rules_at
from xdsserver.translation.layout import route_configuration_name
from xdsserver.translation.listeners import listener_name
from xdsserver.translation.routes import used_clusters
from xdsserver.xds.resource import CLUSTER, LISTENER, ROUTE

CARRIED: Final = frozenset(
    {"Gateway", "ListenerSet", "HTTPRoute", "GRPCRoute", "TLSRoute", "TCPRoute", "UDPRoute", "Tenant", "TenantConsole"}
)
"""Kinds of objects that Envoys get; others are part of how these are served."""


def carriers(pipeline: Pipeline, key: ObjectKey) -> dict[str, tuple[ResourceKey, ...]]:
    """Give the resources that carry an object, by fleet; none where no Envoy gets it."""
    found: dict[str, dict[ResourceKey, None]] = {}
    for resource in _of_parent(pipeline, key) if key.kind in ("Gateway", "ListenerSet") else _of_route(pipeline, key):
        found.setdefault(resource[0], {})[resource] = None
    return {fleet: tuple(resources) for fleet, resources in found.items()}


def listeners_of(pipeline: Pipeline, route: ObjectKey) -> Iterator[ListenerKey]:
    """Give the listeners that a route is attached to, each once."""
    parents = pipeline.parents.rows.get(route, ())
    found = dict.fromkeys(listener for parent in parents for listener, _ in parent.listeners)
    return (listener for listener in found if (listener, route) in pipeline.attached.rows)


def _of_parent(pipeline: Pipeline, key: ObjectKey) -> Iterator[ResourceKey]:
    for listener in pipeline.listeners_of.rows.get(key, ()):
        awaited = pipeline.awaited.rows.get(listener)
        yield from awaited.resources if awaited is not None else ()


def _of_route(pipeline: Pipeline, key: ObjectKey) -> Iterator[ResourceKey]:
    for listener in listeners_of(pipeline, key):
        serving = pipeline.binds.rows.get(listener)
        if serving is None:
            continue
        fleet = serving.bind.fleet
        if key.kind in L4_KINDS:
            yield fleet, LISTENER, listener_name(serving.bind)
            continue
        yield fleet, ROUTE, route_configuration_name(serving.chain)
        for resolved in rules_at(pipeline, look, listener, key):
            for cluster in used_clusters(resolved.rule) if resolved.rule is not None else ():
                yield fleet, CLUSTER, str(cluster)
