"""What one change costs does not depend on how much else there is: derivations run, and rows handed to them, counted.

Each budget is measured among 10, 100 and 1,000 routes, with a hostname each and all of one hostname. Where bytes of a
table are joined again (`Stats.folds`), that is counted once, whatever their number.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec
import pytest

from tests.properties.gateway_worlds import CONTROLLER
from xdsserver.gatewayapi.statuses import GatewayStatus
from xdsserver.model.places import Delivery, ListenerKey
from xdsserver.objects import core
from xdsserver.objects.gateway import AllowedRoutes, Gateway, GatewayListener, GatewaySpec, RouteNamespaces
from xdsserver.objects.gatewayclass import GatewayClass, GatewayClassSpec
from xdsserver.objects.httproute import (
    HTTPBackendRef,
    HTTPPathMatch,
    HTTPRoute,
    HTTPRouteMatch,
    HTTPRouteRule,
    HTTPRouteSpec,
    ParentReference,
)
from xdsserver.objects.meta import GATEWAY_GROUP, Name, ObjectKey, ObjectMeta
from xdsserver.objects.referencegrant import (
    ReferenceGrant,
    ReferenceGrantFrom,
    ReferenceGrantSpec,
    ReferenceGrantTo,
)
from xdsserver.reconciler import Reconciler
from xdsserver.tables import Change
from xdsserver.tables.members import FEW
from xdsserver.xds.resource import ENDPOINTS, ROUTE

if TYPE_CHECKING:
    from collections.abc import Mapping

    from xdsserver.objects.meta import KubeObject
    from xdsserver.pipeline import Pipeline
    from xdsserver.tables import Delta, Stats
    from xdsserver.translation.routes import RoutePiece

SIZES = (10, 100, 1_000)
SERVICES = 10
LISTENER_NAME = "tcp/127.0.0.1:80"

one_host_or_many = pytest.mark.parametrize("hosts", [True, False], ids=["a host each", "one host"])


def meta(name: Name, **fields: Any) -> ObjectMeta:  # noqa: ANN401  # ObjectMeta checks them.
    return ObjectMeta(name=name.name, namespace=name.namespace, uid=str(name), **fields)


def gateway(*, labels: Mapping[str, str] | None = None, generation: int = 1) -> Gateway:
    everybody = AllowedRoutes(namespaces=RouteNamespaces(from_="All"))
    listener = GatewayListener(name="http", port=80, protocol="HTTP", allowed_routes=everybody)
    return Gateway(
        metadata=meta(Name("shop", "front"), labels=labels or {}, generation=generation),
        spec=GatewaySpec(gateway_class_name="ours", listeners=(listener,)),
    )


def service(number: int, note: Mapping[str, str] | None = None) -> core.Service:
    ports = (core.ServicePort(port=80, name="http"),)
    return core.Service(
        metadata=meta(Name("shop", f"s{number}"), labels=note or {}, annotations=note or {}),
        spec=core.ServiceSpec(ports=ports),
    )


def endpoint_slice(number: int, address: str) -> core.EndpointSlice:
    return core.EndpointSlice(
        metadata=meta(Name("shop", f"s{number}-1"), labels={core.SERVICE_NAME_LABEL: f"s{number}"}),
        address_type="IPv4",
        endpoints=(core.Endpoint(addresses=(address,)),),
        ports=(core.EndpointPort(name="http", port=8000),),
    )


def route(number: int, *, hosts: bool, path: str = "/", namespace: str = "shop") -> HTTPRoute:
    rule = HTTPRouteRule(
        matches=(HTTPRouteMatch(path=HTTPPathMatch(value=f"/{number}{path}")),),
        backend_refs=(HTTPBackendRef(name=f"s{number % SERVICES}", namespace="shop", port=80),),
    )
    return HTTPRoute(
        metadata=meta(Name(namespace, f"r{number}")),
        spec=HTTPRouteSpec(
            parent_refs=(ParentReference(name="front", namespace="shop"),),
            hostnames=(f"h{number if hosts else 0}.example.com",),
            rules=(rule,),
        ),
    )


class World:
    """A Gateway, ten Services with endpoints, and as many routes as are asked for; what is changed is counted."""

    def __init__(self, size: int, *, hosts: bool) -> None:
        self.hosts = hosts
        class_ = GatewayClass(metadata=meta(Name("", "ours")), spec=GatewayClassSpec(controller_name=CONTROLLER))
        objects: list[KubeObject] = [class_, core.Namespace(metadata=meta(Name("", "shop"))), gateway()]
        objects += [service(number) for number in range(SERVICES)]
        objects += [endpoint_slice(number, "10.0.0.1") for number in range(SERVICES)]
        objects += [route(number, hosts=hosts) for number in range(size)]
        reconciler = Reconciler()
        assert not reconciler.objects((type(one).__name__, one.name, one) for one in objects).failures
        self.pipeline: Pipeline = reconciler.pipeline

    def put(self, one: KubeObject) -> Delta:
        return self.pipeline.apply(self.pipeline.change(type(one).__name__, one.name, one))

    def delete(self, one: KubeObject) -> Delta:
        return self.pipeline.apply(self.pipeline.change(type(one).__name__, one.name, None))

    def changed(self, delta: Delta) -> set[str]:
        """Name the tables in which a row is another now."""
        return {table.name for table in self.pipeline.graph.tables if delta[table]}

    def types(self, delta: Delta) -> list[str]:
        """Give the type of every resource that is another now."""
        return sorted(type_url for _fleet, type_url, _name in delta[self.pipeline.resources])


def worlds(*, hosts: bool) -> Mapping[int, World]:
    return {size: World(size, hosts=hosts) for size in SIZES}


def same(costs: Mapping[int, Stats]) -> Stats:
    """Require equal costs at all sizes, and give them."""
    assert len(set(costs.values())) == 1, costs
    return costs[SIZES[0]]


@one_host_or_many
def test_an_edited_route_costs_the_same_among_ten_and_among_a_thousand(hosts: bool) -> None:  # noqa: FBT001
    costs = {}
    for size, world in worlds(hosts=hosts).items():
        delta = world.put(route(7, hosts=hosts, path="new"))

        assert world.types(delta) == [ROUTE]
        costs[size] = delta.stats
    assert same(costs).derivations <= 10, "more than one for each table on the way"


@one_host_or_many
def test_a_route_on_default_gateways_costs_the_same(hosts: bool) -> None:  # noqa: FBT001
    costs = {}
    for size, world in worlds(hosts=hosts).items():
        front = gateway()
        spec = msgspec.structs.replace(front.spec, default_scope="All")
        world.put(msgspec.structs.replace(front, spec=spec))
        for number in range(size):
            world.put(by_default(number, hosts=hosts))

        delta = world.put(by_default(7, hosts=hosts, path="new"))

        assert world.types(delta) == [ROUTE]
        costs[size] = delta.stats
    assert same(costs).derivations <= 10, "more than one for each table on the way"


def by_default(number: int, *, hosts: bool, path: str = "/") -> HTTPRoute:
    """Give a route that names no Gateway."""
    found = route(number, hosts=hosts, path=path)
    return msgspec.structs.replace(
        found, spec=msgspec.structs.replace(found.spec, parent_refs=(), use_default_gateways="All")
    )


@one_host_or_many
def test_a_route_that_comes_and_goes_costs_the_same(hosts: bool) -> None:  # noqa: FBT001
    added, removed = {}, {}
    for size, world in worlds(hosts=hosts).items():
        new = route(size, hosts=hosts)
        delta = world.put(new)

        assert world.types(delta) == [ROUTE]
        added[size] = delta.stats
        status = delta[world.pipeline.statuses][ObjectKey("Gateway", "shop", "front")]
        assert isinstance(status, GatewayStatus)
        assert status.listeners[0].attached_routes == size + 1
        delta = world.delete(new)

        assert world.types(delta) == [ROUTE]
        removed[size] = delta.stats
    same(added)
    same(removed)


class Joined:
    """The pieces that the routes of one hostname are joined from; those that are made anew are seen."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.pieces = self._now()

    def _now(self) -> list[RoutePiece]:
        listener = ListenerKey("Gateway", "shop", "front", "http")
        return list(self.world.pipeline.route_lists.rows[listener, "h0.example.com"].pieces)

    def put(self, one: HTTPRoute) -> list[int]:
        """Give how many routes each piece has that was made for a change."""
        before, self.pieces = self.pieces, (self.world.put(one), self._now())[1]
        return [len(piece.members) for piece in self.pieces if not any(piece is other for other in before)]


