"""The laws of `xdsserver.tables`, each with the right and the wrong example of its docstring."""

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import count
from typing import NamedTuple

import pytest

from xdsserver.tables import Change, Graph, Read, Source, TableError


class PodKey(NamedTuple):
    app: str
    name: str


@dataclass(frozen=True, slots=True)
class Pod:
    address: str
    ready: bool


@dataclass(frozen=True, slots=True)
class Route:
    backend: str
    listener: str = "http"


@dataclass(frozen=True, slots=True)
class Gateway:
    hostname: str
    labels: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Lease:
    holder: str
    expires: float


def test_the_example_of_the_docstring() -> None:
    graph = Graph()
    pods = graph.source("pods", Pod)
    ready = graph.derive("ready", pods, lambda _read, key, pod: {key: pod.address} if pod.ready else {})
    by_app = graph.index("by_app", ready, by=lambda key, _address: key.app)

    delta = graph.apply(
        [
            Change(pods, PodKey("shop", "b"), Pod("10.0.0.2", ready=True)),
            Change(pods, PodKey("shop", "a"), Pod("10.0.0.1", ready=True)),
            Change(pods, PodKey("shop", "c"), Pod("10.0.0.3", ready=False)),
        ]
    )

    assert delta[by_app] == {"shop": (PodKey("shop", "a"), PodKey("shop", "b"))}


class Backends(NamedTuple):
    """Routes that name a Service, which has a port."""

    graph: Graph
    routes: Source[str, Route]
    services: Source[str, int]

    @classmethod
    def declare(cls) -> "Backends":
        graph = Graph()
        return cls(graph, graph.source("routes", Route), graph.source("services", int))


def test_law_1_right_a_read_wakes_the_one_who_read() -> None:
    graph, routes, services = Backends.declare()
    ports = graph.derive("ports", routes, lambda read, key, route: {key: read(services, route.backend)})
    graph.apply([Change(routes, "r", Route("shop")), Change(services, "shop", 80)])

    graph.apply([Change(services, "shop", 8080)])

    assert ports.rows == {"r": 8080}


def test_law_1_wrong_a_look_past_read_never_wakes() -> None:
    graph, routes, services = Backends.declare()
    ports = graph.derive("ports", routes, lambda _read, key, route: {key: services.rows[route.backend]})
    graph.apply([Change(routes, "r", Route("shop")), Change(services, "shop", 80)])

    graph.apply([Change(services, "shop", 8080)])

    assert ports.rows == {"r": 80}


def test_law_2_right_many_to_one_is_a_group() -> None:
    graph, routes, _services = Backends.declare()
    attached = graph.derive("attached", routes, lambda _read, key, route: {(route.listener, key): 1})
    counts = graph.count("counts", attached, by=lambda key, _row: key[0])

    graph.apply([Change(routes, "r", Route("shop")), Change(routes, "s", Route("shop"))])

    assert counts.rows == {"http": 2}


def test_law_2_wrong_two_rows_that_write_one_key_are_an_error() -> None:
    graph, routes, _services = Backends.declare()
    graph.derive("attached", routes, lambda _read, _key, route: {route.listener: 1})

    with pytest.raises(TableError, match=r"attached: 'http' comes from both '[rs]' and '[rs]'"):
        graph.apply([Change(routes, "r", Route("shop")), Change(routes, "s", Route("shop"))])


class Hosts(NamedTuple):
    """Routes that take their hostname from a Gateway, by way of a table or not."""

    graph: Graph
    gateways: Source[str, Gateway]
    routes: Source[str, str]

    @classmethod
    def declare(cls) -> "Hosts":
        graph = Graph()
        return cls(graph, graph.source("gateways", Gateway), graph.source("routes", str))

    def apply_ten_routes_then_a_label(self) -> int:
        """Return how many derivations the label cost."""
        ten = [Change(self.routes, f"r{number}", "gw") for number in range(10)]
        self.graph.apply([Change(self.gateways, "gw", Gateway("a.example")), *ten])
        return self.graph.apply([Change(self.gateways, "gw", Gateway("a.example", ("new",)))]).stats.derivations


