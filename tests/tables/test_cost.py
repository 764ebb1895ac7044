"""What one change costs does not depend on how much else there is: counted, not timed."""

from collections.abc import Mapping
from typing import NamedTuple

import pytest

from xdsserver.tables import Change, Graph, Read, Source, Stats


class Route(NamedTuple):
    host: str
    backend: str
    path: str


def virtual_hosts(route_count: int, routes_per_host: int) -> tuple[Graph, Source[str, Route], Source[str, int]]:
    """Declare five tables over routes and services, from a backend to a virtual host, and fill them."""
    graph = Graph()
    routes = graph.source("routes", Route)
    services = graph.source("services", int)

    def resolve(read: Read, key: str, route: Route) -> Mapping[str, tuple[Route, int | None]]:
        return {key: (route, read(services, route.backend))}

    resolved = graph.derive("resolved", routes, resolve)
    by_host = graph.index("by_host", resolved, by=lambda _key, row: row[0].host)

    def assemble(read: Read, host: str, members: tuple[str, ...]) -> Mapping[str, object]:
        return {host: tuple(read(resolved, member) for member in members)}

    graph.derive("virtual_hosts", by_host, assemble)
    graph.count("uses", resolved, by=lambda _key, row: row[0].backend)
    graph.index("all", resolved, by=lambda _key, _row: "all")

    graph.apply(
        [
            *(Change(services, f"s{number}", 80) for number in range(10)),
            *(
                Change(routes, f"r{number}", Route(f"h{number // routes_per_host}", f"s{number % 10}", "/"))
                for number in range(route_count)
            ),
        ]
    )
    return graph, routes, services


@pytest.mark.parametrize("route_count", [10, 10_000])
def test_one_change_costs_the_same_among_ten_and_among_ten_thousand(route_count: int) -> None:
    graph, routes, _services = virtual_hosts(route_count, routes_per_host=5)

    delta = graph.apply([Change(routes, "r7", Route("h1", "s7", "/new"))])

    assert delta.stats == Stats(derivations=2, rows=2 + 1 + 5, folds=0, tables=6)


def test_a_service_costs_the_routes_that_read_it_and_their_hosts() -> None:
    graph, _routes, services = virtual_hosts(1_000, routes_per_host=5)

    delta = graph.apply([Change(services, "s7", 8080)])

    assert delta.stats == Stats(derivations=100 + 100, rows=100 * 2 + 100 * (1 + 5), folds=0, tables=6)