def test_a_route_among_thousands_of_one_hostname_is_joined_with_its_neighbours_only() -> None:
    joined = Joined(World(2_000, hosts=False))
    half = FEW // 2
    assert {len(piece.members) for piece in joined.pieces[:-1]} == {half}, "wherever the order of a set begins"

    assert joined.put(route(2_000, hosts=False)) == [half + 1], "the one that it is in"
    assert joined.put(route(1_500, hosts=False, path="new")) == [half + 1, half - 1], "that, and the one that it left"
    # Those that come next stand side by side, and no piece is cut before it is full.
    for number in range(half - 1):
        assert joined.put(route(2_001 + number, hosts=False)) == [half + 2 + number]
    count = len(joined.pieces)
    assert joined.put(route(3_000, hosts=False)) == [half, half + 1], "two halves of what grew too large"
    assert len(joined.pieces) == count + 1


@one_host_or_many
def test_a_match_that_is_never_reached_costs_the_two_routes_that_ask_for_it(hosts: bool) -> None:  # noqa: FBT001
    costs = {}
    for size, world in worlds(hosts=hosts).items():
        twin = route(7, hosts=hosts, namespace="pay")
        delta = world.put(twin)

        owners = {key.name for key in delta[world.pipeline.statuses] if key.kind == "HTTPRoute"}
        assert owners == {"r7"}
        assert len(delta[world.pipeline.shadows]) == 1
        costs[size] = delta.stats
    same(costs)


