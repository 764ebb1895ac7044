"""What a few lines can come to is counted before it is made, and refused where it is too much for everybody."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from envoy.config.route.v3.route_pb2 import RouteConfiguration

from tests.properties.test_budgets import World, meta, route, service
from xdsserver.gatewayapi.expansion import MAX_OF_HOSTNAME, MAX_OF_ROUTE, at_most, closest_cover
from xdsserver.gatewayapi.statuses import GatewayStatus, RouteStatus
from xdsserver.objects.httproute import (
    HTTPBackendRef,
    HTTPPathMatch,
    HTTPPathModifier,
    HTTPRoute,
    HTTPRouteFilter,
    HTTPRouteMatch,
    HTTPRouteRule,
    HTTPRouteSpec,
    HTTPURLRewriteFilter,
    ParentReference,
)
from xdsserver.objects.meta import Name, ObjectKey
from xdsserver.xds.resource import ROUTE

if TYPE_CHECKING:
    from xdsserver.gatewayapi.conditions import Condition

PARENT = ParentReference(name="front", namespace="shop")


def large(
    name: str, *, hostnames: tuple[str, ...] = (), matches: int = 128, backends: int = 1, year: int = 2026
) -> HTTPRoute:
    """Make a route whose rules are split by backends: `matches` times `backends` Envoy routes for each hostname."""
    rewrite = HTTPRouteFilter(
        type="URLRewrite",
        url_rewrite=HTTPURLRewriteFilter(path=HTTPPathModifier(type="ReplaceFullPath", replace_full_path="/")),
    )
    services = tuple(
        HTTPBackendRef(name=f"s{number}", namespace="shop", port=80, filters=(rewrite,)) for number in range(backends)
    )
    rules = tuple(
        HTTPRouteRule(
            matches=tuple(
                HTTPRouteMatch(path=HTTPPathMatch(value=f"/{name}/{number}"))
                for number in range(first, min(first + 64, matches))
            ),
            backend_refs=services,
        )
        for first in range(0, matches, 64)
    )
    return HTTPRoute(
        metadata=meta(Name("shop", name), creation_timestamp=f"{year}-01-01T00:00:00Z"),
        spec=HTTPRouteSpec(parent_refs=(PARENT,), hostnames=hostnames, rules=rules),
    )


def accepted(world: World, name: str) -> Condition:
    status = world.pipeline.statuses.rows[ObjectKey("HTTPRoute", "shop", name)]
    assert isinstance(status, RouteStatus)
    return status.parents[0].conditions[0]


def verdict(world: World, name: str) -> tuple[str, str]:
    one = accepted(world, name)
    return one.status.value, one.reason


def served(world: World) -> dict[str, int]:
    """Count the Envoy routes of each hostname that is served."""
    (body,) = (one.body for one in world.pipeline.resources.rows.values() if one.type_url == ROUTE)
    return {host.name: len(host.routes) for host in RouteConfiguration.FromString(body).virtual_hosts}


def attached(world: World) -> int:
    status = world.pipeline.statuses.rows[ObjectKey("Gateway", "shop", "front")]
    assert isinstance(status, GatewayStatus)
    return status.listeners[0].attached_routes


REFUSED = ("False", "UnsupportedValue")
SERVED = ("True", "Accepted")


def test_p2_a_route_that_comes_to_too_many_envoy_routes_is_refused_with_the_numbers() -> None:
    """P2: 16 rules x 64 matches x 16 headers -> expansion cap (e.g. 10k Envoy routes per HTTPRoute) with condition."""
    world = World(10, hosts=True)
    before = served(world)
    hostnames = tuple(f"big{number}.example.com" for number in range(16))

    delta = world.put(large("big", hostnames=hostnames, backends=8))

    assert verdict(world, "big") == REFUSED
    message = accepted(world, "big").message
    assert f"{16 * 128 * 8:,}" in message
    assert f"{MAX_OF_ROUTE:,}" in message
    assert "make several routes of it" in message
    # Nothing of it was translated, and nobody else notices.
    assert not delta[world.pipeline.routes]
    assert {name: count for name, count in served(world).items() if count} == {
        name: count for name, count in before.items() if count
    }
    assert attached(world) == 10


def test_p2_a_route_up_to_the_limit_is_served() -> None:
    world = World(10, hosts=True)
    hostnames = tuple(f"big{number}.example.com" for number in range(16))
    world.put(large("big", hostnames=hostnames, backends=4))

    assert MAX_OF_ROUTE >= 16 * 128 * 4
    assert verdict(world, "big") == SERVED
    assert served(world)["big0.example.com"] == 128 * 4


def test_p2_copies_into_more_specific_hostnames_count_and_the_older_route_stays() -> None:
    """The routes of `*` stand again in the virtual host of each hostname of the listener."""
    world = World(600, hosts=True)
    older = large("older", matches=128, year=2025)
    world.put(older)
    assert verdict(world, "older") == SERVED
    assert served(world)["h7.example.com"] == 1 + 128

    world.put(large("younger", matches=128, year=2026))

    assert 128 * (1 + at_most(600)) < MAX_OF_HOSTNAME < 2 * 128 * (1 + at_most(600))
    assert verdict(world, "older") == SERVED
    assert verdict(world, "younger") == REFUSED
    message = accepted(world, "younger").message
    assert f"{MAX_OF_HOSTNAME:,}" in message
    assert "up to 1,024 hostnames" in message
    assert served(world)["h7.example.com"] == 1 + 128

    world.delete(older)
    assert verdict(world, "younger") == SERVED


def test_p2_hostnames_that_come_later_count_too() -> None:
    world = World(10, hosts=True)
    world.put(large("all", matches=128, backends=3))
    assert verdict(world, "all") == SERVED

    for number in range(10, 600):
        world.put(route(number, hosts=True))

    assert verdict(world, "all") == REFUSED
    assert served(world)["h7.example.com"] == 1
    for number in range(500, 600):
        world.delete(route(number, hosts=True))
    assert verdict(world, "all") == SERVED


def test_p2_hostnames_below_another_domain_do_not_count() -> None:
    world = World(600, hosts=True)
    world.put(large("apart", hostnames=("*.apart.test",), matches=128, backends=10))

    assert verdict(world, "apart") == SERVED


@pytest.mark.parametrize("size", [10, 100, 1_000])
def test_p2_a_large_annotation_costs_what_a_small_one_does(size: int) -> None:
    """P2: 1 MB annotations -> nothing downstream reads them."""
    world = World(size, hosts=True)

    delta = world.put(service(7, note={"note": "x" * 1_000_000}))

    assert world.changed(delta) == {"services"}


def test_one_more_mostly_changes_nothing() -> None:
    assert [at_most(number) for number in (0, 1, 2, 3, 4, 5, 1000, 1024, 1025)] == [0, 1, 2, 4, 4, 8, 1024, 1024, 2048]


def test_the_closest_cover_is_the_next_wildcard() -> None:
    assert closest_cover("a.b.test") == "*.b.test"
    assert closest_cover("*.b.test") == "*.test"
    assert closest_cover("test") == "*"
    assert closest_cover("*") is None
