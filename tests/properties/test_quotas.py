"""What a namespace asks for beyond its quota: the older keep what they have, others notice nothing, in any order."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING

import pytest

from tests.properties.gateway_worlds import CONTROLLER
from xdsserver.gatewayapi.quotas import Quota
from xdsserver.gatewayapi.statuses import GatewayStatus, RouteStatus
from xdsserver.objects.core import Namespace
from xdsserver.objects.gateway import AllowedRoutes, Gateway, GatewayListener, GatewaySpec, RouteNamespaces
from xdsserver.objects.gatewayclass import GatewayClass, GatewayClassSpec
from xdsserver.objects.httproute import HTTPRoute, HTTPRouteRule, HTTPRouteSpec, ParentReference
from xdsserver.objects.meta import Name, ObjectKey, ObjectMeta
from xdsserver.pipeline import Options
from xdsserver.reconciler import Reconciler, Surroundings

if TYPE_CHECKING:
    from collections.abc import Iterable

    from xdsserver.objects.meta import KubeObject

EVERYBODY = AllowedRoutes(namespaces=RouteNamespaces(from_="All"))


def created(second: int) -> str:
    return f"2026-01-01T{second // 3600:02}:{second // 60 % 60:02}:{second % 60:02}Z"


def route(namespace: str, number: int, hosts: int = 1, gateway: str = "front", age: int | None = None) -> HTTPRoute:
    return HTTPRoute(
        metadata=ObjectMeta(
            name=f"r{number:05}",
            namespace=namespace,
            uid=f"{namespace}-{number}",
            creation_timestamp=created(number if age is None else age),
        ),
        spec=HTTPRouteSpec(
            parent_refs=(ParentReference(name=gateway, namespace="shop"),),
            hostnames=tuple(f"h{number}-{one}.{namespace}.example.com" for one in range(hosts)),
            rules=(HTTPRouteRule(),),
        ),
    )


def gateway(name: str, ports: Iterable[int], age: int = 0, namespace: str = "shop") -> Gateway:
    listeners = tuple(
        GatewayListener(name=f"p{port}", port=port, protocol="HTTP", allowed_routes=EVERYBODY) for port in ports
    )
    metadata = ObjectMeta(name=name, namespace=namespace, uid=f"{namespace}-{name}", creation_timestamp=created(age))
    return Gateway(metadata=metadata, spec=GatewaySpec(gateway_class_name="ours", listeners=listeners))


class World:
    """A class, a Gateway with one listener that all may use, and what a test adds."""

    def __init__(self, quota: Quota, *objects: KubeObject) -> None:
        self.reconciler = Reconciler(Surroundings(options=Options(quota=quota)))
        class_ = GatewayClass(metadata=ObjectMeta(name="ours"), spec=GatewayClassSpec(controller_name=CONTROLLER))
        self.put(class_, Namespace(metadata=ObjectMeta(name="shop")), gateway("front", [80]), *objects)

    def put(self, *objects: KubeObject) -> None:
        assert not self.reconciler.objects((type(one).__name__, one.name, one) for one in objects).failures

    def delete(self, *objects: KubeObject) -> None:
        assert not self.reconciler.objects((type(one).__name__, one.name, None) for one in objects).failures

    def accepted(self, namespace: str) -> dict[int, str]:
        """Give the reason of Accepted for each route of a namespace that has a status, by its number."""
        found = {}
        for key, status in self.reconciler.pipeline.statuses.rows.items():
            if isinstance(status, RouteStatus) and key.namespace == namespace:
                (parent,) = status.parents
                found[int(key.name[1:])] = next(one.reason for one in parent.conditions if one.type == "Accepted")
        return dict(sorted(found.items()))

    def words(self, route: HTTPRoute) -> str:
        status = self.reconciler.pipeline.statuses.rows[ObjectKey("HTTPRoute", *route.name)]
        assert isinstance(status, RouteStatus)
        return next(one.message for one in status.parents[0].conditions if one.type == "Accepted")

    def judged(self) -> dict[ObjectKey, object]:
        """Give what statuses say, but for addresses: those go by who came first."""
        rows = self.reconciler.pipeline.statuses.rows.items()
        return {key: one.listeners if isinstance(one, GatewayStatus) else one for key, one in rows}

    def attached(self) -> int:
        status = self.reconciler.pipeline.statuses.rows[ObjectKey("Gateway", "shop", "front")]
        assert isinstance(status, GatewayStatus)
        return status.listeners[0].attached_routes


def test_s16_routes_beyond_the_quota_of_a_namespace_are_refused_the_youngest_first() -> None:
    """S16: caps per namespace: the older routes have what they have, and others' are not touched."""
    world = World(Quota(routes=3), *(route("greedy", number) for number in range(5)), route("modest", 9))
    assert world.accepted("greedy") == dict.fromkeys(range(3), "Accepted") | dict.fromkeys((3, 4), "TooManyRoutes")
    assert world.accepted("modest") == {9: "Accepted"}
    assert world.attached() == 4
    assert world.words(route("greedy", 4)) == (
        "namespace greedy may have 3 routes, and older ones are so many; delete some, or use another namespace"
    )
    world.delete(route("greedy", 1))
    assert world.accepted("greedy") == {0: "Accepted", 2: "Accepted", 3: "Accepted", 4: "TooManyRoutes"}
    world.delete(route("greedy", 4))
    assert set(world.accepted("greedy").values()) == {"Accepted"}


