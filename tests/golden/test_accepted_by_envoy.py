"""Envoy itself accepts what every case sends it, and would say so if it did not."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from envoy.config.route.v3.route_pb2 import RouteConfiguration

from tests.golden.cases import FLEET, all_cases
from tests.golden.validation import refused
from tests.golden.world import settled
from xdsserver.xds.resource import ROUTE, Resource

if TYPE_CHECKING:
    from pathlib import Path


def sent() -> dict[str, list[Resource]]:
    """Give what is sent by case, and by fleet where a case has another one than most."""
    found: dict[str, list[Resource]] = {case.name: [] for case in all_cases()}
    for case in all_cases():
        for (fleet, _, _), resource in settled(case).reconciler.pipeline.resources.rows.items():
            found.setdefault(case.name if fleet == FLEET else f"{case.name} {fleet}", []).append(resource)
    return found


@pytest.mark.live
def test_envoy_accepts_every_case(tmp_path: Path) -> None:
    assert refused(sent(), tmp_path) == {}


@pytest.mark.live
def test_a_case_that_envoy_refuses_is_named(tmp_path: Path) -> None:
    """The check above can fail: one bad expression among the routes of one case is found, and no other is blamed."""
    cases = dict(list(sent().items())[:8])
    bad = next(name for name, resources in cases.items() if any(one.type_url == ROUTE for one in resources))
    spoilt = []
    for one in cases[bad]:
        if one.type_url == ROUTE:
            routes = RouteConfiguration.FromString(one.body)
            route = routes.virtual_hosts.add(name="spoilt", domains=["spoilt"]).routes.add()
            route.match.safe_regex.regex = "("
            route.direct_response.status = 200
            spoilt.append(Resource.of(routes, one.name))
        else:
            spoilt.append(one)
    found = refused({**cases, bad: spoilt}, tmp_path)
    assert list(found) == [bad]
    assert "missing )" in found[bad]
