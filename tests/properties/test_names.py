"""What Envoy is given by name: no name or domain twice in one place, whatever users call their objects."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import msgspec
import pytest
from envoy.config.route.v3.route_pb2 import RouteConfiguration

from tests.properties.gateway_worlds import settled, world
from tests.properties.test_budgets import World, route
from xdsserver.model.routing import ClusterKey, EndpointsKey
from xdsserver.xds.resource import ROUTE

if TYPE_CHECKING:
    from xdsserver.pipeline import Pipeline

WORLDS = 100
PLAIN = re.compile(r"[A-Za-z0-9._:/*\[\]-]+")
"""Characters that no tool needs to escape, and none that users could smuggle in as another separator."""


def tables(pipeline: Pipeline) -> list[RouteConfiguration]:
    bodies = [row.body for key, row in pipeline.resources.rows.items() if key[1] == ROUTE]
    return [RouteConfiguration.FromString(body) for body in bodies]


@pytest.mark.parametrize("number", range(WORLDS))
def test_p4_no_table_has_a_domain_or_a_name_twice(number: int) -> None:
    """P4: duplicate hostnames over listeners and routes never become a duplicate Envoy domain, which is a rejection."""
    for table in tables(settled(world(number)).pipeline):
        domains = [domain for host in table.virtual_hosts for domain in host.domains]
        names = [host.name for host in table.virtual_hosts]
        assert len(set(domains)) == len(domains)
        assert len(set(names)) == len(names)


@pytest.mark.parametrize("first", ["older", "newer"])
def test_p4_of_two_routes_with_one_match_the_oldest_wins_then_the_name(first: str) -> None:
    """P4: same match in two routes: oldest, then namespace/name wins, in whatever order they come."""
    stamped = World(0, hosts=False)
    twins = {}
    for name, created in (
        ("b-old", "2025-01-01T00:00:00Z"),
        ("a-new", "2026-01-01T00:00:00Z"),
        ("c-old", "2025-01-01T00:00:00Z"),
    ):
        twin = route(7, hosts=False)
        metadata = msgspec.structs.replace(twin.metadata, name=name, creation_timestamp=created)
        twins[name] = msgspec.structs.replace(twin, metadata=metadata)
    for name in sorted(twins, reverse=first == "newer"):
        stamped.put(twins[name])
    (table,) = tables(stamped.pipeline)
    (host,) = [host for host in table.virtual_hosts if host.name == "h0.example.com"]
    assert [found.name.split("/")[2] for found in host.routes] == ["b-old", "c-old", "a-new"]


@pytest.mark.parametrize("number", range(WORLDS))
def test_p15_names_are_made_by_us_and_tell_their_objects_apart(number: int) -> None:
    """P15: names with `|` or spaces: generated names are never user-controlled raw, and no two keys share one."""
    pipeline = settled(world(number)).pipeline
    assert all(PLAIN.fullmatch(name) for _, _, name in pipeline.resources.rows)
    keys = [key for _, key in pipeline.clusters.rows]
    assert len(set(map(str, keys))) == len(set(keys))


def test_p15_no_part_of_a_name_can_look_like_two() -> None:
    """P15: the separator of names is one that no name of an object may contain."""
    names = {str(ClusterKey("Service", "a", "b", 80, "http1")), str(ClusterKey("Service", "a", "b80", 80, "http1"))}
    names.add(str(EndpointsKey("Service", "a", "b", 80, "TCP")))
    assert len(names) == 3
    assert all(name.count("/") == 4 for name in names)