def test_s16_an_older_route_that_comes_late_takes_the_place_of_a_younger_one() -> None:
    """S16: it is age that counts, and not who was read first: a restart changes nothing."""
    world = World(Quota(routes=2), route("greedy", 1), route("greedy", 2))
    world.put(route("greedy", 0))
    assert world.accepted("greedy") == {0: "Accepted", 1: "Accepted", 2: "TooManyRoutes"}
    # Of one second it is the name.
    world.put(route("greedy", 7, age=0))
    assert world.accepted("greedy") == {0: "Accepted", 1: "TooManyRoutes", 2: "TooManyRoutes", 7: "Accepted"}


def test_s16_hostnames_beyond_the_quota_are_refused_with_their_route() -> None:
    """S16: caps on hostnames: a route that asks for too many goes without, and a smaller one behind it fits."""
    world = World(Quota(hostnames=10), route("greedy", 0, 6), route("greedy", 1, 6), route("greedy", 2, 4))
    assert world.accepted("greedy") == {0: "Accepted", 1: "TooManyRoutes", 2: "Accepted"}
    assert "older ones have 6, and this one asks for 6" in world.words(route("greedy", 1))


def test_s16_a_hostname_counts_for_each_listener_it_is_asked_for_on() -> None:
    """S16: what is served is what counts: one hostname on four listeners is four virtual hosts."""
    world = World(Quota(hostnames=5), gateway("wide", range(8001, 8005)))
    world.put(route("greedy", 0, gateway="wide"), route("greedy", 1), route("greedy", 2))
    assert world.accepted("greedy") == {0: "Accepted", 1: "Accepted", 2: "TooManyRoutes"}


def test_routes_of_other_gateways_do_not_count() -> None:
    others = [route("greedy", number, gateway="theirs") for number in range(10)]
    world = World(Quota(routes=1), *others, route("greedy", 11))
    assert world.accepted("greedy") == {11: "Accepted"}


def test_s16_listeners_beyond_the_quota_of_a_namespace_are_refused_those_of_the_youngest_gateway_first() -> None:
    """S16: caps on listeners, over all Gateways of a namespace by their age; Gateways elsewhere are not touched."""
    quota = Quota(listeners=4)
    world = World(
        quota, gateway("b", [81, 82], age=1), gateway("a", [83, 84], age=2), gateway("c", [85], namespace="n")
    )

    def reasons(namespace: str, name: str) -> list[str]:
        status = world.reconciler.pipeline.statuses.rows[ObjectKey("Gateway", namespace, name)]
        assert isinstance(status, GatewayStatus)
        return [next(one.reason for one in found.conditions if one.type == "Accepted") for found in status.listeners]

    assert reasons("shop", "front") == ["Accepted"]
    assert reasons("shop", "b") == ["Accepted", "Accepted"]
    assert reasons("shop", "a") == ["Accepted", "TooManyListeners"]
    assert reasons("n", "c") == ["Accepted"]
    world.delete(gateway("b", [81, 82], age=1))
    assert reasons("shop", "a") == ["Accepted", "Accepted"]


@pytest.mark.parametrize("seed", range(5))
def test_s16_who_is_refused_does_not_hang_on_the_order_of_events(seed: int) -> None:
    """S16: deterministic: any order, one by one or at once, with objects deleted on the way, ends in the same."""
    rolls = random.Random(seed)  # noqa: S311  (a repeatable one)
    quota = Quota(routes=12, hostnames=20, listeners=5)
    objects: list[KubeObject] = [
        *(route(rolls.choice("xy"), number, rolls.randint(1, 4), age=rolls.randint(0, 9)) for number in range(40)),
        *(gateway(f"g{number}", [80, 81], age=rolls.randint(0, 3)) for number in range(4)),
    ]
    at_once = World(quota, *objects)
    stepwise = World(quota)
    for one in rolls.sample(objects, len(objects)):
        stepwise.put(one)
        if rolls.random() < 0.3:
            stepwise.delete(one)
            stepwise.put(one)
    assert stepwise.judged() == at_once.judged()
    refused = [*at_once.accepted("x").values(), *at_once.accepted("y").values()].count("TooManyRoutes")
    assert 0 < refused < 40


def test_s16_a_route_more_among_many_costs_the_same() -> None:
    """S16: what a namespace has is known without looking at its routes, as long as there is room."""
    found = set()
    for size in (10, 100, 1000):
        pipeline = World(Quota(), *(route("shop", number) for number in range(size))).reconciler.pipeline
        delta = pipeline.apply(pipeline.change("HTTPRoute", Name("shop", "r99999"), route("shop", 99_999, age=1)))
        found.add(delta.stats)
    assert len(found) == 1, found
