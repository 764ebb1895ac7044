"""The largest route that the schema lets through: too long to be written down, so that it is made and counted."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
import yaml
from envoy.config.route.v3.route_pb2 import RouteConfiguration

from tests.golden.cases import HERE
from tests.golden.validation import refused
from xdsserver.files import Folder
from xdsserver.reconciler import Reconciler
from xdsserver.xds.resource import ROUTE

if TYPE_CHECKING:
    from pathlib import Path

    from xdsserver.files import Scan

RULES = 16
MATCHES = 8


def largest(rules: int, matches: int) -> dict[str, Any]:
    """Give a route with as many rules and matches; later rules and matches have the longer paths."""
    return {
        "apiVersion": "gateway.networking.k8s.io/v1",
        "kind": "HTTPRoute",
        "metadata": {"name": "largest", "namespace": "default"},
        "spec": {
            "parentRefs": [{"name": "edge"}],
            "hostnames": [f"host-{number}.example.com" for number in range(16)],
            "rules": [
                {
                    "matches": [
                        {"path": {"value": "/" + "a" * (rule * matches + match + 1)}} for match in range(matches)
                    ],
                    "backendRefs": [{"name": "web", "port": 80, "weight": 1 + number} for number in range(16)],
                }
                for rule in range(rules)
            ],
        },
    }


def read(place: Path, document: dict[str, Any]) -> Scan:
    base = "---\n".join((HERE / "base" / f"{name}.yaml").read_text() for name in ("class", "gateway", "web"))
    (place / "base.yaml").write_text(base)
    (place / "largest.yaml").write_text(yaml.safe_dump(document))
    return Folder(place).scan()


@pytest.mark.live
def test_the_largest_route_is_whole_and_accepted_by_envoy(tmp_path: Path) -> None:
    """16 hostnames, 16 rules, 128 matches and 16 backends each (HTTPRouteSpec.rules): all there, longest path first."""
    scan = read(tmp_path, largest(RULES, MATCHES))
    assert scan.problems == ()
    reconciler = Reconciler()
    outcome = reconciler.objects((one.kind, one.name, one.object) for one in scan.changes)
    resources = [resource for resource in outcome.resources.values() if resource is not None]
    routes = next(RouteConfiguration.FromString(one.body) for one in resources if one.type_url == ROUTE)
    hosts = [host for host in routes.virtual_hosts if host.name != "*"]
    assert len(hosts) == 16
    for host in hosts:
        lengths = [len(route.match.path_separated_prefix) for route in host.routes]
        assert lengths == list(range(RULES * MATCHES + 1, 1, -1))
        assert {len(route.route.weighted_clusters.clusters) for route in host.routes} == {16}
    assert refused({"largest": resources}, tmp_path) == {}


def test_64_matches_in_each_of_15_rules_are_refused(tmp_path: Path) -> None:
    """Either number is allowed, both together are not (HTTPRouteSpec.rules, "must be less than 128")."""
    scan = read(tmp_path, largest(RULES - 1, 64))
    assert ["must be less than 128" in problem.message for problem in scan.problems] == [True]
