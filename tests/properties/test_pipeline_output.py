"""For random worlds, what is served to a fleet is accepted by Envoy, and a change touches what it is about."""

from __future__ import annotations

from collections import Counter, defaultdict
from typing import TYPE_CHECKING

import pytest

from tests.golden.validation import refused
from tests.properties.gateway_worlds import settled, world
from xdsserver.objects.httproute import HTTPBackendRef, HTTPRoute, HTTPRouteRule, HTTPRouteSpec, ParentReference
from xdsserver.objects.meta import Name, ObjectKey, ObjectMeta
from xdsserver.translation.layout import HostKey, route_configuration_name
from xdsserver.xds.resource import CLUSTER, ROUTE

if TYPE_CHECKING:
    from pathlib import Path

    from tests.properties.gateway_worlds import Objects, Slot
    from xdsserver.xds.resource import Resource

WORLDS = 150
TO_ENVOY = 300


def test_envoy_accepts_what_any_world_comes_to(tmp_path: Path) -> None:
    served: dict[str, list[Resource]] = defaultdict(list)
    for number in range(TO_ENVOY):
        for key, resource in settled(world(number)).pipeline.resources.rows.items():
            # An Envoy is of one fleet; what another one gets may be called the same.
            served[f"world {number} {key[0]}"].append(resource)
    assert sum(len(resources) for resources in served.values()) > 3 * TO_ENVOY, "worlds that serve nothing"
    assert not refused(served, tmp_path)


@pytest.mark.parametrize("number", range(WORLDS))
def test_a_route_with_a_hostname_of_its_own_changes_its_route_configurations_only(number: int) -> None:
    running = settled(world(number))
    pipeline = running.pipeline
    # Those of GRPCRoutes speak HTTP/2, also to ports that an HTTPRoute would reach by a cluster of its own.
    used = [key for _fleet, key in pipeline.clusters.rows if (key.kind, key.protocol) == ("Service", "http1")]
    route = HTTPRoute(
        metadata=ObjectMeta(name="unrelated", namespace="shop", uid="unrelated"),
        spec=HTTPRouteSpec(
            parent_refs=tuple(
                ParentReference(name=gateway.name, namespace=gateway.namespace) for gateway in pipeline.gateways.rows
            ),
            hostnames=("unrelated.example.com",),
            rules=(
                HTTPRouteRule(
                    backend_refs=tuple(
                        HTTPBackendRef(name=one.name, namespace=one.namespace, port=one.port) for one in used
                    )
                ),
            ),
        ),
    )
    key = ObjectKey("HTTPRoute", "shop", "unrelated")
    hosts_before, clusters_before = dict(pipeline.hosts.rows), set(pipeline.clusters.rows)
    resources_before = set(pipeline.resources.rows)

    outcome = running.objects([("HTTPRoute", Name("shop", "unrelated"), route)])

    listeners = {listener for listener, owner in pipeline.attached.rows if owner == key}
    chains = {at.chain for listener, at in pipeline.binds.rows.items() if listener in listeners}
    # On a bind where a listener that does not let the route attach is the more specific one, it is not served.
    changed = {host for host, row in pipeline.hosts.rows.items() if hosts_before.get(host) != row}
    assert changed <= {HostKey(chain, "unrelated.example.com") for chain in chains}
    # Gateways that show backends a certificate have clusters of their own for them, and so has each fleet.
    added = set(pipeline.clusters.rows) - clusters_before
    assert {one._replace(gateway="") for _fleet, one in added} <= {one._replace(gateway="") for one in used}
    there = resources_before & set(outcome.resources)
    assert there == {(one.chain.bind.fleet, ROUTE, route_configuration_name(one.chain)) for one in changed}
    new = set(outcome.resources) - there
    assert {key for key in new if key[1] == CLUSTER} == {(fleet, CLUSTER, str(one)) for fleet, one in added}
    # Endpoints and certificates come with the first cluster of a fleet that needs them.
    assert {fleet for fleet, _, _ in new} <= {fleet for fleet, _ in added}
    gateways = {Name(listener.namespace, listener.parent) for listener in listeners}
    # A policy of TLS tells of the Gateways through which its backends are reached.
    told = {one for one in outcome.statuses if one.kind != "BackendTLSPolicy"}
    assert told <= {key, *(ObjectKey("Gateway", *gateway) for gateway in gateways)}

    outcome = running.objects([("HTTPRoute", Name("shop", "unrelated"), None)])

    assert outcome.statuses.get(key) is None
    assert pipeline.hosts.rows == hosts_before


@pytest.mark.parametrize("number", range(100))
def test_what_is_counted_before_it_is_made_is_what_is_made(number: int) -> None:
    """Limits go by how many Envoy routes a route will come to under a hostname."""
    pipeline = settled(world(number)).pipeline
    made = Counter((key.listener, key.hostname, key.owner) for key in pipeline.routes.rows)
    assert made == {key: demand.routes for key, demand in pipeline.demands.rows.items()}


def test_what_is_deleted_leaves_nothing_in_what_is_served() -> None:
    for number in range(WORLDS):
        objects: Objects = world(number)
        running = settled(objects)
        gone: list[Slot] = sorted(objects)
        running.objects((slot.kind, slot.name, None) for slot in gone)

        assert not running.pipeline.resources.rows
        assert not running.pipeline.statuses.rows
        assert not running.pipeline.bindings.rows
        assert not running.written