@one_host_or_many
def test_an_endpoint_slice_costs_its_endpoints(hosts: bool) -> None:  # noqa: FBT001
    costs = {}
    for size, world in worlds(hosts=hosts).items():
        delta = world.put(endpoint_slice(7, "10.0.0.2"))

        assert world.changed(delta) == {"endpoint_slices", "endpoint_resources", "resources"}
        assert world.types(delta) == [ENDPOINTS]
        costs[size] = delta.stats
    assert same(costs).derivations == 1


@one_host_or_many
def test_answers_of_envoys_cost_the_status_of_their_gateway(hosts: bool) -> None:  # noqa: FBT001
    costs = {}
    for size, world in worlds(hosts=hosts).items():
        key = ListenerKey("Gateway", "shop", "front", "http")
        delta = world.pipeline.apply([Change(world.pipeline.deliveries, key, Delivery(1))])

        assert world.changed(delta) == {"deliveries", "listener_states", "gateway_statuses", "statuses"}
        costs[size] = delta.stats
    assert same(costs).derivations == 2


@pytest.mark.parametrize("size", SIZES)
def test_what_nothing_depends_on_costs_nothing_downstream(size: int) -> None:
    """Labels and annotations of Services and namespaces: what narrows the row finds nothing new."""
    world = World(size, hosts=True)

    delta = world.put(service(7, note={"note": "x"}))
    assert world.changed(delta) == {"services"}
    assert delta.stats.derivations == 3, "what it is as a backend, its ports, and what of it is written down for us"

    delta = world.put(core.Namespace(metadata=meta(Name("", "shop"), annotations={"note": "x"})))
    assert world.changed(delta) == {"namespaces"}
    assert delta.stats.derivations == 1


@pytest.mark.parametrize("size", SIZES)
def test_an_equal_object_costs_nothing(size: int) -> None:
    """What is decoded holds no status and no resourceVersion, so this is what our own writes come back as."""
    world = World(size, hosts=True)
    for one in (route(7, hosts=True), gateway(), service(7), endpoint_slice(7, "10.0.0.1")):
        delta = world.put(one)

        assert not delta
        assert delta.stats == (0, 0, 0, 1), "no table but the one that it stands in"


@one_host_or_many
def test_metadata_of_a_gateway_runs_no_route(hosts: bool) -> None:  # noqa: FBT001
    costs = {}
    for size, world in worlds(hosts=hosts).items():
        delta = world.put(gateway(labels={"team": "red"}, generation=2))

        awaited = {"awaited_listeners", "awaited"}
        assert world.changed(delta) == {"gateways", "our_gateways", "gateway_statuses", "statuses"} | awaited
        costs[size] = delta.stats
    same(costs)


@one_host_or_many
def test_metadata_of_a_route_changes_its_status_at_most(hosts: bool) -> None:  # noqa: FBT001
    costs = {}
    for size, world in worlds(hosts=hosts).items():
        old = route(7, hosts=hosts)
        metadata = msgspec.structs.replace(old.metadata, generation=2, labels={"team": "red"})
        delta = world.put(msgspec.structs.replace(old, metadata=metadata))

        assert world.changed(delta) == {"http_routes", "http_route_statuses", "statuses"}
        costs[size] = delta.stats
    same(costs)


@one_host_or_many
def test_a_grant_costs_the_routes_that_asked_for_it(hosts: bool) -> None:  # noqa: FBT001
    costs, unrelated = {}, {}
    for size, world in worlds(hosts=hosts).items():
        world.put(route(size, hosts=hosts, namespace="pay"))

        unrelated[size] = world.put(grant("x", "elsewhere")).stats
        delta = world.put(grant("g", "pay"))

        assert world.types(delta) == [ROUTE]
        assert len(delta[world.pipeline.rules]) == 1
        costs[size] = delta.stats
    same(costs)
    assert same(unrelated).derivations == 1


def grant(name: str, namespace: str) -> ReferenceGrant:
    from_ = ReferenceGrantFrom(group=GATEWAY_GROUP, kind="HTTPRoute", namespace=namespace)
    spec = ReferenceGrantSpec(from_=(from_,), to=(ReferenceGrantTo(group="", kind="Service"),))
    return ReferenceGrant(metadata=meta(Name("shop", name)), spec=spec)