def test_law_3_right_an_equal_narrow_row_ends_the_wave() -> None:
    hosts = Hosts.declare()
    graph, gateways, routes = hosts
    listeners = graph.derive("listeners", gateways, lambda _read, key, gateway: {key: gateway.hostname})
    graph.derive("hosts", routes, lambda read, key, parent: {key: read(listeners, parent)})

    assert hosts.apply_ten_routes_then_a_label() == 1


def test_law_3_wrong_a_wide_row_wakes_everybody() -> None:
    hosts = Hosts.declare()
    graph, gateways, routes = hosts

    def host(read: Read, key: str, parent: str) -> Mapping[str, str]:
        gateway = read(gateways, parent)
        return {key: gateway.hostname} if gateway else {}

    graph.derive("hosts", routes, host)

    assert hosts.apply_ten_routes_then_a_label() == 10


def pods_and_how_often_there_was_none() -> tuple[Graph, Source[PodKey, Pod], list[tuple[str, object]]]:
    graph = Graph()
    apps = graph.source("apps", str)
    pods = graph.source("pods", Pod)
    members = graph.index("members", pods, by=lambda key, _pod: key.app)
    served: list[tuple[str, object]] = []

    def serve(read: Read, app: str, _row: str) -> Mapping[str, object]:
        answer = read(members, app)
        served.append((app, answer))
        return {app: answer}

    graph.derive("served", apps, serve)
    graph.apply([Change(apps, "shop", ""), Change(pods, PodKey("shop", "old"), Pod("10.0.0.1", ready=True))])
    return graph, pods, served


def test_law_4_right_what_belongs_together_is_seen_together() -> None:
    graph, pods, served = pods_and_how_often_there_was_none()

    graph.apply(
        [Change(pods, PodKey("shop", "old"), None), Change(pods, PodKey("shop", "new"), Pod("::1", ready=True))]
    )

    assert served == [("shop", (PodKey("shop", "old"),)), ("shop", (PodKey("shop", "new"),))]


def test_law_4_wrong_two_calls_serve_the_world_between_them() -> None:
    graph, pods, served = pods_and_how_often_there_was_none()

    graph.apply([Change(pods, PodKey("shop", "old"), None)])
    graph.apply([Change(pods, PodKey("shop", "new"), Pod("::1", ready=True))])

    assert ("shop", None) in served


def leases() -> tuple[Graph, Source[str, Lease]]:
    graph = Graph()
    return graph, graph.source("leases", Lease)


def test_law_5_right_a_row_says_until_when_it_holds() -> None:
    graph, source = leases()
    held = graph.derive("held", source, lambda _read, key, lease: {key: (lease.holder, lease.expires)})

    graph.apply([Change(source, "leader", Lease("pod-1", expires=2.0))])

    assert held.rows == {"leader": ("pod-1", 2.0)}


def test_law_5_wrong_an_answer_by_the_clock_stays_when_the_clock_goes_on() -> None:
    graph, source = leases()
    clock = count()
    held = graph.derive("held", source, lambda _read, key, lease: {key: lease.expires > next(clock)})
    graph.apply([Change(source, "leader", Lease("pod-1", expires=2.0))])

    for _tick in range(5):
        graph.apply([])

    assert next(clock) == 1, "nobody asked the clock again"
    assert held.rows == {"leader": True}


def test_law_5_an_exception_costs_the_rows_of_one_key_and_is_reported() -> None:
    graph = Graph()
    numbers = graph.source("numbers", int)
    inverse = graph.derive("inverse", numbers, lambda _read, key, number: {key: 1 / number})

    delta = graph.apply([Change(numbers, "two", 2), Change(numbers, "zero", 0)])

    assert inverse.rows == {"two": 0.5}
    assert {place: type(error) for place, error in delta.failures.items()} == {("inverse", "zero"): ZeroDivisionError}
