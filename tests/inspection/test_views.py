"""Views: they answer for every world, tell each row once, and touch no more rows than a page needs."""

from __future__ import annotations

from datetime import UTC, datetime
from functools import partial
from typing import TYPE_CHECKING, Any

import msgspec
import pytest

from bench import worlds
from tests.golden.cases import all_cases
from tests.golden.world import settled
from xdsserver.inspection import (
    backends,
    certificates,
    fleet,
    gateways,
    objects,
    problems,
    resources,
    route_detail,
    routes,
    tenants,
)
from xdsserver.inspection.carriers import carriers
from xdsserver.inspection.paging import gather, in_order, joined
from xdsserver.inspection.world import World
from xdsserver.objects.meta import Name, ObjectKey
from xdsserver.reconciler import Reconciler

if TYPE_CHECKING:
    from collections.abc import Callable

    from xdsserver.inspection.paging import Scan

NOW = datetime(2026, 1, 1, tzinfo=UTC)

VIEWS: dict[str, Callable[[World, str], Scan[Any]]] = {
    "routes": lambda world, after: routes.scan(world.pipeline, routes.RouteFilter(), after),
    "gateways": lambda world, after: gateways.scan(world.pipeline, after),
    "listeners": lambda world, after: gateways.scan_listeners(world.pipeline, after),
    "tenants": lambda world, after: tenants.scan(world.pipeline, after),
    "backends": lambda world, after: backends.scan(world.pipeline, after),
    "certificates": lambda world, after: certificates.scan(world.pipeline, NOW, after),
    "problems": lambda world, after: problems.scan(world, NOW, after),
    "objects": lambda world, after: objects.scan(world.pipeline, after),
    "resources": resources.scan,
    "fleet": fleet.scan,
}


@pytest.fixture(scope="module")
def many() -> World:
    """Give a world of 600 routes."""
    reconciler = Reconciler()
    outcome = reconciler.objects(worlds.changes([*worlds.base(8080, 9000), *worlds.routes(600)]))
    assert not outcome.failures
    return World(reconciler)


@pytest.mark.parametrize("view", VIEWS)
def test_a_view_answers_for_every_golden_world_page_by_page(view: str) -> None:
    scan = VIEWS[view]
    told = 0
    for case in all_cases():
        world = World(settled(case).reconciler)
        whole = [item for _, item in scan(world, "") if item is not None]
        told += len(whole)
        by_two: list[Any] = []
        after, pages = "", 0
        while pages <= len(whole):
            page = gather(scan(world, after), 2)
            by_two += page.items
            after, pages = page.next, pages + 1
            if not after:
                break
        assert by_two == whole, f"{view} of {case.name}: pages tell the same rows in the same order, each once"
        msgspec.json.encode(whole)
    assert told or view == "fleet"


def test_every_route_and_object_of_every_golden_world_is_told_of_in_full() -> None:
    seen = 0
    for case in all_cases():
        pipeline = settled(case).reconciler.pipeline
        for key in pipeline.route_heads.rows:
            found = route_detail.detail(pipeline, key)
            assert found is not None
            assert len(found.rules) == found.route.rules
            msgspec.json.encode(found)
            seen += found.envoy_routes_total
            assert all(
                resource in pipeline.resources.rows for of in carriers(pipeline, key).values() for resource in of
            )
        for name in pipeline.gateways.rows:
            msgspec.json.encode(gateways.detail(pipeline, name))
        for object_key in pipeline.names():
            msgspec.json.encode(objects.detail(pipeline, object_key))
    assert seen > 400


def test_what_is_told_of_a_route_is_what_is_sent() -> None:
    """Envoy routes are derived again for the answer; the table has the very same."""
    for case in all_cases():
        pipeline = settled(case).reconciler.pipeline
        made = {key for key in pipeline.routes.rows if key.listener in pipeline.binds.rows}
        told = {made_key for key in pipeline.route_heads.rows for made_key, _ in route_detail._made(pipeline, key)}
        assert told == made, case.name


def test_a_page_touches_as_many_rows_as_it_has(many: World) -> None:
    """The answer for a page of 5,000 routes costs what one of 50 does: names are sorted, rows are not looked at."""
    page = gather(VIEWS["routes"](many, ""), 100)
    assert (len(page.items), page.examined) == (100, 101)
    last = gather(VIEWS["routes"](many, page.next), 100)
    assert last.items[0].name > page.items[-1].name
    objects_page = gather(VIEWS["objects"](many, ""), 100)
    assert objects_page.examined == 101


def test_routes_are_found_by_host_path_gateway_and_state(many: World) -> None:
    def names(wanted: routes.RouteFilter) -> list[str]:
        return [one.name for one in gather(routes.scan(many.pipeline, wanted)).items]

    of = partial(routes.RouteFilter, host="h7.test")

    assert names(of()) == ["r14", "r15"]
    assert names(of(host="H7.test.", path="/r1/x")) == ["r15"]
    assert names(of(path="/r1x")) == []
    assert names(of(host="other.test")) == []
    assert names(of(kind="GRPCRoute")) == []
    assert names(of(namespace="other")) == []
    assert names(of(gateway="default/edge")) == names(of())
    assert names(of(state="good")) == names(of())
    assert names(of(state="bad")) == []


def test_one_route_is_resolved_down_to_endpoints(many: World) -> None:
    found = route_detail.detail(many.pipeline, ObjectKey("HTTPRoute", "default", "r14"))
    assert found is not None
    assert [rule.matches for rule in found.rules] == [("/r0/*",)]
    assert found.rules[0].shares[0].cluster == found.backends[0].cluster == "Service/default/web/80/http1"
    assert [(one.port, one.health, one.served) for one in found.backends[0].endpoints] == [(9000, "ready", True)]
    assert found.envoy_routes_total == 1
    assert found.envoy_routes[0].envoy["route"]["cluster"] == found.backends[0].cluster
    assert found.backends[0].users_total == 600


def test_what_is_not_there_is_none(many: World) -> None:
    pipeline, nobody = many.pipeline, ObjectKey("HTTPRoute", "no", "body")
    assert route_detail.detail(pipeline, nobody) is None
    assert gateways.detail(pipeline, Name("no", "body")) is None
    assert objects.detail(pipeline, nobody) is None
    assert carriers(pipeline, nobody) == {}


def test_a_walk_may_begin_behind_a_name_that_is_gone() -> None:
    keys = [("b",), ("d",), ("a",)]
    assert [name for name, _ in in_order(keys, "c", joined)] == ["d"]
    assert [name for name, _ in in_order(keys, "b", joined)] == ["d"]
    assert [name for name, _ in in_order(keys, "b", joined, inclusive=True)] == ["b", "d"]


def test_both_sides_of_a_tenant_are_told_by_its_one_status() -> None:
    sides = set()
    for case in all_cases():
        pipeline = settled(case).reconciler.pipeline
        states = {key: routes.state(pipeline, key) for key in pipeline.route_heads.rows if "Tenant" in key.kind}
        for key, state in states.items():
            assert state == states.get(ObjectKey("Tenant", key.namespace, key.name), state), case.name
            sides.add((key.kind, state.state))
    assert {("Tenant", "good"), ("TenantConsole", "good")} <= sides
