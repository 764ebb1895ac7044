"""What Prometheus makes of the stack: whom it reaches, what they tell, and the alerts that the chart brings."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import yaml

from e2e.compose.stack import until

if TYPE_CHECKING:
    from e2e.compose.stack import Stack

ENVOYS = {"envoy-1:19001", "envoy-2:19001"}
ALERTS = Path(__file__).parents[2] / "deploy/chart/xdsserver/files/alerts.yaml"


@pytest.fixture(autouse=True)
def _there(stack: Stack) -> None:
    if stack.without_prometheus:
        pytest.skip(f"no Prometheus: no registry, and no package: {stack.without_prometheus}")


def test_every_target_is_up_and_tells_of_the_load(stack: Stack) -> None:
    until(lambda: targets(stack) == dict.fromkeys({"server:8081", *ENVOYS}, "up"), "all targets are up")
    until(lambda: series(stack, "xdsserver_xds_streams") == {"server:8081": 2.0}, "the server has both Envoys")
    answered = 'sum by (instance) (envoy_http_downstream_rq_xx{envoy_response_code_class="2"})'
    until(lambda: all(series(stack, answered).get(envoy, 0) > 0 for envoy in ENVOYS), "both Envoys answer")


def test_the_alerts_of_the_chart_are_held_against_it(stack: Stack) -> None:
    wanted = {rule["alert"] for group in yaml.safe_load(ALERTS.read_text())["groups"] for rule in group["rules"]}

    def judged() -> bool:
        rules = [rule for group in stack.metrics("rules")["groups"] for rule in group["rules"]]
        assert {rule["name"] for rule in rules} == wanted
        assert not [rule["lastError"] for rule in rules if rule["health"] == "err"]
        return all(rule["health"] == "ok" for rule in rules)

    until(judged, "every alert was evaluated")


def targets(stack: Stack) -> dict[str, str]:
    """Give the health of each target."""
    active: list[dict[str, Any]] = stack.metrics("targets", state="active")["activeTargets"]
    return {one["labels"]["instance"]: one["health"] for one in active}


def series(stack: Stack, query: str) -> dict[str, float]:
    """Give the value of a query for each instance that has one."""
    result: list[dict[str, Any]] = stack.metrics("query", query=query)["result"]
    return {one["metric"]["instance"]: float(one["value"][1]) for one in result}
