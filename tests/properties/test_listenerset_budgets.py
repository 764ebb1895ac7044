"""What a change of one ListenerSet costs does not depend on how many others its Gateway has: counts, no times."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.properties.gateway_worlds import CONTROLLER
from xdsserver.gatewayapi.statuses import ListenerSetStatus
from xdsserver.objects.core import Namespace
from xdsserver.objects.gateway import (
    AllowedListeners,
    Gateway,
    GatewayListener,
    GatewaySpec,
    ListenerNamespaces,
)
from xdsserver.objects.gatewayclass import GatewayClass, GatewayClassSpec
from xdsserver.objects.httproute import HTTPRoute, HTTPRouteSpec, ParentReference
from xdsserver.objects.listenerset import ListenerSet, ListenerSetSpec, ParentGatewayReference
from xdsserver.objects.meta import LabelSelector, Name, ObjectKey, ObjectMeta
from xdsserver.pipeline import Options
from xdsserver.reconciler import Reconciler, Surroundings
from xdsserver.xds.resource import ROUTE

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from xdsserver.objects.meta import KubeObject
    from xdsserver.tables import Delta, Stats

SIZES = (10, 100)

SELECTED = ListenerNamespaces(from_="Selector", selector=LabelSelector(match_labels={"team": "yes"}))


def http(name: str, hostname: str, port: int = 80) -> GatewayListener:
    return GatewayListener(name=name, port=port, protocol="HTTP", hostname=hostname)


def gateway(*, labels: Mapping[str, str] | None = None) -> Gateway:
    return Gateway(
        metadata=ObjectMeta(name="front", namespace="shop", uid="front", labels=labels or {}),
        spec=GatewaySpec(
            gateway_class_name="ours",
            listeners=(http("own", "own.example.com"),),
            allowed_listeners=AllowedListeners(namespaces=SELECTED),
        ),
    )


def namespace(number: int, *, welcome: bool = True) -> Namespace:
    return Namespace(metadata=ObjectMeta(name=f"team-{number}", labels={"team": "yes"} if welcome else {}))


def listener_set(number: int, *listeners: GatewayListener, created: str = "2026-01-01T00:00:00Z") -> ListenerSet:
    return ListenerSet(
        metadata=ObjectMeta(name="set", namespace=f"team-{number}", uid=f"set{number}", creation_timestamp=created),
        spec=ListenerSetSpec(
            parent_ref=ParentGatewayReference(name="front", namespace="shop"),
            listeners=listeners or (http("a", f"h{number}.example.com"),),
        ),
    )


def route(number: int) -> HTTPRoute:
    return HTTPRoute(
        metadata=ObjectMeta(name="r", namespace=f"team-{number}", uid=f"r{number}"),
        spec=HTTPRouteSpec(parent_refs=(ParentReference(kind="ListenerSet", name="set"),)),
    )


class World:
    """A Gateway, and as many ListenerSets as are asked for, each in a namespace of its own and with one route."""

    def __init__(self, sets: Iterable[ListenerSet], options: Options | None = None) -> None:
        class_ = GatewayClass(metadata=ObjectMeta(name="ours"), spec=GatewayClassSpec(controller_name=CONTROLLER))
        objects: list[KubeObject] = [class_, gateway()]
        for number, one in enumerate(sets):
            objects += [namespace(number), one, route(number)]
        reconciler = Reconciler(Surroundings(options=options or Options()))
        assert not reconciler.objects((type(one).__name__, one.name, one) for one in objects).failures
        self.pipeline = reconciler.pipeline

    def put(self, one: KubeObject) -> Delta:
        return self.pipeline.apply(self.pipeline.change(type(one).__name__, one.name, one))

    def conditions(self, number: int) -> dict[str, str]:
        status = self.pipeline.statuses.rows[ObjectKey("ListenerSet", f"team-{number}", "set")]
        assert isinstance(status, ListenerSetStatus)
        return {f"{one.name} {found.type}": found.reason for one in status.listeners for found in one.conditions}


def costs(change: KubeObject, most: int) -> Mapping[int, Delta]:
    """Make one change among few and among many sets: the listeners of other sets are not looked at.

    What it may cost is what it costs: one for each table on the way from a set to listeners, routes and statuses.
    """
    deltas = {}
    found: dict[int, Stats] = {}
    for size in SIZES:
        world = World(listener_set(number) for number in range(size))
        deltas[size] = world.put(change)
        found[size] = deltas[size].stats
        others = {key for key in deltas[size][world.pipeline.listeners] if key.namespace != "team-7"}
        assert not others
    assert len(set(found.values())) == 1, found
    assert found[SIZES[0]].derivations <= most, found
    return deltas


def test_a_hostname_of_one_set_costs_the_same_among_ten_and_among_a_hundred() -> None:
    for delta in costs(listener_set(7, http("a", "new.example.com")), 35).values():
        assert not delta.failures


def test_a_listener_more_costs_the_same() -> None:
    costs(listener_set(7, http("a", "h7.example.com"), http("b", "b.example.com")), 42)


def test_a_relabelled_namespace_wakes_its_own_sets_only() -> None:
    """`allowedListeners.namespaces.selector` goes by labels: a namespace that loses them loses its listeners."""
    for size in SIZES:
        world = World(listener_set(number) for number in range(size))
        delta = world.put(namespace(7, welcome=False))
        assert {key.namespace for key in delta[world.pipeline.listeners]} == {"team-7"}
        assert [type_url for _, type_url, _ in delta[world.pipeline.resources]] == [ROUTE]
        assert delta.stats.derivations <= 17, delta.stats
        assert world.conditions(7) == {}
        world.put(namespace(7))
        assert world.conditions(7)["a Accepted"] == "Accepted"


def test_a_label_of_the_gateway_wakes_no_set() -> None:
    for size in SIZES:
        world = World(listener_set(number) for number in range(size))
        delta = world.put(gateway(labels={"a": "b"}))
        assert not delta[world.pipeline.our_sets]
        assert not delta[world.pipeline.listeners]
        # Each table that follows Gateways runs once: fleet and ways in (our_gateways, placements, inside, claimants),
        # defaults, listeners and sets (allowances, gateway_candidates), what is TLS of it (frontends,
        # client_certificate_refs), filters, the objects that it is owed (marked, gateway_services, mirrored_slices,
        # kept_workloads), and what is said of it (awaited_listeners, gateway_statuses).
        assert delta.stats.derivations <= 16, delta.stats


def test_who_waits_for_a_place_is_woken_and_nobody_else() -> None:
    """The first parent of a place leaves it to the next one, whoever else is on the port."""
    for size in SIZES:
        sets = [listener_set(number) for number in range(size)]
        sets[3] = listener_set(3, http("a", "h7.example.com"), created="2026-01-02T00:00:00Z")
        world = World(sets)
        assert world.conditions(3)["a Conflicted"] == "HostnameConflict"
        delta = world.put(listener_set(7, http("a", "new.example.com")))
        assert {key.namespace for key in delta[world.pipeline.listeners]} == {"team-3", "team-7"}
        assert world.conditions(3)["a Conflicted"] == "NoConflicts"
        # Each table twice at most, for the one that leaves the place and for the one that takes it.
        assert delta.stats.derivations <= 56, delta.stats


@pytest.mark.parametrize("most", [64, 70])
def test_listeners_behind_the_most_that_a_gateway_may_have_are_refused(most: int) -> None:
    """ "An implementation MAY reject listeners": the last ones in their order (ListenerSetSpec.listeners).

    What they ask for is nobody's, so that the next who may have it gets it.
    """
    sets = [listener_set(number, created=f"2026-01-01T00:00:{number:02}Z") for number in range(60)]
    sets += [listener_set(60 + number, created=f"2026-01-02T00:00:{number:02}Z") for number in range(20)]
    world = World(sets, Options(listeners_per_gateway=most))
    accepted = [number for number in range(80) if world.conditions(number)["a Accepted"] == "Accepted"]
    assert accepted == list(range(most - 1)), "the Gateway has one itself"
    assert world.conditions(79) == {
        "a Accepted": "TooManyListeners",
        "a Programmed": "Invalid",
        "a Conflicted": "NoConflicts",
        "a ResolvedRefs": "ResolvedRefs",
    }
    world.pipeline.apply(world.pipeline.change("ListenerSet", Name("team-0", "set"), None))
    assert world.conditions(most - 1)["a Accepted"] == "Accepted"
